"""How quotes end when one is taken, what stays on record of what was refused, and the facts of a trade."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rfq import operations
from rfq.models import Fill, Invitation, Quote, Rfq
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from trading.lib import clock
from trading.lib.errors import DeskError
from users.models import AuditEvent, Counterparty, User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def pax(market: Market) -> User:
    """A third LP's dealer."""
    return factories.user("lp")


def ends(*quotes: Quote) -> list[tuple[str, str]]:
    return [Quote.objects.values_list("status", "outcome").get(pk=quote.pk) for quote in quotes]


def test_best_of_the_beaten_is_the_cover_and_the_rest_are_away(market: Market, pax: User) -> None:
    rfq = factories.rfq(market)
    worst = factories.quote(rfq, market.mina, "0.9300")
    best = factories.quote(rfq, market.leo, "0.9200")
    second = factories.quote(rfq, pax, "0.9210")

    fill = factories.accept(best, market.tara)

    assert ends(best, second, worst) == [("traded", "traded"), ("done_away", "cover"), ("done_away", "away")]
    # all-in 0.9219 against 0.9229 (0.9210 * 1.002, up to a tick)
    assert fill.cover_bps == Decimal("10.8472")


def test_cover_of_a_sale_is_the_next_lower_bid(market: Market, pax: User) -> None:
    rfq = factories.rfq(market, side="sell")
    low = factories.quote(rfq, market.mina, "0.9000")
    best = factories.quote(rfq, market.leo, "0.9200")
    second = factories.quote(rfq, pax, "0.9100")

    factories.accept(best, market.tara)

    assert ends(best, second, low) == [("traded", "traded"), ("done_away", "cover"), ("done_away", "away")]


def test_equal_best_prices_are_tied_and_the_earlier_one_is_the_best(market: Market, pax: User) -> None:
    rfq = factories.rfq(market)
    first, equal = factories.quote(rfq, market.leo, "0.92"), factories.quote(rfq, market.mina, "0.92")
    third = factories.quote(rfq, pax, "0.93")

    fill = factories.accept(first, market.tara)

    assert ends(first, equal, third) == [("traded", "traded"), ("done_away", "tied"), ("done_away", "away")]
    assert fill.cover_bps == 0


def test_sibling_past_its_time_is_expired_and_covers_nothing(market: Market) -> None:
    rfq = factories.rfq(market)
    past = operations.submit_quote(
        rfq_ref=rfq.ref,
        price=Decimal("0.9201"),
        actor=market.mina,
        key="past",
        now=clock.now() - timedelta(seconds=30),
        ttl_seconds=10,
    )

    fill = factories.accept(factories.quote(rfq, market.leo, "0.92"), market.tara)

    assert ends(past) == [("expired", "")]
    assert fill.cover_bps is None


def test_fill_keeps_how_fast_everybody_was(market: Market) -> None:
    rfq = factories.rfq(market)
    start = rfq.created_at
    for key, seconds, price in (("a", 2, "0.9300"), ("b", 5, "0.9200"), ("c", 7, "0.9250")):
        dealer = market.mina if key == "c" else market.leo
        operations.submit_quote(
            rfq_ref=rfq.ref,
            price=Decimal(price),
            actor=dealer,
            key=key,
            now=start + timedelta(seconds=seconds),
            ttl_seconds=60,
        )
    best = Quote.objects.get(idempotency_key="b")

    fill = factories.accept(best, market.tara)

    assert (fill.first_quote_ms, fill.best_quote_ms) == (2000, 5000)
    left = best.valid_until - clock.now()
    assert left.total_seconds() * 1000 <= (fill.quote_left_ms or 0) <= left.total_seconds() * 1000 + 5000
    assert fill.decision_ms == 0  # the quote's clock is ahead of the database's here: never negative


def test_database_takes_no_fill_without_its_facts(market: Market) -> None:
    fill = factories.fill(market)
    columns = [str(field.column) for field in Fill._meta.fields if field.column not in {"id", "decision_ms"}]
    copied = ", ".join(columns)

    with refused("fill_facts_recorded"):
        sql(f"insert into rfq_fill ({copied}) select {copied} from rfq_fill where id = %s", fill.pk)  # noqa: S608 - columns of our own


# --- refused at birth -------------------------------------------------------------------------


def test_refused_request_stays_on_record_and_its_id_is_free(market: Market) -> None:
    small = operations.RfqRequest("USDT/EUR", "buy", Decimal(1), "USDT", "mine-1")
    with pytest.raises(DeskError, match="below_minimum"):
        operations.create_rfq(actor=market.tara, request=small, now=clock.now())

    rejected = Rfq.objects.get(status="rejected")
    assert (rejected.refusal, rejected.client_rfq_id) == ("below_minimum", "mine-1")
    assert AuditEvent.objects.get(name="rfq.rejected").after["refusal"] == "below_minimum"
    assert not Invitation.objects.exists()

    enough = operations.RfqRequest("USDT/EUR", "buy", Decimal(1000), "USDT", "mine-1")
    made = operations.create_rfq(actor=market.tara, request=enough, now=clock.now())
    assert made.status == "open"


def test_rejected_request_is_nothing_to_quote_cancel_or_accept(market: Market) -> None:
    small = operations.RfqRequest("USDT/EUR", "buy", Decimal(1), "USDT", "mine-1")
    with pytest.raises(DeskError):
        operations.create_rfq(actor=market.tara, request=small, now=clock.now())
    rejected = Rfq.objects.get(status="rejected")

    with pytest.raises(DeskError, match="rfq_over"):
        operations.cancel_rfq(rfq_ref=rejected.ref, actor=market.tara, now=clock.now())
    with pytest.raises(DeskError, match="rfq_over"):
        factories.quote(rejected, market.leo)
    with refused("rejected>open"):
        sql("update rfq_rfq set status = 'open' where id = %s", rejected.pk)


def test_refused_quote_stays_on_record_with_its_price(market: Market) -> None:
    rfq = factories.rfq(market)
    operations.cancel_rfq(rfq_ref=rfq.ref, actor=market.tara, now=clock.now())

    with pytest.raises(DeskError, match="rfq_over"):
        factories.quote(rfq, market.leo, "0.92")

    rejected = Quote.objects.get()
    assert (rejected.status, rejected.refusal, rejected.price) == ("rejected", "rfq_over", Decimal("0.92"))
    assert AuditEvent.objects.get(name="quote.rejected").after["refusal"] == "rfq_over"


# --- who is asked -----------------------------------------------------------------------------


def test_lps_that_may_quote_are_asked(market: Market) -> None:
    market.northwind.move(Counterparty.Status.FROZEN, at=clock.now())

    rfq = factories.rfq(market)

    assert list(rfq.invitations.values_list("lp", flat=True)) == [market.meridian.pk]


def test_passing_is_recorded_once_and_binds_nobody(market: Market) -> None:
    rfq = factories.rfq(market)
    first = operations.pass_rfq(rfq_ref=rfq.ref, actor=market.leo, now=clock.now())

    again = operations.pass_rfq(rfq_ref=rfq.ref, actor=market.leo, now=clock.now() + timedelta(seconds=5))

    assert again.passed_at == first.passed_at
    assert AuditEvent.objects.filter(name="rfq.passed").count() == 1
    assert factories.quote(rfq, market.leo).status == "active"


def test_lp_that_was_not_asked_cannot_pass_but_its_quote_counts_as_asked_for(market: Market, pax: User) -> None:
    rfq = factories.rfq(market)
    late = factories.user("lp")
    with pytest.raises(DeskError, match="no_such_rfq"):
        operations.pass_rfq(rfq_ref=rfq.ref, actor=late, now=clock.now())

    factories.quote(rfq, late)

    assert rfq.invitations.filter(lp=late.counterparty).exists()
