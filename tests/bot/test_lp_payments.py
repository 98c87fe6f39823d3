"""An LP hears of what is paid between it and the desk; its balance, its statement and its programs agree."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rfq import periods
from rfq.queries import statements
from settlement import balances, operations
from settlement.models import BankAccount, LpPayment
from settlement.operations import Netting
from tests import factories
from tests.api.parties import Program
from tests.bot.scene import LEO, MINA, TARA, Scene
from tests.factories import REASON
from trading.lib import clock
from users.models import User


@pytest.fixture
def olga(scene: Scene) -> User:
    return factories.user("ops")


@pytest.fixture
def bank(scene: Scene) -> BankAccount:
    factories.fill(scene.market)
    account = factories.account(scene.market.meridian)
    scene.work()  # what is told of that is not what a test asks about
    return account


def net(scene: Scene, olga: User, direction: str, way: str, amount: str) -> LpPayment:
    currency = "EUR" if direction == "out" else "USDT"
    netting = Netting(scene.market.meridian.ref, currency, direction, way, Decimal(amount))
    return operations.request_lp_payment(netting=netting, actor=olga, key=factories.unique("key"), now=clock.now())


def heard(scene: Scene, row: LpPayment) -> list[str]:
    scene.work()
    return [str(one["text"]) for one in scene.screen(LEO) if row.ref in str(one.get("text"))]


def approve(row: LpPayment) -> None:
    to = row.account or row.address
    assert to is not None
    details = {"amount": f"{row.amount:.{row.asset.scale}f}", "currency": row.asset_id, "destination": to.ref}
    factories.carry("lp_payment.approve", row.ref, **details)


def test_lp_hears_each_step_of_a_payment_to_it_from_the_approval_on(
    scene: Scene, olga: User, bank: BankAccount
) -> None:
    row = net(scene, olga, "out", bank.ref, "4000")
    assert heard(scene, row) == []

    approve(row)
    operations.record_lp_sent(ref=row.ref, bank_reference="OUT", actor=olga, now=clock.now())
    operations.record_lp_confirmed(ref=row.ref, actor=olga, now=clock.now())
    factories.carry("lp_payment.return", row.ref, return_reference="BACK")

    told = heard(scene, row)
    assert all("4,000.00 EUR" in one for one in told)
    assert [one.splitlines()[-1] for one in told] == [
        "Approved: the desk pays it next.",
        "The bank has the desk's order.",
        "It has arrived.",
        "It came back to the desk, which owes it to you again.",
    ]
    for other in (MINA, TARA):
        assert not [one for one in scene.screen(other) if row.ref in str(one.get("text"))]


def test_lp_is_told_what_to_pay_where_and_what_came_or_was_taken_back(
    scene: Scene, olga: User, bank: BankAccount
) -> None:
    wallet = scene.market.wallet
    row = net(scene, olga, "in", wallet.name, "500")
    (asked,) = heard(scene, row)
    assert "Please pay this to the desk:" in asked
    assert wallet.address in asked

    details = {"amount": "499.5", "currency": "USDT", "reference": "0x" + "ab" * 32}
    factories.carry("lp_payment.receive", row.ref, **details)
    assert "499.500000 USDT" in heard(scene, row)[-1]

    other = net(scene, olga, "in", wallet.name, "7")
    operations.decline_lp_payment(ref=other.ref, reason=REASON, actor=olga, now=clock.now())
    assert REASON in heard(scene, other)[-1]


def test_balance_statement_and_programs_agree(scene: Scene, olga: User, bank: BankAccount) -> None:
    row = net(scene, olga, "out", bank.ref, "4000")
    program = Program(scene.market.leo, ["lp_payment.own"])
    assert program.get("lp-payments").json()["items"] == []
    approve(row)
    operations.record_lp_sent(ref=row.ref, bank_reference="OUT", actor=olga, now=clock.now())
    came = net(scene, olga, "in", scene.market.wallet.name, "500")
    factories.carry("lp_payment.receive", came.ref, amount="500", currency="USDT", reference="0x" + "ab" * 32)

    now = clock.now() + timedelta(seconds=1)
    period = periods.read([], time_zone="UTC", now=now)
    found = statements.statement(scene.market.meridian, period, most=100, made_at=now)
    closings = {one.asset.code: one.closing for one in found.accounts}
    assert closings == {one.unit.code: one.amount for one in balances.of_lp(scene.market.meridian)}
    kinds = {one.asset.code: [move.kind for move in one.movements] for one in found.accounts}
    assert kinds == {"EUR": ["accrual", "lp_payment"], "USDT": ["accrual", "lp_receipt"]}
    text = scene.say(LEO, "/balance")[-1]["text"]
    assert f"The desk owes you: {closings['EUR']:,.2f} EUR" in text
    assert f"You owe the desk: {-closings['USDT']:,.6f} USDT" in text

    listed = program.get("lp-payments").json()["items"]
    assert [(one["ref"], one["direction"], one["status"]) for one in listed] == [
        (came.ref, "to_desk", "confirmed"),
        (row.ref, "to_lp", "sent"),
    ]
    assert program.get(f"lp-payments/{row.ref}").json()["amount"] == "4000.00"
    other = Program(scene.market.mina, ["lp_payment.own"])
    assert other.get(f"lp-payments/{row.ref}").status_code == 404
