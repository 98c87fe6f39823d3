"""An LP learns nothing of the client and nothing of its rivals: every byte it gets is read."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from rfq import operations
from rfq.models import Quote
from tests import jobs
from tests.api.parties import Program, Room
from trading.lib import clock

CALLS = ("pairs", "rfqs", "quotes", "fills", "settlements", "events")
CLIENT, RIVAL = "Zedtrade Imports", "Quillon Liquidity"


class Ear:
    """An LP's program that keeps every byte it was answered, headers and refusals included."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.heard: list[bytes] = []

    def keep(self, answer: Any) -> bytes:
        # The request id is drawn anew for every call; it is compared nowhere.
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items() if name != "X-Request-ID")
        kept: bytes = f"{answer.status_code}\n{headers}\n".encode() + answer.content
        if request_id := answer.headers.get("X-Request-ID"):
            kept = kept.replace(request_id.encode(), b"REQ")
        self.heard.append(kept)
        return kept

    def everything(self, *refs: str) -> list[bytes]:
        """All lists, and each of these RFQs."""
        paths = [*CALLS, *(f"rfqs/{ref}" for ref in refs)]
        return [self.keep(self.program.get(path)) for path in paths]


@pytest.fixture
def room(db: None) -> Room:
    made = Room()
    for party, name in ((made.market.client, CLIENT), (made.market.northwind, RIVAL)):
        type(party).objects.filter(pk=party.pk).update(name=name)
    jobs.run_all(queues=["messages"])
    return made


@pytest.fixture
def ear(room: Room) -> Ear:
    return Ear(room.leo)


def tell() -> None:
    jobs.run_all(queues=["messages"])


def secrets_of(room: Room) -> list[str]:
    """What must never reach leo: of the client, of the rival, and of the desk's mark-up."""
    market = room.market
    people = [market.tara, market.mina]
    found = [market.client.ref, market.client.name, market.northwind.ref, market.northwind.name, market.address.ref]
    found += [market.address.address]
    for person in people:
        assert person.person is not None
        found += [person.username, person.ref, person.person.full_name]
    for quote in Quote.objects.filter(lp=market.northwind):
        found += [quote.ref, f"{quote.price:.4f}"]
    found += [f"{quote.all_in_price:.4f}" for quote in Quote.objects.all()]
    found += ["all_in", "markup", "client_rfq_id", "own-secret-id"]
    return found


def test_no_byte_an_lp_gets_tells_of_client_or_rival(room: Room, ear: Ear) -> None:
    market = room.market
    for winner, destination in ((market.leo, "balance"), (market.mina, market.address.ref)):
        asked = room.tara.ask(client_rfq_id=f"own-secret-id-{winner.username}", destination=destination).json()["ref"]
        tell()
        ear.everything(asked)
        ear.keep(room.leo.quote(asked, "0.9211"))
        room.mina.quote(asked, "0.9333")
        tell()
        ear.everything(asked)
        ear.keep(room.leo.quote(asked, "0.9222"))
        ear.keep(room.leo.quote(asked, "0.92221"))
        quote = Quote.objects.get(rfq__ref=asked, lp=winner.counterparty, status="active")
        room.tara.accept(quote.ref)
        tell()
        jobs.run_all()
        ear.everything(asked)
        ear.keep(room.leo.quote(asked, "0.9244"))
        ear.keep(room.leo.delete(f"rfqs/{asked}/quotes/live"))
        ear.keep(room.leo.accept(quote.ref))
        ear.keep(room.leo.get(f"fills/{room.tara.get('fills').json()['items'][0]['ref']}"))
        ear.keep(room.leo.get(f"settlements/{room.tara.get('settlements').json()['items'][0]['ref']}"))
    cancelled = room.tara.ask(client_rfq_id="own-secret-id-cancelled").json()["ref"]
    room.mina.quote(cancelled, "0.9333")
    room.tara.post(f"rfqs/{cancelled}/cancellation")
    tell()
    ear.everything(cancelled)

    said = b"\n".join(ear.heard).decode()

    assert "fill.booked" in said
    assert "rfq.closed" in said
    assert len(ear.heard) > 50
    told = [secret for secret in secrets_of(room) if secret in said]
    assert told == []


def _quotes(room: Room, ref: str) -> None:
    room.mina.quote(ref, "0.9333")


def _improves(room: Room, ref: str) -> None:
    room.mina.quote(ref, "0.9333")
    room.mina.quote(ref, "0.9111")


def _pulls(room: Room, ref: str) -> None:
    room.mina.quote(ref, "0.9333")
    room.mina.delete(f"rfqs/{ref}/quotes/live")


def _lets_expire(room: Room, ref: str) -> None:
    operations.submit_quote(
        rfq_ref=ref,
        price=Decimal("0.9333"),
        actor=room.market.mina,
        key="key-of-mina",
        now=clock.now() - timedelta(seconds=40),
        ttl_seconds=10,
    )
    operations.expire_due(now=clock.now())
    assert Quote.objects.get(lp=room.market.northwind).status == "expired"


@pytest.mark.parametrize("own_quote", [False, True])
@pytest.mark.parametrize("rival", [_quotes, _improves, _pulls, _lets_expire])
def test_answers_are_the_same_to_the_byte_whatever_a_rival_does(
    room: Room, ear: Ear, rival: Callable[[Room, str], None], *, own_quote: bool
) -> None:
    ref = room.tara.ask().json()["ref"]
    if own_quote:
        room.leo.quote(ref, "0.9211", ttl_seconds=60)
    tell()
    before = ear.everything(ref)

    rival(room, ref)
    tell()

    assert ear.everything(ref) == before


def test_the_end_tells_how_ones_own_quote_ended_and_nothing_else(room: Room) -> None:
    """Second best when a rival traded, no outcome when the client left; no price, no number, no name beside it."""
    ends = []
    for traded in (True, False):
        ref = room.tara.ask().json()["ref"]
        own = room.leo.quote(ref, "0.9211").json()["quote"]
        rivals = room.mina.quote(ref, "0.9111").json()["quote"]
        if traded:
            assert room.tara.accept(rivals).status_code == 201
        else:
            room.tara.post(f"rfqs/{ref}/cancellation")
        tell()
        last = room.leo.events().json()["items"][-1]
        ends.append({**last["data"], "kind": last["kind"], "rfq": None, "quote": last["data"]["quote"] == own})
        ends[-1]["refusal"] = room.leo.quote(ref, "0.92").json()["code"]

    told = {"kind": "rfq.closed", "rfq": None, "quote": True, "status": "done_away", "refusal": "rfq_over"}
    assert ends == [told | {"outcome": "cover"}, told | {"outcome": None}]


def test_one_that_did_not_quote_learns_only_that_it_is_over(room: Room) -> None:
    ends = []
    for traded in (True, False):
        ref = room.tara.ask().json()["ref"]
        rivals = room.mina.quote(ref, "0.9111").json()["quote"]
        if traded:
            assert room.tara.accept(rivals).status_code == 201
        else:
            room.tara.post(f"rfqs/{ref}/cancellation")
        tell()
        ends.append(room.leo.events().json()["items"][-1]["data"] | {"rfq": None})

    assert ends[0] == ends[1] == {"rfq": None, "quote": None, "status": None, "outcome": None}
