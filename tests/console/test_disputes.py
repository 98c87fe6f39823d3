"""Disputes at the console: found, opened in a party's name, taken, noted, resolved; refused with what was typed."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rfq.models import Dispute, DisputeNote, Fill
from rfq.queries import disputes as queries
from tests.console import scene
from tests.console.conftest import verified_client
from tests.factories import assigned, desk_login_of, dispute, noted, resolved, withdrawn
from trading.lib import clock
from users.models import Role, User

POLL = {"HX-Request": "true"}
WORDS = "The confirmation says 0.9213 and the receipt says otherwise."
BUDGET = {"list": 10, "detail": 15}


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def poll_url(page: str) -> str:
    found = re.search(r'data-poll hx-get="([^"]+)"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


def rows(page: str) -> list[str]:
    return re.findall(r'id="row-(DSP-\w+)"', page)


@pytest.fixture
def fills(db: None) -> list[Fill]:
    """Trades of one client with one LP."""
    scene.build(8)
    return list(Fill.objects.select_related("accepted_by__counterparty", "quote__quoted_by__counterparty", "lp"))


@pytest.fixture
def oscar(db: None) -> User:
    return scene.person("oscar", Role.OPS)


# --- finding ---------------------------------------------------------------------------------


def test_tabs_show_what_is_not_over_ones_own_what_is_resolved_and_all(
    console: Client, olga: User, fills: list[Fill]
) -> None:
    new, mine, done, gone = [dispute(fill) for fill in fills]
    assigned(mine, olga)
    resolved(assigned(done, olga), olga)
    withdrawn(gone, fills[3].accepted_by)

    listed = {tab: rows(text(console.get(f"/disputes/?tab={tab}"))) for tab in queries.TABS}

    assert listed == {
        "open": [mine.ref, new.ref],
        "mine": [mine.ref],
        "resolved": [done.ref],
        "all": [gone.ref, done.ref, mine.ref, new.ref],
    }
    page = text(console.get("/disputes/"))
    assert rows(page) == listed["open"]
    assert re.search(r'href="/disputes/".*?class="n hot".*?>2<', page, re.DOTALL)


def test_filters_live_in_the_address(console: Client, fills: list[Fill]) -> None:
    one, two = dispute(fills[0], kind="amount"), dispute(fills[1], by=fills[1].quote.quoted_by)
    for query, found in [
        ("kind=amount", [one]),
        (f"q={one.ref.lower()}", [one]),
        (f"q={fills[1].ref}", [two]),
        (f"q={fills[1].rfq.ref}", [two]),
        ("q=meridian", [two]),
        ("q=nobody", []),
        ("tab=mine", []),
        ("tab=%00&kind=' or 1=1", [two, one]),
        (f"before={two.ref}", [one]),
    ]:
        assert rows(text(console.get(f"/disputes/?{query}"))) == [made.ref for made in found], query
    assert "Clear the filter" in text(console.get("/disputes/?q=nobody"))
    assert console.get(f"/search/?q={one.ref.lower()}").headers["Location"] == f"/disputes/{one.ref}/"


def test_older_pages_follow_by_key(console: Client, fills: list[Fill], monkeypatch: pytest.MonkeyPatch) -> None:
    made = [dispute(fill) for fill in fills]
    monkeypatch.setattr(queries.page, "__kwdefaults__", {"size": 3})
    first = text(console.get("/disputes/?kind=price"))
    older = re.search(r'href="([^"]+)" rel="next"', first)

    assert older is not None
    assert "kind=price" in older[1]
    second = text(console.get(older[1].replace("&amp;", "&")))
    assert rows(first) + rows(second) == [one.ref for one in reversed(made)]
    assert "Newest" in second


@pytest.mark.parametrize("room", ["list", "detail"])
def test_pages_cost_the_same_queries_for_few_and_many(
    console: Client, olga: User, fills: list[Fill], room: str
) -> None:
    first = assigned(dispute(fills[0]), olga)
    counts = []
    for more in (fills[:0], fills[1:]):
        for fill in more:
            noted(first, olga)
            dispute(fill)
        url = "/disputes/" if room == "list" else f"/disputes/{first.ref}/"
        console.get(url)
        with CaptureQueriesContext(connection) as asked:
            console.get(url)
        counts.append(len(asked))

    assert counts[0] == counts[1] <= BUDGET[room]


def test_polls_are_empty_until_something_changes_and_hold_no_form(
    console: Client, olga: User, fills: list[Fill]
) -> None:
    made = dispute(fills[0])
    for page in ("/disputes/", f"/disputes/{made.ref}/"):
        url = poll_url(text(console.get(page)))
        assert (console.get(url, headers=POLL).status_code) == 204
        fragment = text(console.get(f"{page}?v=old", headers=POLL))
        assert made.ref in fragment
        for words in ("<html", "<form", "<input", "<select"):
            assert words not in fragment
        if page == "/disputes/":
            made = assigned(made, olga)
        else:
            noted(made, olga)
        assert console.get(url, headers=POLL).status_code == 200


# --- one dispute -----------------------------------------------------------------------------


def test_the_page_shows_trade_words_notes_and_history(console: Client, olga: User, fills: list[Fill]) -> None:
    fill = fills[0]
    made = assigned(dispute(fill, text=WORDS), olga)
    noted(made, olga, "Asked the LP on the phone what was said.", is_internal=True)
    noted(made, fill.accepted_by, "Please look at the receipt once more.")
    resolved(made, olga, "agreed", "The difference is paid back today.")

    page = text(console.get(f"/disputes/{made.ref}/"))

    for words in (
        *(WORDS, fill.ref, fill.rfq.ref, fill.settlement.ref, "Pars Export Co.", "Meridian Liquidity"),
        *("Asked the LP on the phone", "The desk only", "Please look at the receipt", "From the party"),
        *("The difference is paid back today.", "Agreed", "It is over and never changes again."),
        *("dispute.opened", "dispute.assigned", "dispute.noted", "dispute.resolved"),
    ):
        assert words in page, words
    assert "<textarea" not in page


def test_the_rfq_leads_to_its_disputes_and_to_a_new_one(console: Client, fills: list[Fill]) -> None:
    where = f"/rfqs/{fills[0].rfq.ref}/"
    before = text(console.get(where))
    assert "Nobody disputes this trade." in before
    assert f'href="/fills/{fills[0].ref}/disputes/new/"' in before

    made = dispute(fills[0])

    assert f'href="/disputes/{made.ref}/"' in text(console.get(where))
    auditor = text(verified_client(scene.person("audrey", Role.AUDITOR)).get(where))
    assert made.ref in auditor
    assert "/disputes/new/" not in auditor


def test_who_only_looks_is_offered_nothing_and_refused(fills: list[Fill], olga: User) -> None:
    made = dispute(fills[0])
    for role in (Role.AUDITOR, Role.APPROVER, Role.ADMIN):
        client = verified_client(scene.person(f"a-{role}", role))
        page = text(client.get(f"/disputes/{made.ref}/"))
        assert "Operations handle disputes." in page
        assert f"/disputes/{made.ref}/notes/" not in page
        for act in ("assignment", "giving-back", "notes", "resolution"):
            assert client.post(f"/disputes/{made.ref}/{act}/", {"to": olga.ref, "text": WORDS}).status_code == 403
        assert client.get(f"/fills/{fills[0].ref}/disputes/new/").status_code == 403
    assert Dispute.objects.get().status == "open"


def test_refs_nobody_knows_are_not_found(console: Client) -> None:
    for path in ("/disputes/DSP-NOBODY/", "/fills/FIL-NOBODY/disputes/new/"):
        assert console.get(path).status_code == 404


# --- acting ----------------------------------------------------------------------------------


def opening(fill: Fill, **changes: str) -> dict[str, str]:
    return {"party": fill.lp.ref, "kind": "settlement", "text": WORDS, "key": "once"} | changes


def test_the_desk_opens_one_in_a_partys_name_and_twice_is_once(console: Client, olga: User, fills: list[Fill]) -> None:
    where = f"/fills/{fills[0].ref}/disputes/new/"
    form = text(console.get(where))
    assert "LP: Meridian Liquidity" in form

    first = console.post(where, opening(fills[0]), follow=True)
    again = console.post(where, opening(fills[0]))

    made = Dispute.objects.get()
    assert (made.party, made.opened_by, made.kind) == (fills[0].lp, olga, "settlement")
    assert f"{made.ref} is open." in text(first)
    assert again.headers["Location"] == f"/disputes/{made.ref}/"


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"text": "short"}, 422, "What they say: write at least 20 characters"),
        ({"party": ""}, 422, "Who disputes it: the client or the LP?"),
        ({"party": "CPY-NOBODY"}, 422, "not one of the available choices"),
        ({"kind": ""}, 422, "What is wrong: choose one."),
        ({"text": f"{WORDS} Pars Export Co. says so."}, 422, "names the other side"),
        ({"key": "another"}, 409, "about the same trade is not over yet"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_the_words_are_kept(
    console: Client, fills: list[Fill], changes: dict[str, str], status: int, words: str
) -> None:
    if status == 409:
        dispute(fills[0], by=fills[0].quote.quoted_by)
    before = Dispute.objects.count()

    answer = console.post(f"/fills/{fills[0].ref}/disputes/new/", opening(fills[0], **changes))

    assert answer.status_code == status
    assert words in text(answer)
    assert opening(fills[0], **changes)["text"] in text(answer)
    assert Dispute.objects.count() == before


def test_taking_noting_and_resolving(console: Client, olga: User, fills: list[Fill]) -> None:
    made = dispute(fills[0])
    where = f"/disputes/{made.ref}/"
    assert f'<option value="{olga.ref}"' in text(console.get(where))

    taken = text(console.post(f"{where}assignment/", {"to": olga.ref}, follow=True))
    note = {"text": WORDS, "audience": "desk", "key": "once"}
    kept = text(console.post(f"{where}notes/", note, follow=True))
    console.post(f"{where}notes/", note)
    console.post(f"{where}notes/", {"text": WORDS, "audience": "party", "key": "twice"})
    answer = console.post(f"{where}resolution/", {"outcome": "rejected", "text": WORDS}, follow=True)

    assert f"{made.ref} is assigned." in taken
    assert f"The note on {made.ref} is kept." in kept
    assert f"{made.ref} is resolved. The party is told." in text(answer)
    assert list(DisputeNote.objects.order_by("pk").values_list("is_internal", flat=True)) == [True, False]
    made.refresh_from_db()
    assert (made.status, made.outcome, made.resolution) == ("resolved", "rejected", WORDS)


def test_somebody_else_gives_it_back_and_on(console: Client, olga: User, oscar: User, fills: list[Fill]) -> None:
    made = assigned(dispute(fills[0]), oscar)
    where = f"/disputes/{made.ref}/"
    page = text(console.get(where))
    assert "Give it back" in page
    assert "Resolve for good" not in page

    back = text(console.post(f"{where}giving-back/", follow=True))
    stale = console.post(f"{where}giving-back/")
    console.post(f"{where}assignment/", {"to": oscar.ref})

    assert "can be taken by somebody else" in back
    assert stale.status_code == 409
    assert "is assigned to nobody" in text(stale)
    made.refresh_from_db()
    assert made.assigned_to == oscar


@pytest.mark.parametrize(
    ("act", "sent", "words"),
    [
        ("assignment", {"to": ""}, "Who handles it: choose somebody."),
        ("assignment", {"to": "USR-NOBODY"}, "Who handles it: choose one of the people offered."),
        ("notes", {"text": "hm", "audience": "desk"}, "Note: write at least 20 characters"),
        ("notes", {"text": WORDS}, "Who reads it: choose one."),
        ("notes", {"text": f"{WORDS} So says Meridian Liquidity.", "audience": "party"}, "names the other side"),
        ("resolution", {"outcome": "", "text": WORDS}, "Outcome: choose one."),
        ("resolution", {"outcome": "upheld", "text": "yes"}, "Why: write at least 20 characters"),
        ("resolution", {"outcome": "upheld", "text": f"{WORDS} Meridian Liquidity."}, "names the other side"),
    ],
    ids=str,
)
def test_forms_come_back_as_they_were(
    console: Client, fills: list[Fill], act: str, sent: dict[str, str], words: str
) -> None:
    made = dispute(fills[0])
    if act == "resolution":
        assigned(made, User.objects.get(username="olga"))
    before = Dispute.objects.values().get()

    answer = console.post(f"/disputes/{made.ref}/{act}/", sent | {"key": "once"})

    assert answer.status_code == 422
    assert words in text(answer)
    assert sent.get("text", "") in text(answer)
    assert Dispute.objects.values().get() == before
    assert not DisputeNote.objects.exists()


def test_what_came_before_is_said_and_the_words_are_kept(
    console: Client, olga: User, oscar: User, fills: list[Fill]
) -> None:
    made = dispute(fills[0])
    where = f"/disputes/{made.ref}/"
    assigned(made, oscar)
    answers = [
        (console.post(f"{where}assignment/", {"to": olga.ref}), "is assigned to oscar"),
        (console.post(f"{where}resolution/", {"outcome": "upheld", "text": WORDS}), "oscar, who resolves it"),
    ]
    resolved(made, oscar)
    note = {"text": f"{WORDS} Indeed.", "audience": "desk", "key": "once"}
    answers += [
        (console.post(f"{where}notes/", note), "is over: Resolved"),
        (console.post(f"{where}resolution/", {"outcome": "upheld", "text": f"{WORDS} Indeed."}), "is over: Resolved"),
    ]

    for answer, words in answers:
        assert answer.status_code == 409
        assert words in text(answer)
    assert all(WORDS in text(answer) for answer, _words in answers[1:])
    assert all(" disabled>" in text(answer) for answer, _words in answers[2:])
    assert not DisputeNote.objects.exists()


def test_who_took_part_is_told_before_they_write(fills: list[Fill]) -> None:
    both = desk_login_of(fills[0].accepted_by)
    made = dispute(fills[0])
    made.move("assigned", at=clock.now(), assigned_to=both, assigned_at=clock.now())
    client = verified_client(both)

    page = text(client.get(f"/disputes/{made.ref}/"))
    answer = client.post(f"/disputes/{made.ref}/resolution/", {"outcome": "upheld", "text": WORDS})

    assert "You took part in this trade." in page
    assert "Resolve for good" not in page
    assert answer.status_code == 403


def test_what_people_write_is_escaped(console: Client, olga: User, fills: list[Fill]) -> None:
    evil = "<script>alert('a dispute')</script>"
    made = assigned(dispute(fills[0], text=evil), olga)
    noted(made, olga, evil, is_internal=True)
    resolved(made, olga, "upheld", evil)

    for path in ("/disputes/?tab=all", f"/disputes/{made.ref}/"):
        assert evil not in text(console.get(path))
