"""Asking for a price, and no longer wanting one."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from rfq import operations
from rfq.errors import NoSuchRfq, RfqConflict, RfqOver
from rfq.models import Pair, Quote, Rfq
from rfq.operations import RfqRequest
from settlement.models import PayoutAddress
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import Market
from trading.lib import clock
from trading.lib.errors import DeskError
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty, User

USUAL = {
    "pair": "USDT/EUR",
    "side": "buy",
    "amount": Decimal(10_000),
    "unit": "EUR",
    "client_rfq_id": "mine-1",
}


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def ask(actor: User, **changes: object) -> Rfq:
    return operations.create_rfq(actor=actor, request=RfqRequest(**(USUAL | changes)), now=clock.now())  # type: ignore[arg-type]


# --- success ---------------------------------------------------------------------------------


def test_rfq_keeps_what_was_asked_and_on_which_terms(market: Market) -> None:
    rfq = ask(market.tara)

    assert (rfq.status, rfq.side, rfq.base_amount, rfq.quote_amount) == ("open", "buy", None, Decimal(10_000))
    assert (rfq.counterparty, rfq.requested_by, rfq.markup_bps) == (market.client, market.tara, Decimal(20))
    assert rfq.destination == market.address
    assert rfq.expires_at - rfq.created_at == timedelta(seconds=300)
    event = AuditEvent.objects.get(name="rfq.created")
    assert (event.actor, event.subject_ref, event.after["quote_amount"]) == (market.tara, rfq.ref, "10000")
    assert {"alerting.dispatch_event", "rfq.sweep"} <= set(jobs.names())


def test_amount_in_usdt_is_the_base_amount(market: Market) -> None:
    rfq = ask(market.tara, amount=Decimal("150.5"), unit="USDT", side="sell")

    assert (rfq.base_amount, rfq.quote_amount, rfq.destination) == (Decimal("150.5"), None, None)


def test_usdt_may_be_credited_to_the_balance(market: Market) -> None:
    assert ask(market.tara, destination_ref="balance").destination is None


def test_default_destination_is_the_oldest_usable_address(market: Market) -> None:
    PayoutAddress.objects.filter(pk=market.address.pk).update(revoked_at=clock.now())
    factories.address(market.client, "cooling", cooling_hours=1)
    factories.asked_address(market.client, "unapproved")
    usable = factories.address(market.client, "usable")

    assert ask(market.tara).destination == usable


# --- refusals --------------------------------------------------------------------------------


def frozen(market: Market) -> None:
    market.client.move(Counterparty.Status.FROZEN, at=clock.now())
    market.tara = User.objects.select_related("counterparty").get(pk=market.tara.pk)


def without_terms(market: Market) -> None:
    market.tara = factories.user("trader")


def closed_pair(market: Market) -> None:
    Pair.objects.update(is_enabled=False)


def nothing(market: Market) -> None:
    """Leave the market as it is."""


@pytest.mark.parametrize(
    ("changes", "before", "code"),
    [
        ({"pair": "USDT/XXX"}, nothing, "unknown_pair"),
        ({"pair": "EUR/USDT"}, nothing, "unknown_pair"),
        ({"unit": "AED"}, nothing, "unknown_pair"),
        ({}, closed_pair, "pair_paused"),
        ({}, without_terms, "no_terms"),
        ({}, frozen, "frozen"),
        ({"side": "hold"}, nothing, "bad_side"),
        ({"amount": Decimal(0)}, nothing, "bad_amount"),
        ({"amount": Decimal(-5)}, nothing, "bad_amount"),
        ({"amount": Decimal("NaN")}, nothing, "bad_amount"),
        ({"amount": Decimal("Infinity")}, nothing, "bad_amount"),
        ({"amount": Decimal("1e15")}, nothing, "bad_amount"),
        ({"amount": Decimal("10.001")}, nothing, "bad_amount"),
        ({"amount": Decimal("100.0000001"), "unit": "USDT"}, nothing, "bad_amount"),
        ({"amount": Decimal("99.999999"), "unit": "USDT"}, nothing, "below_minimum"),
        ({"amount": Decimal("1000000.000001"), "unit": "USDT"}, nothing, "above_maximum"),
        ({"destination_ref": "ADR-NOTMINE2"}, nothing, "no_address"),
    ],
)
def test_refusal_says_which(
    market: Market, changes: dict[str, object], before: Callable[[Market], None], code: str
) -> None:
    before(market)

    with pytest.raises(DeskError) as refusal:
        ask(market.tara, **changes)

    assert refusal.value.code == code
    assert refusal.value.sentence
    assert not Rfq.objects.exclude(status="rejected", refusal=code).exists()
    assert not jobs.names(task_name="rfq.sweep")
    assert not AuditEvent.objects.filter(name="rfq.created").exists()


def test_address_of_another_client_is_refused(market: Market) -> None:
    other = factories.address(factories.counterparty(), "theirs")

    with pytest.raises(DeskError, match="no_address"):
        ask(market.tara, destination_ref=other.ref)


def test_who_may_not_ask(market: Market) -> None:
    for actor in (market.leo, factories.user("ops"), factories.user("auditor")):
        with pytest.raises(MissingCapability):
            ask(actor)
    nobodys = market.tara
    nobodys.counterparty = None  # what the database does not let be: a trader of no client
    with pytest.raises(DeskError, match="not_a_client"):
        ask(nobodys)
    assert not Rfq.objects.exists()


# --- twice -----------------------------------------------------------------------------------


def test_same_id_with_the_same_request_is_the_same_rfq(market: Market) -> None:
    first = ask(market.tara)

    assert ask(market.tara) == first
    assert Rfq.objects.count() == 1
    assert AuditEvent.objects.filter(name="rfq.created").count() == 1


@pytest.mark.parametrize(
    "changes", [{"amount": Decimal(10_001)}, {"side": "sell"}, {"unit": "USDT"}, {"destination_ref": "balance"}]
)
def test_same_id_with_another_request_is_a_conflict(market: Market, changes: dict[str, object]) -> None:
    ask(market.tara)

    with pytest.raises(RfqConflict):
        ask(market.tara, **changes)
    assert Rfq.objects.count() == 1


def test_same_id_from_ten_connections_is_one_rfq(market: Market) -> None:
    outcomes = at_once([partial(ask, market.tara)] * 10)

    assert {outcome.pk for outcome in outcomes if isinstance(outcome, Rfq)} == {Rfq.objects.get().pk}
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert AuditEvent.objects.filter(name="rfq.created").count() == 1


# --- cancelling ------------------------------------------------------------------------------


def cancel(rfq: Rfq, actor: User) -> Rfq:
    return operations.cancel_rfq(rfq_ref=rfq.ref, actor=actor, now=clock.now())


def test_cancelled_rfq_ends_with_its_quotes(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)

    assert cancel(quote.rfq, market.tara).status == "cancelled"
    assert Quote.objects.get().status == "done_away"
    assert AuditEvent.objects.get(name="rfq.cancelled").actor == market.tara


def test_what_is_over_is_not_cancelled(market: Market) -> None:
    filled = factories.fill(market).rfq
    cancelled = cancel(factories.rfq(market), market.tara)

    for rfq in (filled, cancelled):
        with pytest.raises(RfqOver):
            cancel(rfq, market.tara)


def test_only_its_own_client_cancels(market: Market) -> None:
    rfq = factories.rfq(market)

    with pytest.raises(NoSuchRfq):
        cancel(rfq, factories.user("trader", of=factories.counterparty()))
    with pytest.raises(MissingCapability):
        cancel(rfq, market.leo)
    assert Rfq.objects.get().status == "open"
