"""Withdrawals, step by step, for their tests."""

from decimal import Decimal
from typing import Any

from settlement import operations
from settlement.models import Balance, BankAccount, Withdrawal
from settlement.operations import Wish
from tests import factories
from tests.factories import Market
from tests.probes import sql
from trading.lib import clock
from users.models import User


def ask(
    market: Market,
    amount: str = "4000",
    currency: str = "EUR",
    to: str = "main",
    *,
    key: str = "",
    by: User | None = None,
) -> Any:
    wish = Wish(currency, Decimal(amount) if amount else None, to)
    return operations.request_withdrawal(
        wish=wish, actor=by or market.tara, key=key or factories.unique("key"), now=clock.now()
    )


def ask_usdt(market: Market, amount: str = "4000", **more: Any) -> Any:
    return ask(market, amount, "USDT", market.address.ref, **more)


def signed(row: Withdrawal) -> dict[str, Any]:
    to = row.account or row.address
    assert to is not None
    return {"amount": f"{row.amount:.{row.asset.scale}f}", "currency": row.asset_id, "destination": to.ref}


def approved(row: Any) -> Any:
    factories.carry("withdrawal.approve", row.ref, **signed(row))
    row.refresh_from_db()
    return row


def sent(row: Withdrawal, olga: User, reference: str = "OUT-1") -> Withdrawal:
    return operations.record_sent(ref=approved(row).ref, bank_reference=reference, actor=olga, now=clock.now())


def money(market: Market, currency: str = "EUR") -> Any:
    """What is on the balance, and what of it is held."""
    row = Balance.objects.select_related("account__asset").get(account__code=f"client:{market.client.ref}:{currency}")
    unit = Decimal(10) ** row.account.asset.scale
    return row.posted / unit, row.held / unit


def status(row: Withdrawal) -> str:
    row.refresh_from_db()
    return str(row.status)


def by_hand(market: Market, account: BankAccount, *, amount: int = 5) -> None:
    sql(
        "insert into settlement_withdrawal (ref, client_id, asset_id, amount, fee, account_id, requested_by_id, key,"
        " status, reason, detail, created_at, updated_at) values ('WDR-1', %s, 'EUR', %s, 0, %s, %s, 'x', 'requested',"
        " '', '', now(), now())",
        market.client.pk,
        amount,
        account.pk,
        market.tara.pk,
    )
