"""
What a chain undid after it was final, and will never have again: paid again, paid otherwise or not at all, by two.

The books take what became of it as it is, whether it is a settlement, a withdrawal or an LP payment.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connections

from settlement import ledger, operations, reconciliation, tasks, verification
from settlement.models import (
    Balance,
    ManualPayment,
    Payable,
    PaymentCheck,
    Settlement,
    SimulatedTransaction,
    Transfer,
    Wallet,
    Withdrawal,
)
from settlement.operations import undone as books_undone
from settlement.operations.lp_payments import open_between
from settlement.own_acts.proofs import NotInReview, StillFollowed
from settlement.transactions import PaymentUsed
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, books
from tests.settlement.conftest import MovingClock
from tests.settlement.test_review_of_money import lp_payment, signed, withdrawal
from trading.lib import clock
from trading.lib.money import USDT
from users.models import ApprovalRequest, AuditEvent

type RunMoney = Callable[..., None]

DONE = {"settlement": "settled", "withdrawal": "confirmed", "lp_payment": "confirmed"}
ENDS = {"settlement": "settlement.cancel", "withdrawal": "withdrawal.give_up", "lp_payment": "lp_payment.give_up"}


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def settlement(market: Market) -> Settlement:
    made = factories.fill(market).settlement
    tasks.pay(settlement_id=made.pk)
    return made


MAKE: dict[str, Callable[[Market], Payable]] = {
    "settlement": settlement,
    "withdrawal": lambda market: signed(withdrawal(market)),
    "lp_payment": lambda market: signed(lp_payment(market)),
}


@pytest.fixture(params=MAKE)
def paid(request: pytest.FixtureRequest, market: Market, run_money: RunMoney) -> Payable:
    """Delivered: final on its chain."""
    row = MAKE[request.param](market)
    run_money()
    assert fresh(row).status == DONE[row.word]
    return fresh(row)


def fresh(row: Payable) -> Payable:
    return type(row).objects.get(pk=row.pk)


def transfer_of(row: Payable) -> Transfer:
    return row.transfers.latest("generation")


def undone(row: Payable) -> None:
    """Its chain has no block with it any more; the desk saw that, and has the same bytes on their way."""
    factories.user("ops")
    forget(transfer_of(row).attempts.get().tx_hash)
    tasks.follow_final(timestamp=0)
    assert (transfer_of(row).status, transfer_of(row).reason) == ("broadcast", "deep_reorg")
    assert (fresh(row).status, fresh(row).reason) == ("needs_review", "deep_reorg")


def forget(tx_hash: str) -> None:
    table = SimulatedTransaction._meta.db_table
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"alter table {table} disable trigger user")  # the desk itself may not
        cursor.execute(f"delete from {table} where tx_hash = %s", [tx_hash])  # noqa: S608 - a name of ours
        cursor.execute(f"alter table {table} enable trigger user")
    connections["owner"].close()


def impossible(market: Market, row: Payable, *, instead: str = "") -> str:
    """
    Undone, and another transaction has its nonce for good: what the chain says to the question whether it can happen.

    :param instead: where that transaction pays the same amount to, which nobody has to explain then.
    """
    undone(row)
    transfer = transfer_of(row)
    if instead:
        chain.transaction(market.wallet, instead, int(transfer.amount_minor), nonce=transfer.nonce)
    else:
        chain.explain(market.wallet, chain.transaction(market.wallet, "somebody", 1, nonce=transfer.nonce))
    jobs.clear()
    tasks.broadcast(transfer_id=transfer.pk)
    assert (transfer_of(row).status, fresh(row).status) == ("needs_review", "needs_review")
    return asked(row).ref


def asked(row: Payable, transaction: str = "") -> PaymentCheck:
    ops, now = factories.user("ops"), clock.now()
    if transaction:
        made = operations.ask_payment(ref=row.ref, transaction=transaction, actor=ops, now=now)
    else:
        made = operations.ask_void(ref=row.ref, actor=ops, now=now)
    tasks.check_payment(check_id=made.pk)
    made.refresh_from_db()
    assert made.status == "verified"
    return made


def assert_sound() -> None:
    assert [str(one) for one in verification.check()] == []
    assert [str(one) for one in reconciliation.reconcile().differences if one.halts] == []
    assert_books_are_right()


def delivered_to(market: Market, row: Payable) -> Decimal:
    """What the client or the LP has of the desk, in USDT: less by a withdrawal, or by what an LP was paid."""
    if row.word == "lp_payment":
        return open_between(market.meridian, market.usdt, "out")
    usdt = Balance.objects.get(account__code=ledger.of(market.client, USDT))
    assert usdt.held == 0
    return Decimal(int(usdt.posted)).scaleb(-USDT.scale)


def test_undone_payment_that_is_final_again_is_done_again_and_booked_once(
    market: Market, paid: Payable, run_money: RunMoney
) -> None:
    before = books()
    undone(paid)
    assert_sound()
    assert books() == before

    run_money()

    assert (fresh(paid).status, fresh(paid).reason) == (DONE[paid.word], "final_again")
    assert books() == before
    assert_sound()


def test_undone_payment_that_can_never_happen_is_paid_again_once(
    market: Market, paid: Payable, run_money: RunMoney
) -> None:
    before = delivered_to(market, paid)
    check = impossible(market, paid)
    chain.resume(market.wallet)

    factories.carry(f"{paid.word}.resend", paid.ref, check=check)
    assert books()["in_transit:USDT"] == -transfer_of(paid).amount_minor
    run_money()

    assert (fresh(paid).status, fresh(paid).reason) == (DONE[paid.word], "paid_again")
    assert [(one.status, one.generation) for one in paid.transfers.order_by("generation")] == [
        ("abandoned", 1),
        ("final", 2),
    ]
    assert SimulatedTransaction.objects.filter(to_address=transfer_of(paid).to_address).count() == 1
    assert "in_transit:USDT" not in books()
    assert delivered_to(market, paid) == before
    assert_sound()


def test_payment_that_was_undone_twice_is_paid_a_third_time(
    market: Market, paid: Payable, run_money: RunMoney, time: MovingClock
) -> None:
    for generation in (1, 2):
        assert transfer_of(paid).generation == generation
        check = impossible(market, paid)
        chain.resume(market.wallet)
        factories.carry(f"{paid.word}.resend", paid.ref, check=check)
        run_money()
        time.advance(700)

    assert fresh(paid).status == DONE[paid.word]
    assert "in_transit:USDT" not in books()
    assert_sound()


def test_undone_payment_that_can_never_happen_is_given_up_and_booked_back(market: Market, paid: Payable) -> None:
    hot, before = books()[market.wallet.account.code], delivered_to(market, paid)
    check = impossible(market, paid)

    factories.carry(ENDS[paid.word], paid.ref, check=check)

    amount = int(transfer_of(paid).amount_minor)
    assert fresh(paid).status == ("cancelled" if paid.word == "settlement" else "declined")
    assert books()[market.wallet.account.code] == hot + amount - 1  # what took the nonce was booked, too
    gained = amount + (int(paid.fee * 10**6) if isinstance(paid, Withdrawal) else 0)
    if paid.word != "settlement":
        assert (delivered_to(market, paid) - before) * 10**6 == gained
    assert "in_transit:USDT" not in books()
    assert_sound()
    with pytest.raises(NotInReview):
        factories.carry(f"{paid.word}.resend", paid.ref, check=check)


def test_undone_payment_that_happened_otherwise_is_taken_once(market: Market, paid: Payable, time: MovingClock) -> None:
    before = books()
    check = impossible(market, paid, instead=transfer_of(paid).to_address)
    other = SimulatedTransaction.objects.get(to_address=transfer_of(paid).to_address).tx_hash
    proof = asked(paid, other)
    details = {"check": check, "payment": proof.ref, "transaction": other}

    factories.carry(f"{paid.word}.take_other", paid.ref, **details)

    ended = {"settlement": "settled_manually"}.get(paid.word, "confirmed")
    assert (fresh(paid).status, fresh(paid).reason) == (ended, "by_hand")
    assert transfer_of(paid).status == "abandoned"
    assert ManualPayment.objects.get().reference == other
    event = "settlement.settled_manually" if paid.word == "settlement" else f"{paid.word}.paid_otherwise"
    assert AuditEvent.objects.get(name=event).after["transaction"] == other
    assert books() == before
    chain.resume(market.wallet)
    assert_sound()


@pytest.mark.parametrize("word", MAKE)
def test_payment_that_was_never_final_is_settled_by_another_transaction(market: Market, word: str) -> None:
    row = MAKE[word](market)
    transfer = transfer_of(row)
    other = chain.transaction(market.wallet, transfer.to_address, int(transfer.amount_minor), nonce=transfer.nonce)
    tasks.broadcast(transfer_id=transfer.pk)
    check, proof = asked(row).ref, asked(row, other)
    details = {"check": check, "payment": proof.ref, "transaction": other}

    factories.carry(f"{word}.take_other", row.ref, **details)

    assert fresh(row).status == {"settlement": "settled_manually"}.get(word, "confirmed")
    assert books(layer="H") == {}
    chain.resume(market.wallet)
    assert_sound()
    again = settlement(market)
    with pytest.raises(PaymentUsed):
        operations.ask_payment(ref=again.ref, transaction=other, actor=factories.user("ops"), now=clock.now())


def test_nothing_is_decided_while_the_same_bytes_are_on_their_way(market: Market, paid: Payable) -> None:
    undone(paid)

    for act in (f"{paid.word}.resend", f"{paid.word}.confirm_payment", ENDS[paid.word]):
        with pytest.raises(StillFollowed):
            factories.carry(act, paid.ref, check="CHK-NONE1234")


def test_undone_payment_that_is_there_after_all_is_taken_as_paid_and_not_booked_twice(
    market: Market, paid: Payable, time: MovingClock
) -> None:
    before = books()
    undone(paid)
    tasks.broadcast(transfer_id=transfer_of(paid).pk)
    operations.record_mismatch(transfer_id=transfer_of(paid).pk, reason="signed_bytes_differ", now=clock.now())
    time.advance(60)
    proof = asked(paid, transfer_of(paid).attempts.get().tx_hash)

    factories.carry(f"{paid.word}.confirm_payment", paid.ref, check=proof.ref)

    assert (fresh(paid).status, transfer_of(paid).status) == (DONE[paid.word], "final")
    assert books() == before
    assert_sound()


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def test_what_is_delivered_is_doubted_only_when_its_chain_undid_it(paid: Payable) -> None:
    with refused("ST18"):
        fresh(paid).move("needs_review", at=clock.now(), reason="mine")


@pytest.mark.parametrize("word", MAKE)
def test_nothing_is_delivered_without_a_final_transfer(market: Market, word: str) -> None:
    row = MAKE[word](market)
    done = {"settled_at": clock.now()} if word == "settlement" else {}

    with refused("ST17"):
        fresh(row).move(DONE[word], at=clock.now(), reason="mine", **done)


def test_undone_payment_leads_nowhere_without_two(market: Market, paid: Payable) -> None:
    impossible(market, paid)
    end = "cancelled" if paid.word == "settlement" else "declined"

    for status in ("paying", DONE[paid.word], end):
        with refused("ST1[12]|ST02"):
            fresh(paid).move(status, at=clock.now(), reason="mine")
    with refused("RV04"):
        books_undone.reverse(paid)
    with refused("ST06"):
        ManualPayment.objects.create(
            **{paid.word: paid},
            reference="0x1",
            check_made=PaymentCheck.objects.latest("pk"),
            request=ApprovalRequest.objects.latest("pk"),
            made_at=clock.now(),
        )
    assert Wallet.objects.get(pk=market.wallet.pk).paused_at is not None
