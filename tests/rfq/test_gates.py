"""Trading hours and LPs' caps where they bind: asking, quoting, accepting, on one connection and on many."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from rfq import hours, operations
from rfq.errors import LpCap, OutsideHours
from rfq.models import Fill, Quote, Rfq
from rfq.operations import RfqRequest
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from settlement import operations as settlement_operations
from settlement.models import Settlement
from settlement.queries import unsettled
from tests import factories
from tests.concurrency.threads import at_once, in_thread, locked, wait_for_a_waiter
from tests.factories import REASON, Market
from trading.lib import clock
from trading.lib.errors import DeskError
from users.models import Counterparty, User

OFFICE = [{"days": [0, 1, 2, 3, 4, 5, 6], "from": "09:00", "to": "17:00"}]
FUTURE = 2039  # the database's clock is before every closing in it


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def agree(party: Counterparty, zone: str, windows: list[dict[str, object]] | None = None) -> None:
    factories.carry("hours.change", party.ref, time_zone=zone, windows=windows or OFFICE)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def refer(market: Market, now: datetime) -> None:
    """A reference that is good at that time."""
    said = (Tick(market.pair.code, Decimal("0.92"), now),)
    operations.take_rates(answers=[Answer(name, said) for name in ("one", "two")], now=now)


def ask(trader: User, now: datetime) -> Rfq:
    request = RfqRequest("USDT/EUR", "buy", Decimal(10_000), "EUR", factories.unique("rfq"), "balance")
    return operations.create_rfq(actor=trader, request=request, now=now)


def submit(rfq: Rfq, dealer: User, now: datetime) -> Quote:
    return operations.submit_quote(
        rfq_ref=rfq.ref, price=Decimal("0.92"), actor=dealer, key=factories.unique("quote"), now=now
    )


def accepting(quote: Quote, trader: User, now: datetime | None = None) -> Callable[[], Fill]:
    key = factories.unique("accept")
    return partial(operations.accept_quote, quote_ref=quote.ref, actor=trader, key=key, now=now or clock.now())


def outcome(act: Callable[[], object]) -> str:
    """A refusal's code, or the name of what came of it."""
    try:
        return type(act()).__name__
    except DeskError as refusal:
        return refusal.code


# --- trading hours ---------------------------------------------------------------------------


def test_outside_its_hours_a_client_reads_when_they_begin_by_its_own_clock(market: Market) -> None:
    agree(market.client, "Asia/Tehran")

    with pytest.raises(OutsideHours) as refusal:
        ask(market.tara, at("2026-06-01 13:30"))  # 17:00 in Tehran

    assert "2026-06-02 09:00 (Asia/Tehran)" in refusal.value.sentence
    assert ask(market.tara, at("2026-06-01 13:29:59")).ref


def test_an_lp_quotes_within_its_hours_and_no_quote_outlives_them(market: Market) -> None:
    agree(market.meridian, "Europe/Berlin")
    now = at(f"{FUTURE}-06-01 14:59:50")  # ten seconds before 17:00 in Berlin
    refer(market, now)
    rfq = ask(market.tara, now)

    assert submit(rfq, market.leo, now).valid_until == at(f"{FUTURE}-06-01 15:00")
    assert outcome(partial(submit, rfq, market.leo, at(f"{FUTURE}-06-01 15:00"))) == "outside_hours"
    assert submit(rfq, market.mina, now).valid_until == now + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("zone", "last_minute"),
    [
        ("Europe/Berlin", "2039-03-26 15:59"),  # winter, the Saturday before
        ("Europe/Berlin", "2039-03-27 14:59"),  # the Sunday the clocks go forward
        ("Europe/Berlin", "2039-10-29 14:59"),
        ("Europe/Berlin", "2039-10-30 15:59"),  # the Sunday they go back
        ("America/New_York", "2039-03-12 21:59"),
        ("America/New_York", "2039-03-13 20:59"),
        ("America/New_York", "2039-11-05 20:59"),
        ("America/New_York", "2039-11-06 21:59"),
        ("Asia/Tehran", "2039-03-21 13:29"),
        ("Asia/Tehran", "2039-03-22 13:29"),
    ],
)
def test_the_last_trading_minute_is_that_of_the_zone(market: Market, zone: str, last_minute: str) -> None:
    agree_on = factories.quote(factories.rfq(market), market.leo)
    agree(market.client, zone)
    minute = at(last_minute)
    refer(market, minute)

    after = outcome(accepting(agree_on, market.tara, minute + timedelta(minutes=1)))
    within = outcome(accepting(agree_on, market.tara, minute + timedelta(seconds=59)))

    assert (after, within) == ("outside_hours", "Fill")


def test_many_at_once_in_the_last_minute_of_the_day_the_clocks_change(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    agree(market.client, "Europe/Berlin")
    within, after = at(f"{FUTURE}-10-30 15:59:59"), at(f"{FUTURE}-10-30 16:00")
    refer(market, within)

    outcomes = at_once([accepting(quote, market.tara, now) for now in [within, after] * 5])

    codes = {outcome.code for outcome in outcomes if isinstance(outcome, DeskError)}
    assert len([one for one in outcomes if isinstance(one, Fill)]) == 1
    assert codes <= {"outside_hours", "already_filled"}
    assert Settlement.objects.count() == 1


def test_hours_that_end_while_an_accept_waits_are_over(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    agree(market.client, "UTC", [{"days": list(range(7)), "from": "00:00", "to": "00:00"}])
    closes = clock.now() + timedelta(seconds=1)
    monkeypatch.setattr(hours, "open_until", lambda _hours, _at: closes)

    with locked(market.client):
        waiting = in_thread(accepting(quote, market.tara))
        wait_for_a_waiter()
        while clock.now() <= closes:
            pass
    refusal = waiting.outcome()

    assert isinstance(refusal, OutsideHours), refusal
    assert not Fill.objects.exists()


def test_the_databases_clock_decides_not_the_callers(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    agree(market.client, "America/New_York")
    long_ago = at("2024-11-03 21:59:59")  # within the hours of that day, which are over

    assert outcome(accepting(quote, market.tara, long_ago)) == "outside_hours"


# --- the cap of an LP ------------------------------------------------------------------------


def cap(market: Market, amount: str | None) -> None:
    terms = {"pause_window": None, "minimum_response_percent": None, "maximum_reject_percent": None}
    factories.carry("lp_terms.change", market.meridian.ref, unsettled_cap=amount, **terms)


def another_client(market: Market) -> User:
    """A second client that may trade, with money: its accepts wait for no lock of the first one's."""
    trader = factories.user("trader")
    client = trader.counterparty
    assert client is not None
    settlement_operations.open_accounts(assets=[market.usdt, market.eur], counterparties=[client])
    factories.set_terms(client, market.pair)
    factories.deposit(client, market.eur, "1000000")
    return trader


def test_an_lp_trades_up_to_its_cap_and_no_further(market: Market) -> None:
    first = factories.quote(factories.rfq(market, to_balance=True), market.leo)
    cap(market, str(first.base_amount * 2))
    factories.accept(first, market.tara)
    assert unsettled(market.meridian.pk) == first.base_amount
    exact, above = (factories.quote(factories.rfq(market), market.leo) for _ in range(2))
    factories.accept(exact, market.tara)

    with pytest.raises(LpCap):
        factories.accept(above, market.tara)

    above.refresh_from_db()
    assert above.status == "active"
    assert factories.accept(factories.quote(above.rfq, market.mina), market.tara).ref


def test_what_is_settled_counts_no_more(market: Market) -> None:
    quote = factories.quote(factories.rfq(market, to_balance=True), market.leo)
    cap(market, str(quote.base_amount))
    fill = factories.accept(quote, market.tara)
    fill.settlement.move(Settlement.Status.SETTLED, at=clock.now(), settled_at=clock.now())

    assert factories.accept(factories.quote(factories.rfq(market), market.leo), market.tara).ref


def test_without_a_cap_nothing_more_is_asked_of_the_database(market: Market, round_trips: Callable[[], object]) -> None:
    quotes = [factories.quote(factories.rfq(market), market.leo) for _ in range(2)]
    counts = []
    for quote, amount in zip(quotes, ("1000000", "2000000"), strict=True):
        with round_trips() as counted:  # type: ignore[attr-defined]
            factories.accept(quote, market.tara)
        counts.append(counted.total)
        cap(market, amount)

    assert counts[0] <= 12
    assert counts[1] == counts[0] + 2


@pytest.mark.parametrize("round_", range(3))
def test_two_accepts_that_together_break_the_cap_trade_once(market: Market, round_: int) -> None:
    other = another_client(market)
    first = factories.quote(factories.rfq(market), market.leo)
    request = RfqRequest("USDT/EUR", "buy", Decimal(10_000), "EUR", factories.unique("rfq"), "balance")
    theirs = operations.create_rfq(actor=other, request=request, now=clock.now())
    second = factories.quote(theirs, market.leo)
    cap(market, str(first.base_amount + second.base_amount - Decimal("0.000001")))

    outcomes = at_once([accepting(first, market.tara), accepting(second, other)])

    names = sorted(one.code if isinstance(one, DeskError) else type(one).__name__ for one in outcomes)
    assert names == ["Fill", "lp_cap"], round_


# --- a pause against an accept -----------------------------------------------------------------


@pytest.mark.parametrize("round_", range(5))
def test_an_lp_paused_at_the_instant_of_an_accept_trades_or_is_paused(market: Market, round_: int) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    actor = factories.founders()[0]
    pause = partial(operations.pause_lp, lp_ref=market.meridian.ref, actor=actor, reason=REASON, now=clock.now())

    accepted, paused = at_once([accepting(quote, market.tara), pause])

    assert not isinstance(paused, Exception), (round_, paused)
    quote.refresh_from_db()
    if isinstance(accepted, Fill):
        assert quote.status == "traded"
    else:
        assert getattr(accepted, "code", accepted) == "quote_gone"
        assert quote.status == "pulled"
        assert not Fill.objects.exists()


@pytest.mark.parametrize("round_", range(3))
def test_no_quote_of_a_paused_lp_stays_live(market: Market, round_: int) -> None:
    rfqs = [factories.rfq(market) for _ in range(4)]
    actor = factories.founders()[0]
    pause = partial(operations.pause_lp, lp_ref=market.meridian.ref, actor=actor, reason=REASON, now=clock.now())

    outcomes = at_once([*(partial(factories.quote, rfq, market.leo) for rfq in rfqs), pause])

    assert not isinstance(outcomes[-1], Exception), (round_, outcomes)
    assert not Quote.objects.filter(lp=market.meridian, status="active").exists()


def test_a_pause_seen_only_by_the_take_still_stops_it(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    with locked(market.client):
        waiting = in_thread(accepting(quote, market.tara))
        wait_for_a_waiter()
        pausing = in_thread(
            partial(operations.pause_desk, actor=factories.founders()[0], reason=REASON, now=clock.now())
        )
        pausing.result()

    assert getattr(waiting.outcome(), "code", None) == "desk_paused"
