"""Disputes over REST: parties open, follow and withdraw their own; nobody reads of the other side."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rfq.models import Dispute, DisputeNote, Fill
from tests import factories
from tests.api.conftest import Caller
from tests.api.parties import Program, code_of
from tests.factories import Market, assigned, dispute, noted, resolved
from users.models import AuditEvent, User

SCOPES = ["dispute.own"]
WORDS = "The confirmation said 0.9213, the receipt says 0.9231."
CLIENT, LP = "Zedtrade Imports", "Quillon Liquidity"


@pytest.fixture
def market(db: None) -> Market:
    made = factories.market()
    for party, name in ((made.client, CLIENT), (made.meridian, LP)):
        type(party).objects.filter(pk=party.pk).update(name=name)
    return made


@pytest.fixture
def fill(market: Market) -> Fill:
    """Tara of the client bought from leo."""
    return factories.fill(market)


@pytest.fixture
def tara(market: Market) -> Program:
    return Program(market.tara, SCOPES)


@pytest.fixture
def leo(market: Market) -> Program:
    return Program(market.leo, SCOPES)


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


def opens(program: Any, trade: Fill, *, key: str = "", **changes: Any) -> Any:
    body = {"fill": trade.ref, "kind": "price", "text": WORDS} | changes
    return program.post("disputes", body, key=key or factories.unique("dispute-key"))


def notes(program: Any, ref: str, *, key: str = "", **body: Any) -> Any:
    return program.post(f"disputes/{ref}/notes", {"text": WORDS} | body, key=key or factories.unique("note-key"))


# --- a party ---------------------------------------------------------------------------------


def test_a_client_opens_follows_and_withdraws_its_own(fill: Fill, tara: Program, olga: User) -> None:
    answer = opens(tara, fill)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["reader"], made["status"], made["opened_by"], made["notes"]) == ("party", "open", "party", [])
    assert (made["trade"]["ref"], made["trade"]["all_in_price"], made["trade"]["side"]) == (fill.ref, "0.9219", "buy")

    noted(Dispute.objects.get(), olga, "Which receipt do you mean, the first one?")
    said = notes(tara, made["dispute"])
    assert (said.status_code, said.json()["by"], set(said.json())) == (201, "party", {"by", "text", "added_at"})
    read = tara.get(f"disputes/{made['dispute']}").json()
    assert [note["by"] for note in read["notes"]] == ["desk", "party"]

    gone = tara.post(f"disputes/{made['dispute']}/withdrawal")
    assert (gone.status_code, gone.json()["status"]) == (200, "withdrawn")
    assert tara.post(f"disputes/{made['dispute']}/withdrawal").json() == gone.json()
    assert code_of(notes(tara, made["dispute"])) == (409, "dispute_over")
    events = AuditEvent.objects.filter(subject_ref=made["dispute"]).exclude(actor=olga)
    assert [event.name for event in events.order_by("pk")] == ["dispute.opened", "dispute.noted", "dispute.withdrawn"]


def test_an_lp_sees_the_trade_from_its_side(fill: Fill, leo: Program) -> None:
    made = opens(leo, fill, kind="settlement").json()

    trade = made["trade"]
    assert (trade["party"], trade["lp_side"], trade["price"]) == ("lp", "sell", "0.9200")
    assert "all_in_price" not in trade


def test_what_came_of_it_is_read(fill: Fill, tara: Program, olga: User) -> None:
    ref = opens(tara, fill).json()["dispute"]
    resolved(assigned(Dispute.objects.get(), olga), olga, "agreed", "You get the difference back today.")

    read = tara.get(f"disputes/{ref}").json()

    assert (read["status"], read["outcome"]) == ("resolved", "agreed")
    assert read["resolution"] == "You get the difference back today."
    assert code_of(tara.post(f"disputes/{ref}/withdrawal")) == (409, "dispute_over")


def test_the_same_key_is_the_same_dispute_and_the_same_note(fill: Fill, tara: Program) -> None:
    first, again = opens(tara, fill, key="our-ticket-1"), opens(tara, fill, key="our-ticket-1")
    assert first.json() == again.json()
    assert code_of(opens(tara, fill, key="our-ticket-1", kind="amount")) == (409, "key_reused")
    assert code_of(opens(tara, fill)) == (409, "already_disputed")

    ref = first.json()["dispute"]
    assert notes(tara, ref, key="our-note-1").json() == notes(tara, ref, key="our-note-1").json()
    assert code_of(notes(tara, ref, key="our-note-1", text=f"{WORDS} So?")) == (409, "key_reused")
    assert (Dispute.objects.count(), DisputeNote.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"text": "short"}, "text_too_short", "text"),
        ({"text": "x" * 1001}, "malformed", "text"),
        ({"text": f"{WORDS}\x00"}, "malformed", "text"),
        ({"kind": "weather"}, "malformed", "kind"),
        ({"fill": "17"}, "malformed", "fill"),
        ({"colour": "red"}, "malformed", "colour"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_names_its_field(
    fill: Fill, tara: Program, changes: dict[str, Any], code: str, field: str
) -> None:
    answer = opens(tara, fill, **changes)

    assert code_of(answer) == (400, code)
    assert list(answer.json()["fields"]) == [field]
    assert not Dispute.objects.exists()


def test_a_creating_call_takes_a_key(fill: Fill, tara: Program) -> None:
    answer = tara.post("disputes", {"fill": fill.ref, "kind": "price", "text": WORDS})
    assert (code_of(answer), list(answer.json()["fields"])) == ((400, "malformed"), ["Idempotency-Key"])


def test_what_is_somebody_elses_is_not_there(market: Market, fill: Fill, tara: Program, leo: Program) -> None:
    ref = opens(tara, fill).json()["dispute"]
    for other in (leo, Program(market.mina, SCOPES), Program(factories.user("trader"), SCOPES)):
        assert code_of(other.get(f"disputes/{ref}")) == (404, "not_found")
        assert code_of(notes(other, ref)) == (404, "not_found")
        assert code_of(other.post(f"disputes/{ref}/withdrawal")) == (404, "not_found")
        assert other.get("disputes").json() == {"items": [], "next": None}
        assert code_of(other.get("disputes", before=ref)) == (400, "unknown_cursor")
    assert code_of(opens(Program(market.mina, SCOPES), fill)) == (404, "no_such_fill")
    assert code_of(notes(tara, ref, is_internal=True)) == (403, "internal_note")


def test_a_key_without_the_scope_is_refused(market: Market, fill: Fill) -> None:
    other = Program(market.tara, ["rfq.request"])
    for answer in (opens(other, fill), other.get("disputes"), other.get("disputes/DSP-NOBODY")):
        assert code_of(answer) == (403, "missing_scope")


def test_lists_follow_by_key_and_filter_by_status(market: Market, tara: Program, olga: User) -> None:
    made = [dispute(factories.fill(market)).ref for _ in range(3)]
    assigned(Dispute.objects.get(ref=made[0]), olga)

    first = tara.get("disputes", limit=2).json()
    second = tara.get("disputes", limit=2, before=first["next"]).json()

    assert [one["dispute"] for one in [*first["items"], *second["items"]]] == made[::-1]
    assert second["next"] is None
    assert [one["dispute"] for one in tara.get("disputes", status="assigned").json()["items"]] == made[:1]


def test_lists_cost_the_same_queries_for_few_and_many(market: Market, tara: Program) -> None:
    tara.get("disputes")  # the first call of a minute notes that the key is used
    counts = []
    for more in (1, 4):
        for _ in range(more):
            dispute(factories.fill(market))
        with CaptureQueriesContext(connection) as asked:
            tara.get("disputes")
        counts.append(len(asked))

    assert counts[0] == counts[1]


# --- the desk --------------------------------------------------------------------------------


def test_operations_open_in_a_partys_name_and_see_both_sides(market: Market, fill: Fill, olga: User) -> None:
    desk = Caller(olga)
    assert code_of(opens(desk, fill)) == (400, "not_of_the_trade")

    answer = opens(desk, fill, party=market.meridian.ref)

    made = answer.json()
    assert (answer.status_code, made["reader"], made["opened_by"], made["assigned_to"]) == (201, "desk", "olga", None)
    assert (made["client"], made["lp"], made["lp_price"], made["all_in_price"]) == (CLIENT, LP, "0.9200", "0.9219")
    internal = notes(desk, made["dispute"], is_internal=True, text=f"{CLIENT} confirms it on the phone.")
    assert (internal.json()["author"], internal.json()["is_internal"]) == ("olga", True)
    public = notes(desk, made["dispute"], text=f"{CLIENT} confirms it on the phone.")
    assert code_of(public) == (400, "names_the_other_side")
    assert list(public.json()["fields"]) == ["text"]
    assert code_of(desk.post(f"disputes/{made['dispute']}/withdrawal")) == (403, "missing_capability")


def test_the_desk_reads_what_it_serves_and_only_operations_write(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)
    auditor = Caller(factories.user("auditor"))
    assert [one["dispute"] for one in auditor.get("disputes").json()["items"]] == [made.ref]
    assert auditor.get(f"disputes/{made.ref}").json()["client"] == CLIENT
    assert code_of(notes(auditor, made.ref)) == (403, "missing_capability")
    assert code_of(opens(auditor, fill, party=market.client.ref)) == (403, "missing_capability")

    scoped = Caller(factories.narrowed(olga))
    assert scoped.get("disputes").json()["items"] == []
    assert code_of(scoped.get(f"disputes/{made.ref}")) == (404, "not_found")
    assert code_of(notes(scoped, made.ref)) == (404, "not_found")


# --- blindness -------------------------------------------------------------------------------


def test_no_byte_a_party_gets_tells_of_the_other_side_or_of_the_desks_people(
    market: Market, fill: Fill, tara: Program, leo: Program, olga: User
) -> None:
    """The whole life of both parties' disputes, read by both: every answer, headers and refusals included."""
    heard: dict[Program, list[str]] = {tara: [], leo: []}

    def hear(program: Program, answer: Any) -> Any:
        heard[program].append(f"{answer.headers} {answer.content.decode()}")
        return answer.json()

    refs = {}
    for program in (tara, leo):
        refs[program] = ref = hear(program, opens(program, fill))["dispute"]
        one = assigned(Dispute.objects.get(ref=ref), olga)
        other = LP if program is tara else CLIENT
        noted(one, olga, f"{other} says on the phone that it was a slip.", is_internal=True)
        noted(one, olga, "We listen to the recording of the call now.")
        hear(program, notes(program, ref))
        hear(program, program.get(f"disputes/{ref}"))
        resolved(one, olga, "rejected", "The recording says the traded price.")
        hear(program, program.post(f"disputes/{ref}/withdrawal"))
        hear(program, opens(program, fill, party=market.northwind.ref))
    for program in (tara, leo):
        for path in ("disputes", *(f"disputes/{ref}" for ref in refs.values())):
            hear(program, program.get(path))

    everyone = ["olga", olga.ref, str(olga.person), "slip"]
    of_client = [CLIENT, market.client.ref, "tara", market.tara.username, market.tara.ref, refs[tara], "0.9219"]
    of_lp = [LP, market.meridian.ref, market.leo.username, market.leo.ref, refs[leo], "0.9200"]
    for program, secrets in ((leo, of_client), (tara, of_lp)):
        assert len(heard[program]) >= 8
        for secret in [*everyone, *secrets]:
            assert secret not in "\n".join(heard[program]), secret
