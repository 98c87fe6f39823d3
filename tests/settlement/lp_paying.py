"""Netting with an LP and paying it, step by step, for the tests of both."""

from decimal import Decimal
from typing import Any

from settlement import balances, operations, reconciliation, verification
from settlement.models import LpPayment
from settlement.operations import Netting
from tests import factories
from tests.factories import Market
from trading.lib import clock
from users.models import User


def market_with_a_trade() -> Market:
    """One trade: the client bought for 10,000 EUR, so the desk owes the LP euros and the LP owes USDT."""
    made = factories.market()
    factories.fill(made)
    return made


def owed(market: Market, currency: str = "EUR") -> Decimal:
    """What the desk owes the LP, as its `/balance` says."""
    return next(one.amount for one in balances.of_lp(market.meridian) if one.unit.code == currency)


def net(market: Market, by: User, direction: str = "out", currency: str = "EUR", way: str = "", **more: Any) -> Any:
    netting = Netting(market.meridian.ref, currency, direction, way, more.get("amount"), more.get("until"))
    key = more.get("key") or factories.unique("key")
    return operations.request_lp_payment(netting=netting, actor=by, key=key, now=clock.now())


def signed(row: LpPayment) -> dict[str, Any]:
    to = row.account or row.address
    assert to is not None
    return {"amount": f"{row.amount:.{row.asset.scale}f}", "currency": row.asset_id, "destination": to.ref}


def approved(row: Any) -> Any:
    factories.carry("lp_payment.approve", row.ref, **signed(row))
    row.refresh_from_db()
    return row


def sent(row: Any, olga: User, reference: str = "OUT-1") -> Any:
    return operations.record_lp_sent(ref=approved(row).ref, bank_reference=reference, actor=olga, now=clock.now())


def came(row: LpPayment, amount: str, reference: str = "IN-1") -> dict[str, Any]:
    return {"amount": amount, "currency": row.asset_id, "reference": reference}


def status(row: LpPayment) -> str:
    row.refresh_from_db()
    return str(row.status)


def assert_sound() -> None:
    """Neither the evidence nor the ledger says otherwise than the payments."""
    assert list(verification.check()) == []
    assert reconciliation.differences() == []


def copy_of(row: LpPayment, **changes: object) -> LpPayment:
    copied = {field.name: getattr(row, field.name) for field in LpPayment._meta.fields}
    return LpPayment(**(copied | {"id": None, "ref": "LPP-OTHER", "key": "other"} | changes))
