"""Copies of the lists of settlements and money: what they have, and which rows an address chooses."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from settlement import lp_positions, money, on_chain, queries
from settlement.models import Deposit, LpPayment, Settlement, Transfer, Withdrawal
from settlement.queries import Criteria
from trading.lib import clock
from trading.lib.money import Money
from users.listing import Table
from users.models import User


def criteria_of(data: QueryDict) -> Criteria:
    """Read the filters of the settlements; a state nobody knows is as good as none."""
    state = data.get("state", "")
    return Criteria(
        state=state if state in queries.STATE_FILTERS else "",
        text=data.get("q", "")[:100],
        before=data.get("before", "")[:16],
    )


def payments_of(data: QueryDict) -> on_chain.Criteria:
    """Read the filters of the payments on chain; a tab nobody knows is as good as the first."""
    tab = data.get("state", "")
    return on_chain.Criteria(
        tab=tab if tab in on_chain.TABS else "",
        wallet=data.get("wallet", "")[:64],
        text=data.get("q", "")[:100],
        before=data.get("before", "")[:16],
    )


def _settlements(data: QueryDict, reader: User) -> QuerySet[Settlement]:
    return queries.matching(criteria_of(data), reader=reader, now=clock.now())


def _settlement(row: Settlement) -> tuple[object, ...]:
    address = row.destination.address if row.destination else None
    amounts = (row.base_amount, row.quote_amount, row.lp_quote_amount, row.markup_amount, row.quote_asset_id, row.price)
    when = (row.created_at, row.due_at, row.settled_at)
    return (
        row.ref,
        row.trade_ref,
        row.client.name,
        row.lp.name,
        row.side,
        *amounts,
        address,
        row.status,
        row.reason,
        *when,
    )


def _tab(data: QueryDict, tabs: Any) -> str:
    tab = data.get("state", "")
    return tab if tab in tabs else ""


def _deposit(row: Deposit) -> tuple[object, ...]:
    client = row.client.name if row.client else None
    where = (row.bank_reference, row.tx_hash, row.sender)
    return (
        row.ref,
        client,
        row.asset_id,
        row.announced,
        row.amount,
        *where,
        row.status,
        row.created_at,
        row.credited_at,
    )


def _withdrawal(row: Withdrawal) -> tuple[object, ...]:
    to = row.account.number if row.account else row.address.address if row.address else None
    what = (row.asset_id, row.amount, row.fee, to, row.bank_reference)
    return (row.ref, row.client.name, *what, row.status, row.reason, row.created_at, row.sent_at)


def _lp_payment(row: LpPayment) -> tuple[object, ...]:
    what = (row.asset_id, row.direction, row.amount, row.received, row.reference)
    return (row.ref, row.lp.name, *what, row.status, row.reason, row.created_at, row.sent_at)


def _transfer(row: Transfer) -> tuple[object, ...]:
    amount = Money.from_minor(int(row.amount_minor), row.wallet.account.asset.unit).amount
    tried = [attempt.tx_hash for attempt in row.attempts.all()]
    where = (row.wallet.name, row.wallet.chain, row.to_address, amount, row.nonce, " ".join(tried))
    return (row.ref, row.owner_ref, *where, row.status, row.reason, row.confirmations, row.created_at, row.final_at)


SETTLEMENTS = Table(
    (
        *("ref", "trade", "client", "lp", "side", "base_amount", "quote_amount", "lp_quote_amount", "markup_amount"),
        *("currency", "price", "address", "status", "reason", "created_at", "due_at", "settled_at"),
    ),
    _settlements,
    _settlement,
)
DEPOSITS = Table(
    (
        *("ref", "client", "currency", "announced", "amount", "bank_reference", "transaction", "sender", "status"),
        *("created_at", "credited_at"),
    ),
    lambda data, reader: money.deposits_in(_tab(data, money.DEPOSIT_TABS), reader=reader),
    _deposit,
)
WITHDRAWALS = Table(
    (
        *("ref", "client", "currency", "amount", "fee", "destination", "bank_reference", "status", "reason"),
        *("created_at", "sent_at"),
    ),
    lambda data, reader: money.withdrawals_in(_tab(data, money.WITHDRAWAL_TABS), reader=reader),
    _withdrawal,
)
LP_PAYMENTS = Table(
    (
        *("ref", "lp", "currency", "direction", "amount", "received", "reference", "status", "reason"),
        *("created_at", "sent_at"),
    ),
    lambda data, reader: lp_positions.payments_in(_tab(data, lp_positions.TABS), reader=reader),
    _lp_payment,
)
TRANSFERS = Table(
    (
        *("ref", "pays", "wallet", "chain", "address", "amount", "nonce", "transactions", "status", "reason"),
        *("confirmations", "created_at", "final_at"),
    ),
    lambda data, reader: on_chain.matching(payments_of(data), reader=reader).prefetch_related("attempts"),
    _transfer,
)
