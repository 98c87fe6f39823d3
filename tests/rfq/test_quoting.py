"""Firm quotes: submitted, replaced, taken back, expired."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from rfq import operations
from rfq.errors import KeyReused, NoSuchQuote, RfqExpired, RfqOver
from rfq.models import Quote, Rfq
from rfq.operations import expiring
from tests import factories, jobs
from tests.concurrency.threads import in_thread, locked
from tests.factories import Market
from trading.lib import clock
from trading.lib.errors import DeskError
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty, User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def rfq(market: Market) -> Rfq:
    return factories.rfq(market)


def submit(
    rfq: Rfq, dealer: User, price: str = "0.92", *, key: str = "", ttl: int | None = None, ago: float = 0
) -> Quote:
    return operations.submit_quote(
        rfq_ref=rfq.ref,
        price=Decimal(price),
        actor=dealer,
        key=key or factories.unique("key"),
        now=clock.now() - timedelta(seconds=ago),
        ttl_seconds=ttl,
    )


def status(thing: Rfq | Quote) -> str:
    thing.refresh_from_db()
    return str(thing.status)


# --- submitting ------------------------------------------------------------------------------


def test_quote_fixes_price_and_amounts(market: Market, rfq: Rfq) -> None:
    quote = submit(rfq, market.leo)

    assert (quote.status, quote.all_in_price) == ("active", Decimal("0.9219"))
    assert (quote.base_amount, quote.quote_amount) == (Decimal("10847.163466"), Decimal(10_000))
    assert (quote.lp_quote_amount, quote.markup_amount) == (Decimal("9979.39"), Decimal("20.61"))
    assert status(rfq) == "quoted"
    event = AuditEvent.objects.get(name="quote.submitted")
    assert (event.actor, event.subject_ref, event.after["price"]) == (market.leo, quote.ref, "0.92")


def test_better_quote_replaces_the_lps_earlier_one_only(market: Market, rfq: Rfq) -> None:
    first, other = submit(rfq, market.leo, "0.93"), submit(rfq, market.mina, "0.925")

    better = submit(rfq, market.leo, "0.92")

    assert (status(first), status(other), status(better)) == ("replaced", "active", "active")
    assert AuditEvent.objects.get(subject_ref=better.ref).before == {"quote": first.ref, "price": "0.9300000000"}


def test_same_key_is_the_same_quote_even_when_it_is_over(market: Market, rfq: Rfq) -> None:
    quote = submit(rfq, market.leo, key="tg:1")
    operations.cancel_rfq(rfq_ref=rfq.ref, actor=market.tara, now=clock.now())

    assert submit(rfq, market.leo, key="tg:1") == quote
    assert Quote.objects.count() == 1


def test_key_used_for_another_price_or_rfq_is_refused(market: Market, rfq: Rfq) -> None:
    submit(rfq, market.leo, key="tg:1")

    with pytest.raises(KeyReused):
        submit(rfq, market.leo, "0.91", key="tg:1")
    with pytest.raises(KeyReused):
        submit(factories.rfq(market), market.leo, key="tg:1")
    assert submit(rfq, market.mina, key="tg:1").status == "active"  # keys are each LP's own


@pytest.mark.parametrize("ttl", [10, 30, 60])
def test_quote_lives_as_long_as_asked(market: Market, rfq: Rfq, ttl: int) -> None:
    quote = submit(rfq, market.leo, ttl=ttl)

    assert quote.valid_until - quote.created_at == timedelta(seconds=ttl)


def test_quote_does_not_outlive_its_rfq(market: Market) -> None:
    factories.carry("pair.change", market.pair.code, rfq_ttl_seconds=30)
    rfq = factories.rfq(market)

    assert submit(rfq, market.leo, ttl=60).valid_until == rfq.expires_at


@pytest.mark.parametrize(
    ("price", "ttl", "code"),
    [
        ("0", 30, "bad_price"),
        ("-0.92", 30, "bad_price"),
        ("0.92001", 30, "bad_price"),
        ("NaN", 30, "bad_price"),
        ("Infinity", 30, "bad_price"),
        ("1e9", 30, "bad_price"),
        ("999999999", 30, "bad_price"),  # the USDT come to (almost) nothing, yet the LP would be owed nothing
        ("0.92", 9, "bad_lifetime"),
        ("0.92", 61, "bad_lifetime"),
        ("0.92", -1, "bad_lifetime"),
    ],
)
def test_senseless_quotes_are_refused(market: Market, price: str, ttl: int, code: str) -> None:
    tiny = factories.rfq(market, amount="0.01")

    with pytest.raises(DeskError) as refusal:
        submit(tiny, market.leo, price, ttl=ttl)

    assert refusal.value.code == code
    assert refusal.value.sentence
    assert not Quote.objects.exists()


def test_price_that_makes_the_amounts_overflow_is_refused(market: Market) -> None:
    huge = factories.rfq(market, amount="999999999999999")

    with pytest.raises(DeskError, match="bad_price"):
        submit(huge, market.leo, "0.0001")


def test_who_may_not_quote(market: Market, rfq: Rfq) -> None:
    for actor in (market.tara, factories.user("ops")):
        with pytest.raises(MissingCapability):
            submit(rfq, actor)
    misplaced = factories.user("lp")
    misplaced.counterparty = market.client  # what the database does not let be: a client's dealer
    with pytest.raises(DeskError, match="not_an_lp"):
        submit(rfq, misplaced)
    market.meridian.move(Counterparty.Status.FROZEN, at=clock.now())
    with pytest.raises(DeskError, match="frozen"):
        submit(rfq, User.objects.select_related("counterparty").get(pk=market.leo.pk))
    assert Quote.objects.get().refusal == "frozen"


def test_no_quotes_on_what_does_not_exist_or_is_over(market: Market, rfq: Rfq) -> None:
    filled = factories.fill(market).rfq
    operations.cancel_rfq(rfq_ref=rfq.ref, actor=market.tara, now=clock.now())

    for over in (filled, rfq):
        with pytest.raises(RfqOver):
            submit(over, market.leo)
    with pytest.raises(DeskError, match="no_such_rfq"):
        submit(Rfq(ref="RFQ-NOWHERE2"), market.leo)


def expired_rfq(market: Market) -> Rfq:
    """Past its time by the database's clock, and not swept yet."""
    rfq = factories.rfq(market)
    values = {field.name: getattr(rfq, field.name) for field in Rfq._meta.fields}
    past = clock.now() - timedelta(seconds=1)
    values |= {"id": None, "ref": factories.unique("RFQ"), "client_rfq_id": factories.unique("old")}
    return Rfq.objects.create(**(values | {"created_at": past - timedelta(minutes=5), "expires_at": past}))


def test_rfq_expires_by_the_databases_clock(market: Market) -> None:
    rfq = expired_rfq(market)

    with pytest.raises(RfqExpired):
        submit(rfq, market.leo, ago=3600)  # whatever time the caller believes it is
    assert status(rfq) == "open"


# --- taking back -----------------------------------------------------------------------------


def pull(rfq: Rfq, dealer: User) -> Quote:
    return operations.pull_quote(rfq_ref=rfq.ref, actor=dealer, now=clock.now())


def test_pulled_quote_reopens_the_rfq_when_it_was_the_last(market: Market, rfq: Rfq) -> None:
    first, second = submit(rfq, market.leo), submit(rfq, market.mina)

    assert pull(rfq, market.leo) == first
    assert (status(first), status(second), status(rfq)) == ("pulled", "active", "quoted")
    assert pull(rfq, market.mina) == second
    assert status(rfq) == "open"
    assert AuditEvent.objects.filter(name="quote.pulled").count() == 2


def test_only_a_live_quote_of_ones_own_is_pulled(market: Market, rfq: Rfq) -> None:
    submit(rfq, market.leo)

    with pytest.raises(NoSuchQuote):
        pull(rfq, market.mina)
    with pytest.raises(NoSuchQuote):
        pull(Rfq(ref="RFQ-NOWHERE2"), market.leo)
    with pytest.raises(MissingCapability):
        pull(rfq, market.tara)
    pull(rfq, market.leo)
    with pytest.raises(NoSuchQuote):
        pull(rfq, market.leo)


# --- expiring --------------------------------------------------------------------------------


def expire() -> int:
    return operations.expire_due(now=clock.now())


def test_quotes_expire_and_the_rfq_is_open_again(market: Market, rfq: Rfq) -> None:
    old, live = submit(rfq, market.leo, ttl=10, ago=11), submit(rfq, market.mina)

    assert expire() == 1
    assert (status(old), status(live), status(rfq)) == ("expired", "active", "quoted")
    assert AuditEvent.objects.get(name="quote.expired").subject_ref == old.ref
    pull(rfq, market.mina)
    assert status(rfq) == "open"


def test_last_quote_that_expires_reopens_the_rfq(market: Market, rfq: Rfq) -> None:
    submit(rfq, market.leo, ttl=10, ago=11)

    assert (expire(), expire()) == (1, 0)
    assert status(rfq) == "open"


def test_rfqs_expire_with_their_quotes_and_it_is_told(market: Market) -> None:
    rfq, live = expired_rfq(market), factories.rfq(market)

    assert (expire(), expire()) == (1, 0)
    assert (status(rfq), status(live)) == ("expired", "open")
    event = AuditEvent.objects.get(name="rfq.expired")
    assert (event.subject_ref, event.actor_name) == (rfq.ref, "system")


def test_a_sweep_is_bounded(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "AT_ONCE", 2)
    for _ in range(5):
        expired_rfq(market)

    assert [expire() for _ in range(4)] == [2, 2, 1, 0]


def test_a_sweep_leaves_what_somebody_works_on(market: Market) -> None:
    busy, free = expired_rfq(market), expired_rfq(market)

    with locked(busy):
        assert in_thread(expire).result() == 1

    assert (status(busy), status(free)) == ("open", "expired")
    assert expire() == 1


def test_the_deadline_asks_for_its_sweep(market: Market, rfq: Rfq) -> None:
    submit(rfq, market.leo, ttl=10, ago=11)

    jobs.run_all(queues=["default"])

    assert AuditEvent.objects.filter(name="quote.expired").count() == 1


@pytest.mark.parametrize("act", [pull, submit])
def test_lp_that_lost_its_quote_to_time_can_go_on(market: Market, rfq: Rfq, act: Callable[[Rfq, User], Quote]) -> None:
    submit(rfq, market.leo, ttl=10, ago=11)

    assert act(rfq, market.leo).lp == market.meridian
