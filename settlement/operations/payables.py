"""What is paid on chain, whichever of the three it is: found by its ref, locked."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet

from settlement.models import LpPayment, Payable, Settlement, Withdrawal
from settlement.operations import lp_payments, releasing, withdrawals
from trading.lib.errors import NotFound

# Who may ask the chain about a payment: who handles what it pays.
ASKS: Mapping[str, str] = {
    "settlement": releasing.RELEASE,
    "withdrawal": withdrawals.HANDLE,
    "lp_payment": lp_payments.HANDLE,
}
_WORDS = {"STL": "settlement", "WDR": "withdrawal", "LPP": "lp_payment"}
_LOCKS: Mapping[str, Callable[[str], Payable]] = {
    "settlement": releasing.locked,
    "withdrawal": withdrawals.locked,
    "lp_payment": lp_payments.locked,
}


def word_of(ref: str) -> str:
    """Which of the three a ref is of; "" when of none."""
    return _WORDS.get(ref.partition("-")[0], "")


def found(ref: str) -> Payable:
    """
    Find it as it stands now.

    :raises NotFound: there is none.
    """
    rows: Mapping[str, QuerySet[Any]] = {
        "settlement": Settlement.objects.select_related("client", "destination"),
        "withdrawal": Withdrawal.objects.select_related("client", "address"),
        "lp_payment": LpPayment.objects.select_related("lp", "asset", "address"),
    }
    row: Payable | None = rows[word].filter(ref=ref).first() if (word := word_of(ref)) else None
    if row is None:
        raise NotFound(ref=ref)
    return row


def locked(ref: str) -> Payable:
    """
    Lock a settlement, a withdrawal or an LP payment. Assumes a transaction.

    :raises NotFound: there is none.
    """
    lock = _LOCKS.get(word_of(ref))
    if lock is None:
        raise NotFound(ref=ref)
    return lock(ref)
