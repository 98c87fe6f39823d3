"""What is in review is paid again, taken as paid or cancelled: by two people, on the chain's word, never twice."""

from collections.abc import Callable

import pytest

from settlement import operations, tasks
from settlement.models import PaymentCheck, Settlement, SimulatedTransaction, Transfer, Wallet
from settlement.own_acts.proofs import NotInReview
from settlement.own_acts.settlements import NotCancellable
from settlement.transactions import PaymentNotVerified
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, books
from tests.settlement.conftest import MovingClock
from trading.lib import clock
from trading.lib.errors import NotFound
from users.models import AuditEvent
from users.own_acts.base import BadPayload

type RunMoney = Callable[..., None]

RESEND, CONFIRM, CANCEL = "settlement.resend", "settlement.confirm_payment", "settlement.cancel"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def settlement(market: Market) -> Settlement:
    """Signed, and not sent yet."""
    made = factories.fill(market).settlement
    tasks.pay(settlement_id=made.pk)
    return made


def fresh(settlement: Settlement) -> Settlement:
    return Settlement.objects.get(pk=settlement.pk)


def nonce_taken(market: Market, settlement: Settlement) -> None:
    """Somebody else used the nonce, finally; the wallet goes on afterwards."""
    chain.explain(market.wallet, chain.transaction(market.wallet, "somebody", 1))
    tasks.broadcast(transfer_id=settlement.transfers.get().pk)
    chain.resume(market.wallet)
    assert (fresh(settlement).status, settlement.transfers.get().status) == ("needs_review", "needs_review")


def doubted(settlement: Settlement) -> None:
    """Whatever it was, people have to look."""
    transfer = settlement.transfers.get()
    operations.record_mismatch(transfer_id=transfer.pk, reason="signed_bytes_differ", now=clock.now())


def asked(settlement: Settlement, transaction: str = "") -> PaymentCheck:
    """What the chain says: to the transaction, or whether what was signed can still happen."""
    ref, ops, now = settlement.ref, factories.user("ops"), clock.now()
    if not transaction:
        return answered(operations.ask_void(ref=ref, actor=ops, now=now))
    return answered(operations.ask_payment(ref=ref, transaction=transaction, actor=ops, now=now))


def answered(check: PaymentCheck) -> PaymentCheck:
    tasks.check_payment(check_id=check.pk)
    return PaymentCheck.objects.get(pk=check.pk)


def test_payment_that_can_never_happen_is_made_again_once(
    market: Market, settlement: Settlement, run_money: RunMoney
) -> None:
    nonce_taken(market, settlement)
    check = asked(settlement)
    assert (check.status, check.kind) == ("verified", "void")

    factories.carry(RESEND, settlement.ref, check=check.ref)
    assert (fresh(settlement).status, fresh(settlement).reason) == ("paying", "resent")
    run_money()

    assert fresh(settlement).status == "settled"
    given_up, made = Transfer.objects.order_by("generation")
    assert (given_up.status, made.status, made.generation, made.nonce) == ("abandoned", "final", 2, 1)
    assert SimulatedTransaction.objects.filter(to_address=market.address.address).count() == 1
    assert_books_are_right()
    assert AuditEvent.objects.get(name="settlement.resent").after["check"] == check.ref


def test_payment_that_may_still_happen_is_neither_made_again_nor_cancelled(settlement: Settlement) -> None:
    doubted(settlement)
    check = asked(settlement)

    assert (check.status, check.reason) == ("refused", "may_still_happen")
    for act in (RESEND, CANCEL):
        with pytest.raises(PaymentNotVerified):
            factories.carry(act, settlement.ref, check=check.ref)
        with pytest.raises(BadPayload):
            factories.carry(act, settlement.ref)
    assert settlement.transfers.get().status == "needs_review"


def test_payment_that_happened_is_taken_as_paid_and_not_made_again(
    market: Market, settlement: Settlement, time: MovingClock
) -> None:
    tasks.broadcast(transfer_id=settlement.transfers.get().pk)
    doubted(settlement)
    time.advance(60)
    void, paid = asked(settlement), asked(settlement, chain.payments().get().tx_hash)
    assert (void.reason, paid.status) == ("it_paid", "verified")

    factories.carry(CONFIRM, settlement.ref, check=paid.ref)

    assert (fresh(settlement).status, settlement.transfers.get().status) == ("settled", "final")
    assert settlement.transfers.get().attempts.get().status == "mined"
    assert_books_are_right()


def test_what_can_never_happen_is_cancelled_with_all_holds_let_go(market: Market, settlement: Settlement) -> None:
    nonce_taken(market, settlement)
    check = asked(settlement)

    factories.carry(CANCEL, settlement.ref, check=check.ref)

    assert (fresh(settlement).status, settlement.transfers.get().status) == ("cancelled", "abandoned")
    assert books(layer="H") == {}
    assert_books_are_right()
    with pytest.raises(NotCancellable):
        factories.carry(CANCEL, settlement.ref)


def test_without_a_wallet_it_is_in_review_again_and_can_be_tried_again(market: Market, settlement: Settlement) -> None:
    nonce_taken(market, settlement)
    check = asked(settlement)
    Wallet.objects.filter(pk=market.wallet.pk).update(paused_at=clock.now())

    factories.carry(RESEND, settlement.ref, check=check.ref)
    tasks.sign_again(settlement_id=settlement.pk)
    assert (fresh(settlement).status, fresh(settlement).reason) == ("needs_review", "no_wallet")
    chain.resume(market.wallet)
    factories.carry(RESEND, settlement.ref, check=check.ref)
    tasks.sign_again(settlement_id=settlement.pk)
    tasks.sign_again(settlement_id=settlement.pk)

    assert [one.status for one in Transfer.objects.order_by("generation")] == ["abandoned", "signed"]


def test_halted_transfers_are_not_signed_again(market: Market, settlement: Settlement) -> None:
    nonce_taken(market, settlement)
    factories.carry(RESEND, settlement.ref, check=asked(settlement).ref)
    operations.halt_transfers(actor=factories.user("ops"), reason=factories.REASON, now=clock.now())

    tasks.sign_again(settlement_id=settlement.pk)

    assert Transfer.objects.count() == 1
    assert "settlement.sign_again" in jobs.names(queue_name="money")


def test_only_what_is_in_review_is_asked_about_and_decided(market: Market, settlement: Settlement) -> None:
    with pytest.raises(NotFound):
        asked(settlement)
    for act in (RESEND, CONFIRM):
        with pytest.raises(NotInReview):
            factories.carry(act, settlement.ref, check="CHK-NONE1234")


def test_nobody_decides_alone_nor_without_the_check(market: Market, settlement: Settlement) -> None:
    nonce_taken(market, settlement)
    row, transfer = fresh(settlement), settlement.transfers.get()

    for status in ("paying", "settled"):
        with refused("ST11"):
            fresh(row).move(status, at=clock.now(), settled_at=clock.now())
    for status in ("abandoned", "final"):
        with refused("ST13"):
            Transfer.objects.get(pk=transfer.pk).move(status, at=clock.now())


def test_question_whose_job_gave_up_is_asked_again(settlement: Settlement) -> None:
    doubted(settlement)
    ops = factories.user("ops")
    check = operations.ask_void(ref=settlement.ref, actor=ops, now=clock.now())
    jobs.clear()

    for _ in range(2):
        assert operations.ask_void(ref=settlement.ref, actor=ops, now=clock.now()).pk == check.pk
    assert jobs.names(queue_name="money") == ["settlement.check_payment"]
