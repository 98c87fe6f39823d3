"""Programs follow what happened: in order, nothing skipped, nothing twice, nothing of others."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from rfq import operations
from rfq.models import FeedMark, PartyEvent, RequestKey
from rfq.models.feed import oldest_running
from tests import factories, jobs
from tests.api.parties import Program, Room, code_of
from tests.concurrency.threads import in_thread
from trading.lib import clock
from users.models import AuditEvent, Counterparty


@pytest.fixture
def room(db: None) -> Room:
    made = Room()
    jobs.run_all(queues=["messages"])
    return made


def told(program: Program, after: str | None = None, **more: Any) -> list[tuple[str, str]]:
    """Kinds and subjects, once the jobs have run."""
    jobs.run_all(queues=["messages"])
    return [(item["kind"], item["subject"]) for item in program.events(after, **more).json()["items"]]


def test_a_trade_as_each_side_hears_of_it(room: Room) -> None:
    rfq = factories.rfq(room.market, to_balance=True)
    best, other = factories.quote(rfq, room.market.leo, "0.92"), factories.quote(rfq, room.market.mina, "0.93")
    jobs.run_all(queues=["messages"])
    fill = factories.accept(best, room.market.tara)
    jobs.run_all()
    stl = fill.settlement.ref

    heard = told(room.tara)
    assert heard[0] == ("rfq.created", rfq.ref)
    assert ("quote.best_changed", rfq.ref) in heard
    assert ("fill.booked", fill.ref) in heard
    assert heard[-1] == ("settlement.changed", stl)
    assert told(room.leo) == [
        ("rfq.asked", rfq.ref),
        ("fill.booked", fill.ref),
        ("rfq.closed", rfq.ref),
        ("settlement.changed", stl),
    ]
    assert told(room.mina) == [("rfq.asked", rfq.ref), ("rfq.closed", rfq.ref)]
    closed = room.mina.events().json()["items"][-1]["data"]
    assert closed == {"rfq": rfq.ref, "quote": other.ref, "status": "done_away", "outcome": "cover"}


def test_what_is_told_is_what_the_calls_show(room: Room) -> None:
    fill = factories.fill(room.market)
    jobs.run_all(queues=["messages"])

    for program in (room.tara, room.leo):
        told_of = next(item for item in program.events().json()["items"] if item["kind"] == "fill.booked")
        assert told_of["data"] | {"party": "client" if program is room.tara else "lp"} == (
            program.get(f"fills/{fill.ref}").json()
        )


def test_the_client_hears_of_the_best_price_only_when_it_is_another(room: Room) -> None:
    rfq = factories.rfq(room.market)
    for dealer, price in ((room.market.leo, "0.92"), (room.market.mina, "0.93"), (room.market.mina, "0.91")):
        factories.quote(rfq, dealer, price)
        jobs.run_all(queues=["messages"])
    operations.pull_quote(rfq_ref=rfq.ref, actor=room.market.mina, now=clock.now())
    operations.pull_quote(rfq_ref=rfq.ref, actor=room.market.leo, now=clock.now())
    jobs.run_all(queues=["messages"])

    best = [item["data"]["best"] for item in room.tara.events().json()["items"] if "best" in item["data"]]
    prices = [one and one["all_in_price"] for one in best]
    assert prices == ["0.9219", "0.9119", None]


def test_the_end_without_a_trade(room: Room) -> None:
    cancelled = factories.rfq(room.market)
    factories.quote(cancelled, room.market.leo)
    operations.cancel_rfq(rfq_ref=cancelled.ref, actor=room.market.tara, now=clock.now())
    jobs.run_all(queues=["messages"])

    assert told(room.tara)[-1] == ("rfq.cancelled", cancelled.ref)
    assert [item["data"].get("status") for item in room.leo.events().json()["items"]] == [None, "done_away"]
    assert [item["data"].get("status") for item in room.mina.events().json()["items"]] == [None, None]


def test_an_lp_hears_that_its_own_quote_expired(room: Room) -> None:
    rfq = factories.rfq(room.market)
    factories.quote(rfq, room.market.mina, ttl_seconds=60)
    operations.submit_quote(
        rfq_ref=rfq.ref,
        price=Decimal("0.92"),
        actor=room.market.leo,
        key="key-of-leo",
        now=clock.now() - timedelta(seconds=40),
        ttl_seconds=10,
    )
    operations.expire_due(now=clock.now())

    assert [kind for kind, _subject in told(room.leo)] == ["rfq.asked", "quote.expired"]
    assert [kind for kind, _subject in told(room.mina)] == ["rfq.asked"]


# --- following ---------------------------------------------------------------------------------


def test_following_in_small_steps_reads_everything_once(room: Room) -> None:
    for _number in range(3):
        factories.fill(room.market)
    jobs.run_all(queues=["messages"])
    whole = [item["id"] for item in room.leo.events().json()["items"]]

    read: list[str] = []
    after, more = None, True
    while more:
        page = room.leo.events(after, limit=2).json()
        read += [item["id"] for item in page["items"]]
        after, more = page["next"], page["more"]

    assert read == whole
    assert len(whole) == len(set(whole)) >= 9
    assert room.leo.events(after).json() == {"items": [], "next": after, "more": False}


def test_nothing_yet(room: Room) -> None:
    assert room.leo.events().json() == {"items": [], "next": None, "more": False}


def test_anothers_place_is_no_place(room: Room) -> None:
    factories.rfq(room.market)
    told(room.leo)
    place = room.leo.events().json()["next"]

    assert code_of(room.mina.events(place)) == (400, "unknown_cursor")
    assert code_of(room.mina.events("EVT-ZZZZZZZZ")) == (400, "unknown_cursor")
    assert code_of(room.mina.events("1; drop")) == (400, "malformed")


def test_settlements_are_told_to_those_who_may_read_them(room: Room) -> None:
    factories.fill(room.market)
    trader = Program(room.market.tara, ["rfq.request"])

    assert "settlement.changed" not in {kind for kind, _subject in told(trader)}
    assert "settlement.changed" in {kind for kind, _subject in told(room.tara)}


def put(party: Counterparty, kind: str) -> None:
    now = clock.now()
    PartyEvent.objects.create(counterparty=party, kind=kind, subject="RFQ-AAAAAAAA", at=now, written_at=now)


def test_what_commits_late_is_not_skipped(room: Room) -> None:
    """The first to write commits last: its row has the lower id and must not turn up behind the reader's place."""
    leo = room.market.meridian
    with transaction.atomic():
        put(leo, "first")
        in_thread(lambda: put(leo, "second")).result()
        seen = in_thread(lambda: room.leo.get("events").json()).result()
        assert seen["items"] == [], "the second one was told while the first could still come before it"

    after = room.leo.events(limit=1).json()
    assert [item["kind"] for item in after["items"]] == ["first"]
    assert [item["kind"] for item in room.leo.events(after["next"]).json()["items"]] == ["second"]


def test_a_row_without_the_rule_would_be_skipped(room: Room) -> None:
    """The test above tests something: by id alone the reader would have been past the first row."""
    leo = room.market.meridian
    with transaction.atomic():
        put(leo, "first")
        in_thread(lambda: put(leo, "second")).result()
        visible = in_thread(lambda: list(PartyEvent.objects.filter(counterparty=leo))).result()
        hidden = PartyEvent.objects.filter(counterparty=leo, transaction__lt=oldest_running())

        assert [row.kind for row in visible] == ["second"]
        assert list(hidden) == []
    rows = PartyEvent.objects.filter(counterparty=leo).order_by("pk")
    assert [row.kind for row in rows] == ["first", "second"]


# --- writing the feed --------------------------------------------------------------------------


def test_jobs_in_any_order_tell_in_order_and_once(room: Room) -> None:
    fill = factories.fill(room.market)
    events = list(AuditEvent.objects.filter(pk__gt=0).order_by("-pk").values_list("pk", flat=True))

    for _round in range(2):
        for event in events:
            operations.tell_parties(event_id=event, now=clock.now())

    kinds = list(PartyEvent.objects.filter(counterparty=fill.lp).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["rfq.asked", "fill.booked", "rfq.closed"]


def test_jobs_at_once_tell_once(room: Room) -> None:
    rfq = factories.rfq(room.market)
    event = AuditEvent.objects.get(name="rfq.created", subject_ref=rfq.ref)
    with transaction.atomic():
        FeedMark.objects.create(rfq=rfq)  # the first is still at work
        second = in_thread(lambda: operations.tell_parties(event_id=event.pk, now=clock.now()))
        assert second.is_running
    second.result()
    third = operations.tell_parties(event_id=event.pk, now=clock.now())

    assert third == 0
    assert PartyEvent.objects.filter(subject=rfq.ref, kind="rfq.asked").count() == 2


def test_other_events_tell_nobody(room: Room) -> None:
    before = PartyEvent.objects.count()
    for event in AuditEvent.objects.filter(name__startswith="user."):
        assert operations.tell_parties(event_id=event.pk, now=clock.now()) == 0

    assert PartyEvent.objects.count() == before


def test_a_feed_that_fails_keeps_nobody_from_their_messages(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    from alerting import routing, tasks  # noqa: PLC0415

    reached = []

    def broken(**_: object) -> int:
        raise RuntimeError("the feed is broken")

    def dispatch(event_id: int, *, now: datetime) -> None:
        reached.append((event_id, now.tzinfo is not None))

    monkeypatch.setattr(operations, "tell_parties", broken)
    monkeypatch.setattr(routing, "dispatch", dispatch)

    with pytest.raises(RuntimeError):
        tasks.dispatch_event(17)
    assert reached == [(17, True)]


def test_old_news_are_forgotten_except_each_partys_latest(room: Room) -> None:
    factories.fill(room.market)
    told(room.leo)
    place = room.leo.events().json()["next"]
    room.tara.ask(key="request-1")
    later = clock.now() + timedelta(days=31)

    operations.forget_old_news(now=later)

    assert room.leo.events(place).status_code == 200
    assert PartyEvent.objects.values("counterparty").distinct().count() == PartyEvent.objects.count() == 3
    assert not RequestKey.objects.exists()


def test_what_was_told_is_not_rewritten(room: Room, owner: Any) -> None:
    factories.rfq(room.market)
    told(room.leo)

    owner.execute("select count(*) from rfq_partyevent")
    with pytest.raises(Exception, match="may only change"):
        owner.execute("update rfq_partyevent set kind = 'rfq.closed'")


def test_after_a_restore_into_a_younger_server_the_feed_goes_on(room: Room, owner: Any) -> None:
    """Transaction ids begin again there: rows of the old server get the lowest one and keep their order by id."""
    factories.fill(room.market)
    whole = told(room.leo)
    first = room.leo.events(limit=1).json()["next"]

    owner.execute("update rfq_partyevent set transaction = 0")

    assert told(room.leo) == whole
    assert told(room.leo, first) == whole[1:]


def test_telling_takes_as_many_queries_however_many_were_asked_and_quoted(room: Room) -> None:
    taken = []
    for number in (1, 5):
        for _lp in range(number):
            factories.user("lp")
        rfq = factories.rfq(room.market)
        for cents in range(number):
            factories.quote(rfq, room.market.leo, f"0.9{cents}")
        quote = factories.quote(rfq, room.market.mina, "0.95")
        fill = factories.accept(quote, room.market.tara)
        event = AuditEvent.objects.get(name="fill.booked", subject_ref=fill.ref)
        with CaptureQueriesContext(connection) as asked:
            assert operations.tell_parties(event_id=event.pk, now=clock.now()) > 2 * number
        taken.append(len(asked))

    assert taken[0] == taken[1] <= 16


def test_the_feed_costs_the_trade_nothing(room: Room, round_trips: Any) -> None:
    quote = factories.quote(factories.rfq(room.market), room.market.leo)
    with round_trips() as counted:
        factories.accept(quote, room.market.tara)

    assert counted.total <= 12
