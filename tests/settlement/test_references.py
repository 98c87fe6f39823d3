"""One reference of the bank or the chain is booked once in its direction, whatever it is booked as, however typed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from settlement import banks, operations, verification
from settlement.models import BankAccount, BookedReference, Deposit, LpPayment, TransferAttempt
from settlement.operations import Netting, Receipt, Wish
from settlement.operations.deposits import OtherDeposit, ReferenceUsed
from settlement.operations.withdrawals import BankReferenceTaken
from settlement.own_acts.deposits import NotAsWritten
from settlement.transactions import BadTransactionId, PaymentUsed
from tests import factories
from tests.concurrency.threads import at_once
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from users.models import User

TAKEN = (ReferenceUsed, BankReferenceTaken, PaymentUsed)
TRANSACTION = "0x" + "5e" * 32


class Scene:
    """A desk with everything that bears a reference of the bank, ready to be given one."""

    def __init__(self) -> None:
        self.market = factories.market()
        self.olga: User = factories.user("ops")
        self.account: BankAccount = factories.account(self.market.client)
        self.lps: BankAccount = factories.account(self.market.meridian)
        factories.account(None)
        for _each in range(3):
            factories.fill(self.market)
        self.sale: Any = None

    def receipt(self, reference: str, **more: Any) -> Receipt:
        return Receipt(
            "EUR", **{"amount": Decimal(5), "client": self.market.client.ref, **more}, bank_reference=reference
        )

    def deposit(self, reference: str) -> Deposit:
        key = factories.unique("d")
        return operations.record_deposit(receipt=self.receipt(reference), actor=self.olga, key=key, now=clock.now())

    def sent_withdrawal(self, reference: str) -> Any:
        wish = Wish("EUR", Decimal(5), self.account.ref)
        row = operations.request_withdrawal(
            wish=wish, actor=self.market.tara, key=factories.unique("w"), now=clock.now()
        )
        factories.carry("withdrawal.approve", row.ref, amount="5.00", currency="EUR", destination=self.account.ref)
        return operations.record_sent(ref=row.ref, bank_reference=reference, actor=self.olga, now=clock.now())

    def lp_payment(self, direction: str) -> LpPayment:
        way = self.lps.ref if direction == "out" else ""
        netting = Netting(self.market.meridian.ref, "EUR", direction, way, Decimal(5))
        return operations.request_lp_payment(
            netting=netting, actor=self.olga, key=factories.unique("l"), now=clock.now()
        )

    def sent_lp_payment(self, reference: str) -> Any:
        row = self.lp_payment("out")
        factories.carry("lp_payment.approve", row.ref, amount="5.00", currency="EUR", destination=self.lps.ref)
        return operations.record_lp_sent(ref=row.ref, bank_reference=reference, actor=self.olga, now=clock.now())

    def received_lp_payment(self, reference: str) -> Any:
        row = self.lp_payment("in")
        factories.carry("lp_payment.receive", row.ref, amount="5.00", currency="EUR", reference=reference)
        return row

    def returned_withdrawal(self, reference: str) -> Any:
        row = self.sent_withdrawal(factories.unique("OUT"))
        factories.carry("withdrawal.return", row.ref, return_reference=reference)
        return row

    def returned_lp_payment(self, reference: str) -> Any:
        row = self.sent_lp_payment(factories.unique("OUT"))
        factories.carry("lp_payment.return", row.ref, return_reference=reference)
        return row

    def returned_deposit(self, reference: str) -> Any:
        row = self.deposit(factories.unique("IN"))
        factories.carry("deposit.return", row.ref, return_reference=reference)
        return row

    def settled_by_hand(self, reference: str) -> Any:
        if self.sale is None:
            operations.turn_flag_off(actor=self.olga, reason=factories.REASON, now=clock.now())
            self.sale = factories.fill(self.market, side="sell").settlement
            factories.turn_flag_on()
        row, paid = self.sale, {"account": self.account.ref, "bank_reference": reference}
        factories.carry("settlement.settle_manually", row.ref, **paid)
        self.sale = None
        return row


@pytest.fixture
def scene(db: None) -> Scene:
    return Scene()


INCOMING = ("deposit", "received_lp_payment", "returned_withdrawal", "returned_lp_payment")
OUTGOING = ("sent_withdrawal", "sent_lp_payment", "returned_deposit", "settled_by_hand")


@pytest.mark.parametrize("ways", [INCOMING, OUTGOING], ids=["in", "out"])
def test_one_payment_is_booked_once_whatever_it_is_booked_as(scene: Scene, ways: tuple[str, ...]) -> None:
    for first in ways:
        made = getattr(scene, first)(f"REF {first}".upper())
        for second in ways:
            with pytest.raises(TAKEN, match=made.ref) as refusal:
                getattr(scene, second)(f"REF {first}".upper())
            assert refusal.value.code in {"bank_reference_used", "payment_used"}
    assert list(verification.check()) == []
    booked = BookedReference.objects.filter(reference__startswith="REF ")
    assert booked.count() == len(ways)


def test_one_reference_may_come_in_and_go_out(scene: Scene) -> None:
    """The two directions are two books of the bank; what settled a trade by hand is neither, in any."""
    scene.deposit("SAME")
    assert scene.sent_withdrawal("SAME").status == "sent"
    by_hand = scene.settled_by_hand("HAND")
    with pytest.raises(TAKEN, match=by_hand.ref):
        scene.deposit("HAND")


@pytest.mark.parametrize("typed", ["bank  7a", " BANK\u00a07A ", "Bank\u200b 7a", "ＢＡＮＫ ７Ａ", "bank ۷a"])
def test_however_it_is_typed_it_is_one_reference(scene: Scene, typed: str) -> None:
    assert banks.reference(typed) == "BANK 7A"
    first = scene.deposit("BANK 7A")
    with pytest.raises(ReferenceUsed, match=first.ref):
        scene.deposit(typed)
    row = scene.sent_withdrawal("9" + typed.strip())
    assert row.bank_reference == "9BANK 7A"
    with pytest.raises(NotAsWritten, match="9BANK 7A"):
        factories.propose("withdrawal.return", row.ref, return_reference="9" + typed.strip())


def test_one_transaction_is_booked_once_however_typed(scene: Scene, run_money: Callable[..., None]) -> None:
    market = scene.market
    run_money()
    netting = Netting(market.meridian.ref, "USDT", "in", market.wallet.name, Decimal(5))
    first, second = (
        operations.request_lp_payment(netting=netting, actor=scene.olga, key=f"k{n}", now=clock.now()) for n in (1, 2)
    )
    details: dict[str, Any] = {"amount": "5.000000", "currency": "USDT"}
    with pytest.raises(BadTransactionId):
        factories.propose("lp_payment.receive", first.ref, reference="BANK-1", **details)
    with pytest.raises(NotAsWritten, match=TRANSACTION):
        factories.propose("lp_payment.receive", first.ref, reference=TRANSACTION.upper().replace("X", "x"), **details)
    with pytest.raises(TAKEN, match="TRF-"):
        factories.propose(
            "lp_payment.receive", first.ref, reference=TransferAttempt.objects.order_by("pk")[0].tx_hash, **details
        )
    factories.carry("lp_payment.receive", first.ref, reference=TRANSACTION, **details)
    with pytest.raises(TAKEN, match=first.ref):
        factories.propose("lp_payment.receive", second.ref, reference=TRANSACTION, **details)


def test_two_who_book_one_payment_as_two_things_at_once_book_it_once(scene: Scene) -> None:
    row = scene.sent_withdrawal("OUT")
    request = factories.propose("withdrawal.return", row.ref, return_reference="BACK")

    def comes_back() -> str:
        return str(factories.decide(request).status)

    def is_deposit() -> str:
        try:
            return scene.deposit("back").status
        except ReferenceUsed as refusal:
            return refusal.code

    answers = sorted(map(str, at_once([comes_back, is_deposit])))
    assert answers in (["bank_reference_used", "executed"], ["credited", "failed"])


def test_what_the_database_refuses(scene: Scene) -> None:
    """As the runtime role, by any statement: the table of references is the triggers' own."""
    row = scene.sent_withdrawal("OUT 1")
    scene.deposit("IN 1")
    announced = operations.announce_deposit(
        currency="EUR", amount=Decimal(5), actor=scene.market.tara, key="a", now=clock.now()
    )
    received = "update settlement_deposit set status = 'received', amount = 5, bank_reference = %s where ref = %s"
    for typed in ("in  1", "ＩＮ 1", "IN\u200b 1"):
        with refused("MN33"):
            sql(received, typed, announced.ref)
    request = factories.propose("withdrawal.return", row.ref, return_reference="IN 2")
    scene.deposit("IN 2")
    with refused("MN33"):
        execute_by_hand(request, factories.founders()[1])
        sql("update settlement_withdrawal set status = 'returned', return_reference = 'IN 2' where ref = %s", row.ref)
    for statement in (
        "insert into settlement_bookedreference (way, reference, booked_as) values ('in', 'X', 'DEP-1')",
        "update settlement_bookedreference set reference = 'X'",
        "delete from settlement_bookedreference",
        "truncate settlement_bookedreference",
    ):
        with refused("permission denied"):
            sql(statement)


def test_verification_finds_a_payment_that_is_booked_twice(scene: Scene, owner: Any) -> None:
    first, second = scene.deposit("ONE"), scene.deposit("TWO")
    owner.execute("alter table settlement_deposit disable trigger user")
    owner.execute("update settlement_deposit set bank_reference = 'one' where ref = %s", [second.ref])
    owner.execute("alter table settlement_deposit enable trigger user")

    (finding,) = verification.check()
    assert finding.where == second.ref
    assert first.ref in finding.what


# --- the same key, other input -------------------------------------------------------------------


def test_key_of_a_deposit_is_of_all_of_its_details(scene: Scene) -> None:
    usual = scene.receipt("K", sender="Cedar")
    other = factories.counterparty()

    def record(receipt: Receipt) -> Deposit:
        return operations.record_deposit(receipt=receipt, actor=scene.olga, key="key", now=clock.now())

    made = record(usual)
    assert record(scene.receipt(" k", sender=" Cedar ")) == made
    for more in (
        {"client": other.ref},
        {"client": ""},
        {"sender": "Mallory"},
        {"amount": Decimal(6)},
        {"ref": "DEP-X"},
    ):
        with pytest.raises(ReferenceUsed):
            record(scene.receipt("K", **{"sender": "Cedar", **more}))
    with pytest.raises(OtherDeposit):
        record(scene.receipt("L", sender="Cedar"))
    unknown = operations.record_deposit(
        receipt=scene.receipt("U", client=""), actor=scene.olga, key="unknown", now=clock.now()
    )
    details = {"client": scene.market.client.ref, "amount": "5.00", "bank_reference": "U"}
    factories.carry("deposit.confirm", unknown.ref, **details)
    again = operations.record_deposit(
        receipt=scene.receipt("U", client=""), actor=scene.olga, key="unknown", now=clock.now()
    )
    assert again == unknown
