"""Withdrawals and LP payments leave the review as settlements do: by two people, on the chain's word, never twice."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from settlement import ledger, operations, tasks, verification
from settlement.models import Balance, LpPayment, PaymentCheck, SimulatedTransaction, Transfer, Wallet, Withdrawal
from settlement.operations import Netting, Wish
from settlement.operations.lp_payments import MoreThanOwed, open_between
from settlement.own_acts.proofs import NotInReview
from settlement.transactions import PaymentNotVerified
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, books
from tests.settlement.conftest import MovingClock
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.money import USDT
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty
from users.own_acts.base import BadPayload

type RunMoney = Callable[..., None]
type Paid = Withdrawal | LpPayment

AMOUNT = Decimal(500)
MINOR = 500_000_000


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def withdrawal(market: Market) -> Withdrawal:
    wish = Wish("USDT", AMOUNT, market.address.ref)
    return operations.request_withdrawal(wish=wish, actor=market.tara, key="one", now=clock.now())


def lp_payment(market: Market) -> LpPayment:
    for _each in range(2):
        tasks.pay(settlement_id=factories.fill(market, side="sell").settlement.pk)
    way = factories.address(market.meridian).ref
    netting = Netting(market.meridian.ref, "USDT", "out", way, AMOUNT)
    return operations.request_lp_payment(netting=netting, actor=factories.user("ops"), key="one", now=clock.now())


MAKE: dict[str, Callable[[Market], Paid]] = {"withdrawal": withdrawal, "lp_payment": lp_payment}


@pytest.fixture(params=MAKE)
def paid(request: pytest.FixtureRequest, market: Market) -> Paid:
    """Approved by two and signed; not sent yet."""
    return signed(MAKE[request.param](market))


def signed(row: Paid) -> Paid:
    to = row.paid_to
    assert to is not None
    factories.carry(f"{row.word}.approve", row.ref, amount="500.000000", currency="USDT", destination=to.ref)
    (tasks.pay_out if isinstance(row, Withdrawal) else tasks.pay_lp)(row.pk)
    assert fresh(row).status == "paying"
    return fresh(row)


def fresh(row: Paid) -> Paid:
    return type(row).objects.get(pk=row.pk)


def transfer_of(row: Paid) -> Transfer:
    return row.transfers.latest("generation")


def doubted(row: Paid) -> None:
    """Whatever it was, people have to look."""
    operations.record_mismatch(transfer_id=transfer_of(row).pk, reason="signed_bytes_differ", now=clock.now())
    assert (fresh(row).status, transfer_of(row).status) == ("needs_review", "needs_review")


def voided(market: Market, row: Paid) -> PaymentCheck:
    """Somebody else used the nonce, finally, and the chain says so; the wallet goes on afterwards."""
    chain.explain(market.wallet, chain.transaction(market.wallet, "somebody", 1, nonce=transfer_of(row).nonce))
    tasks.broadcast(transfer_id=transfer_of(row).pk)
    chain.resume(market.wallet)
    check = asked(row)
    assert (check.status, check.kind) == ("verified", "void")
    return check


def asked(row: Paid, transaction: str = "") -> PaymentCheck:
    """What the chain says: to the transaction, or whether what was signed can still happen."""
    ops, now = factories.user("ops"), clock.now()
    if transaction:
        made = operations.ask_payment(ref=row.ref, transaction=transaction, actor=ops, now=now)
    else:
        made = operations.ask_void(ref=row.ref, actor=ops, now=now)
    tasks.check_payment(check_id=made.pk)
    return PaymentCheck.objects.get(pk=made.pk)


def assert_sound() -> None:
    assert list(verification.check()) == []
    assert books(layer="H") == {}
    assert_books_are_right()


def test_payment_that_can_never_happen_is_made_again_once(market: Market, paid: Paid, run_money: RunMoney) -> None:
    check = voided(market, paid)

    factories.carry(f"{paid.word}.resend", paid.ref, check=check.ref)
    assert (fresh(paid).status, fresh(paid).reason) == ("paying", "resent")
    run_money()

    assert fresh(paid).status == "confirmed"
    given_up, made = Transfer.objects.filter(**{paid.word: paid}).order_by("generation")
    assert (given_up.status, made.status, made.generation) == ("abandoned", "final", 2)
    assert SimulatedTransaction.objects.filter(to_address=made.to_address, amount_minor=MINOR).count() == 1
    assert AuditEvent.objects.get(name=f"{paid.word}.resent").after["check"] == check.ref
    assert_sound()


def test_what_can_never_happen_is_given_up_and_frees_the_money(market: Market, paid: Paid) -> None:
    check = voided(market, paid)

    factories.carry(f"{paid.word}.give_up", paid.ref, check=check.ref)

    assert (fresh(paid).status, transfer_of(paid).status) == ("declined", "abandoned")
    assert AuditEvent.objects.get(name=f"{paid.word}.given_up").after["check"] == check.ref
    assert AuditEvent.objects.get(name=f"{paid.word}.declined").actor is None
    assert_sound()
    if isinstance(paid, Withdrawal):
        usdt = Balance.objects.get(account__code=ledger.of(market.client, USDT))
        assert usdt.posted - usdt.held == 1_000_000_000_000
    else:
        assert open_between(market.meridian, market.usdt, "out") >= AMOUNT
    with pytest.raises(NotInReview):
        factories.carry(f"{paid.word}.resend", paid.ref, check=check.ref)


def test_payment_that_happened_is_taken_as_paid_and_nothing_else(market: Market, paid: Paid, time: MovingClock) -> None:
    tasks.broadcast(transfer_id=transfer_of(paid).pk)
    doubted(paid)
    time.advance(60)
    transaction = SimulatedTransaction.objects.get(to_address=transfer_of(paid).to_address).tx_hash
    void, seen = asked(paid), asked(paid, transaction)
    assert (void.reason, seen.status) == ("it_paid", "verified")
    for act in ("resend", "give_up"):
        with pytest.raises(PaymentNotVerified):
            factories.carry(f"{paid.word}.{act}", paid.ref, check=void.ref)
        with pytest.raises(BadPayload):
            factories.carry(f"{paid.word}.{act}", paid.ref, check=seen.ref)

    factories.carry(f"{paid.word}.confirm_payment", paid.ref, check=seen.ref)

    assert (fresh(paid).status, transfer_of(paid).status) == ("confirmed", "final")
    assert transfer_of(paid).attempts.get().status == "mined"
    assert AuditEvent.objects.filter(name=f"{paid.word}.confirmed").count() == 1
    assert_sound()


def test_what_stands_in_the_way_by_then_leads_back_into_review(market: Market, paid: Paid) -> None:
    check = voided(market, paid)
    factories.carry(f"{paid.word}.resend", paid.ref, check=check.ref)
    if isinstance(paid, Withdrawal):
        market.client.move(Counterparty.Status.FROZEN, at=clock.now())
        why = "client_frozen"
    else:
        Wallet.objects.filter(pk=market.wallet.pk).update(paused_at=clock.now())
        why = "no_wallet"

    tasks.sign_again(**{f"{paid.word}_id": paid.pk})

    assert (fresh(paid).status, fresh(paid).reason) == ("needs_review", why)
    assert paid.transfers.count() == 1
    factories.carry(f"{paid.word}.give_up", paid.ref, check=check.ref)  # the same proof still holds
    assert_sound()


def test_lp_is_not_paid_again_what_the_desk_no_longer_owes(market: Market) -> None:
    row = lp_payment(market)
    signed(row)
    check = voided(market, row)
    left = open_between(market.meridian, market.usdt, "out", but=row) - AMOUNT + 1
    lines = ledger.pair_of(ledger.of(market.meridian, USDT), ledger.desk("fx", USDT), ledger.minor(left, USDT))
    ledger.post(ledger.Posting("probe:less", "probe", "probe", lines))

    with pytest.raises(MoreThanOwed):
        factories.carry("lp_payment.resend", row.ref, check=check.ref)


def test_who_may_not_ask_and_what_is_not_asked_about(market: Market, paid: Paid) -> None:
    for role in ("auditor", "approver"):
        with pytest.raises(MissingCapability):
            operations.ask_void(ref=paid.ref, actor=factories.user(role), now=clock.now())
    for ref in (paid.ref, f"{paid.ref[:4]}NONE2345", "XYZ-1"):
        with pytest.raises(NotFound):
            operations.ask_void(ref=ref, actor=factories.user("ops"), now=clock.now())
    for act in ("resend", "confirm_payment", "give_up"):
        with pytest.raises(NotInReview):
            factories.carry(f"{paid.word}.{act}", paid.ref, check="CHK-NONE1234")


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def test_nobody_leads_out_of_review_alone(market: Market, paid: Paid) -> None:
    doubted(paid)

    for status in ("paying", "confirmed", "declined"):
        with refused("ST11"):
            fresh(paid).move(status, at=clock.now(), reason="mine")
    for status in ("abandoned", "final", "broadcast"):
        with refused("ST13"):
            transfer_of(paid).move(status, at=clock.now(), reason="mine")
    with refused("MN26|MN36"):
        Transfer.objects.create(
            **{paid.word: paid},
            wallet=market.wallet,
            to_address=transfer_of(paid).to_address,
            amount_minor=MINOR,
            nonce=99,
            generation=2,
            created_at=clock.now(),
            updated_at=clock.now(),
        )


def test_answer_of_another_payment_verifies_nothing(market: Market, paid: Paid) -> None:
    other = chain.transaction(market.wallet, "somebody", 1, nonce=77)
    made = operations.ask_payment(ref=paid.ref, transaction=other, actor=factories.user("ops"), now=clock.now())
    said = {"wallet": market.wallet, "to_address": "somebody", "amount_minor": 1, "nonce": 77, "block_number": 1}

    with refused("ST10"):
        made.move("verified", at=clock.now(), **said)
    with refused("check_of_one"):
        PaymentCheck.objects.create(
            kind="paid", transaction="0x1", asked_by=market.tara, created_at=clock.now(), updated_at=clock.now()
        )


def test_request_without_its_effect_does_not_commit(market: Market, paid: Paid) -> None:
    check, approver = voided(market, paid), factories.founders()[1]
    end = f"update {paid._meta.db_table} set status = 'declined', reason = 'mine' where id = %s"  # noqa: S608

    for act in ("resend", "give_up"):
        request = factories.propose(f"{paid.word}.{act}", paid.ref, check=check.ref)
        with refused("DC45"):
            execute_by_hand(request, approver)
    with refused("ST12"):
        execute_by_hand(request, approver)
        sql(end, paid.pk)
