"""A trade is settled by hand by two people, with a payment the chain confirms or the bank names, once."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from settlement import operations, payments
from settlement.ledger import desk, minor, of
from settlement.models import BankAccount, Entry, ManualPayment, PaymentCheck, Settlement, Wallet
from settlement.operations import Receipt
from settlement.operations.deposits import ReferenceUsed
from settlement.own_acts.by_hand import NotByHand, NothingToPay, SettleManually
from settlement.transactions import BadTransactionId, PaymentNotVerified, PaymentUsed
from tests import factories, jobs
from tests.factories import Market
from tests.fakes.wallet import FakeWallet
from tests.probes import refused
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right, books
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.money import USDT
from users import acts
from users.capabilities import MissingCapability
from users.models import ApprovalRequest, AuditEvent
from users.own_acts.base import BadPayload

ACT = "settlement.settle_manually"
UNKNOWN = "0x" + "ab" * 32


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(flag_on=False)


def fresh(settlement: Settlement) -> Settlement:
    return Settlement.objects.get(pk=settlement.pk)


def ask(settlement: Settlement, given: str, role: str = "ops") -> PaymentCheck:
    made = operations.ask_payment(ref=settlement.ref, transaction=given, actor=factories.user(role), now=clock.now())
    jobs.run_all(queues=["money"])
    return PaymentCheck.objects.get(pk=made.pk)


def checked(market: Market, settlement: Settlement) -> dict[str, Any]:
    """The details of the act, after the chain confirmed an exact payment."""
    check = ask(settlement, chain.payment(settlement, market.wallet))
    assert (check.status, check.reason) == ("verified", "")
    return {"check": check.ref, "transaction": check.transaction}


# --- on chain -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["flagged_off", "blocked"])
def test_transaction_that_paid_settles_it_as_the_desk_would(market: Market, status: str) -> None:
    settlement = factories.fill(market).settlement
    if status == "blocked":
        release_without_wallet(market, settlement)
    details = checked(market, settlement)

    factories.carry(ACT, settlement.ref, **details)

    row = fresh(settlement)
    assert (row.status, row.reason, row.settled_at is not None) == ("settled_manually", "by_hand", True)
    assert payments.of(row) == payments.Paid("simulated", str(details["transaction"]))
    assert_books_are_right()
    assert Entry.objects.filter(journal__key=f"delivery:{row.ref}", account=market.wallet.account).exists()
    event = AuditEvent.objects.get(name="settlement.settled_manually")
    assert (event.after["transaction"], event.after["check"]) == (details["transaction"], details["check"])
    assert Wallet.objects.get(pk=market.wallet.pk).next_nonce == 1


def release_without_wallet(market: Market, settlement: Settlement) -> None:
    """Released, and then no wallet could pay."""
    ops = factories.user("ops")
    operations.release_settlement(ref=settlement.ref, actor=ops, reason=factories.REASON, now=clock.now())
    Wallet.objects.filter(pk=market.wallet.pk).update(paused_at=clock.now())
    jobs.run_all(queues=["money"])
    assert fresh(settlement).status == "blocked"


def test_wallet_pays_the_next_one_after_a_payment_by_hand(market: Market) -> None:
    first = factories.fill(market).settlement
    factories.carry(ACT, first.ref, **checked(market, first))
    factories.turn_flag_on()
    second = factories.fill(market).settlement
    jobs.run_all(queues=["money"])

    assert fresh(second).status == "paying"
    assert list(chain.payments().order_by("nonce").values_list("nonce", flat=True)) == [0, 1]


def wrong_amount(market: Market, settlement: Settlement) -> str:
    return chain.transaction(market.wallet, str(market.address.address), 1)


def wrong_address(market: Market, settlement: Settlement) -> str:
    return chain.transaction(market.wallet, "somebody", minor(settlement.base_amount, USDT))


def of_a_stranger(market: Market, settlement: Settlement) -> str:
    return chain.payment(settlement, Wallet(address="a-stranger"))


def unknown(market: Market, settlement: Settlement) -> str:
    return UNKNOWN


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (wrong_amount, "another_payment"),
        (wrong_address, "another_payment"),
        (of_a_stranger, "not_from_the_desk"),
        (unknown, "unknown"),
    ],
)
def test_what_the_chain_does_not_confirm_settles_nothing(market: Market, make: Any, why: str) -> None:
    settlement = factories.fill(market).settlement

    check = ask(settlement, make(market, settlement))

    assert (check.status, check.reason) == ("refused", why)
    with pytest.raises(PaymentNotVerified):
        factories.carry(ACT, settlement.ref, check=check.ref, transaction=check.transaction)
    assert fresh(settlement).status == "flagged_off"


def test_what_is_not_final_settles_nothing_and_may_be_asked_about_again(
    market: Market, wallet: type[FakeWallet]
) -> None:
    settlement = factories.fill(market).settlement
    given = chain.payment(settlement, market.wallet)
    wallet.changes_receipt = lambda seen: replace(seen, is_final=False)
    assert ask(settlement, given).reason == "not_final"

    wallet.changes_receipt = None
    assert ask(settlement, given).status == "verified"
    assert PaymentCheck.objects.count() == 2


def test_chain_nobody_can_ask_confirms_nothing(market: Market) -> None:
    settlement = factories.fill(market).settlement
    given = chain.payment(settlement, market.wallet)
    made = operations.ask_payment(ref=settlement.ref, transaction=given, actor=factories.user("ops"), now=clock.now())

    operations.record_unreachable(check_id=made.pk, now=clock.now())

    assert PaymentCheck.objects.get().reason == "cannot_be_verified"


@pytest.mark.parametrize("given", ["", "ab" * 32, "0x" + "ab" * 31, "0x" + "zz" * 32])
def test_what_is_no_transaction_id_is_refused(market: Market, given: str) -> None:
    settlement = factories.fill(market).settlement

    with pytest.raises(BadTransactionId):
        ask(settlement, given)


@pytest.mark.parametrize("role", ["trader", "lp", "approver", "admin", "auditor", "service"])
def test_who_may_not_ask(market: Market, role: str) -> None:
    settlement = factories.fill(market).settlement

    with pytest.raises(MissingCapability):
        ask(settlement, UNKNOWN, role)
    assert not PaymentCheck.objects.exists()


def test_only_what_pays_on_chain_is_asked_about(market: Market) -> None:
    with pytest.raises(NotFound):
        ask(factories.fill(market, side="sell").settlement, UNKNOWN)


def test_one_transaction_pays_once(market: Market) -> None:
    first, second = (factories.fill(market).settlement for _each in range(2))
    details = checked(market, first)
    other = ask(second, str(details["transaction"]))
    factories.carry(ACT, first.ref, **details)

    with pytest.raises(PaymentUsed, match=first.ref):
        factories.carry(ACT, second.ref, check=other.ref, transaction=other.transaction)
    with pytest.raises(PaymentUsed):
        ask(second, str(details["transaction"]))


def test_payment_of_the_desk_for_another_trade_does_not_settle_this_one(market: Market) -> None:
    factories.turn_flag_on()
    factories.fill(market)
    jobs.run_all(queues=["money"])
    operations.turn_flag_off(actor=factories.user("ops"), reason=factories.REASON, now=clock.now())
    second = factories.fill(market).settlement

    with pytest.raises(PaymentUsed, match="TRF-"):
        ask(second, chain.payments().get().tx_hash)


def test_details_of_another_check_or_transaction_are_refused(market: Market) -> None:
    first, second = (factories.fill(market).settlement for _each in range(2))
    details = checked(market, first)

    with pytest.raises(BadPayload):
        factories.carry(ACT, second.ref, **details)
    with pytest.raises(BadPayload):
        factories.carry(ACT, first.ref, **details | {"transaction": UNKNOWN})
    with pytest.raises(BadPayload):
        factories.carry(ACT, first.ref)


def test_wallet_that_has_less_in_the_ledger_fails_the_request(market: Market) -> None:
    settlement = factories.fill(market).settlement
    details = checked(market, settlement)
    empty = operations.open_wallet(
        name="empty", chain="simulated", address="sim-empty", asset=market.usdt, now=clock.now()
    )
    given = chain.payment(settlement, empty)
    details = {"check": ask(settlement, given).ref, "transaction": given}

    done = factories.decide(factories.propose(ACT, settlement.ref, **details))

    assert (done.status, "ledger shows less" in done.outcome) == ("failed", True)
    assert fresh(settlement).status == "flagged_off"
    assert not ManualPayment.objects.exists()


def test_what_is_settled_paying_or_only_moves_balances_is_not_settled_by_hand(market: Market) -> None:
    to_balance = factories.fill(market, to_balance=True).settlement
    with pytest.raises(NothingToPay):
        factories.carry(ACT, to_balance.ref)
    settlement = factories.fill(market).settlement
    factories.carry(ACT, settlement.ref, **checked(market, settlement))
    with pytest.raises(NotByHand):
        factories.carry(ACT, settlement.ref)


# --- by bank --------------------------------------------------------------------------------


@pytest.fixture
def account(market: Market) -> BankAccount:
    return factories.account(market.client)


def by_bank(account: BankAccount, reference: str = "OUT-2026-1") -> dict[str, Any]:
    return {"account": account.ref, "bank_reference": reference}


def test_fiat_that_the_bank_paid_settles_a_sale(market: Market, account: BankAccount) -> None:
    before = books()
    settlement = factories.fill(market, side="sell").settlement

    factories.carry(ACT, settlement.ref, **by_bank(account))

    row = fresh(settlement)
    assert row.status == "settled_manually"
    assert payments.of(row) == payments.Paid("bank", "OUT-2026-1", account.number)
    assert_books_are_right()
    eur, bank = of(market.client, market.eur.unit), desk("bank", market.eur.unit)
    assert books()[eur] == before[eur]
    assert books()[bank] == before[bank] - minor(row.quote_amount, market.eur.unit)


def test_bank_reference_pays_once_among_everything(market: Market, account: BankAccount) -> None:
    first, second = (factories.fill(market, side="sell").settlement for _each in range(2))
    olga = factories.user("ops")
    received = Receipt("EUR", Decimal(5), "BANK-1", client=market.client.ref)
    operations.record_deposit(receipt=received, actor=olga, key="one", now=clock.now())
    with pytest.raises(PaymentUsed, match="DEP-"):
        factories.carry(ACT, first.ref, **by_bank(account, "BANK-1"))
    factories.carry(ACT, first.ref, **by_bank(account))

    with pytest.raises(PaymentUsed, match=first.ref):
        factories.carry(ACT, second.ref, **by_bank(account))
    taken = Receipt("EUR", Decimal(5), "OUT-2026-1", client=market.client.ref)
    with pytest.raises(ReferenceUsed):
        operations.record_deposit(receipt=taken, actor=olga, key="two", now=clock.now())


def test_account_of_somebody_else_or_ended_or_no_reference_is_refused(market: Market, account: BankAccount) -> None:
    settlement = factories.fill(market, side="sell").settlement
    desks = factories.account(None, "GB82WEST12345698765432")

    with pytest.raises(BadPayload):
        factories.carry(ACT, settlement.ref, **by_bank(desks))
    with pytest.raises(BadPayload):
        factories.carry(ACT, settlement.ref, **by_bank(account, " "))
    operations.end_bank_account(ref=account.ref, actor=factories.user("ops"), reason=factories.REASON, now=clock.now())
    with pytest.raises(BadPayload):
        factories.carry(ACT, settlement.ref, **by_bank(account))


# --- the database ---------------------------------------------------------------------------


def test_nobody_settles_by_hand_alone(market: Market) -> None:
    settlement = factories.fill(market).settlement
    check = ask(settlement, chain.payment(settlement, market.wallet))
    request = ApprovalRequest.objects.latest("pk")

    with refused("ST06"):
        fresh(settlement).move("settled_manually", at=clock.now(), settled_at=clock.now())
    with refused("ST06"):
        ManualPayment.objects.create(
            settlement=settlement, reference=check.transaction, check_made=check, request=request, made_at=clock.now()
        )


def test_answer_that_fits_another_settlement_is_refused_and_none_changes(market: Market) -> None:
    settlement = factories.fill(market).settlement
    made = operations.ask_payment(ref=settlement.ref, transaction=UNKNOWN, actor=factories.user("ops"), now=clock.now())
    said = {"wallet": market.wallet, "to_address": "somebody", "amount_minor": 1, "nonce": 1, "block_number": 1}

    with refused("ST10"):
        made.move("verified", at=clock.now(), **said)
    operations.record_unreachable(check_id=made.pk, now=clock.now())
    with refused("ST10"), transaction.atomic():
        PaymentCheck.objects.filter(pk=made.pk).update(reason="unknown")


class Careless(SettleManually):
    """Settles by another payment than the one that was signed, or books nothing."""

    def __init__(self, *, reference: str) -> None:
        self.reference = reference

    def _settle(self, settlement: Settlement, request: ApprovalRequest, *, now: datetime) -> dict[str, str]:
        account = self.by_bank(settlement, request.payload)[0]
        ManualPayment.objects.create(
            settlement=settlement, reference=self.reference, account=account, request=request, made_at=now
        )
        settlement.move("settled_manually", at=now, settled_at=now)
        return {}


def test_what_was_signed_is_what_pays_whatever_the_program_does(
    market: Market, account: BankAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement = factories.fill(market, side="sell").settlement
    request = factories.propose(ACT, settlement.ref, **by_bank(account))
    monkeypatch.setitem(acts._acts, ACT, Careless(reference="OTHER"))

    assert factories.decide(request).status == "failed"
    assert fresh(settlement).status == "flagged_off"


def test_what_is_settled_by_hand_is_booked_whatever_the_program_does(
    market: Market, account: BankAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement = factories.fill(market, side="sell").settlement
    request = factories.propose(ACT, settlement.ref, **by_bank(account))
    monkeypatch.setitem(acts._acts, ACT, Careless(reference="OUT-2026-1"))

    with pytest.raises(DatabaseError, match="ST09"):
        factories.decide(request)
    assert fresh(settlement).status == "flagged_off"
