"""
What people say a payment was made by, and why the desk does not take their word for it. Pure.

A transaction id has the form of its chain: 32 bytes in hexadecimal, after ``0x`` but on TRON
(https://developers.tron.network/docs/tron-protocol-transaction).
"""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Invalid

WITH_PREFIX = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
FORMS = {
    "ethereum": WITH_PREFIX,
    "simulated": WITH_PREFIX,
    "tron": re.compile(r"[0-9a-f]{64}", re.ASCII),
}
UNKNOWN, NOT_FINAL, ANOTHER, STRANGER = "unknown", "not_final", "another_payment", "not_from_the_desk"
UNREACHABLE, MAY_HAPPEN, PAID = "cannot_be_verified", "may_still_happen", "it_paid"
# What the chain's answer to a check can be when it proves nothing, in words.
ANSWERS: dict[str, str | Promise] = {
    UNKNOWN: _("The chain does not know this transaction."),
    NOT_FINAL: _("It is not final yet: check again later."),
    ANOTHER: _("It paid another amount, or another address."),
    STRANGER: _("It came from no wallet of the desk."),
    UNREACHABLE: _("The desk has no way to ask this chain."),
    MAY_HAPPEN: _("The payment can still happen: its nonce is not used up for good, or its time is not surely over."),
    PAID: _("The payment did happen."),
}


class BadTransactionId(Invalid):
    """It is no transaction id of that chain."""

    code = "bad_transaction_id"
    text = _("{transaction} is no transaction id of {chain}. Copy it whole.")


class PaymentUsed(Conflict):
    """What is given as the payment has paid something else already."""

    code = "payment_used"
    text = _("{reference} has paid something already: {what}.")


class PaymentNotVerified(Conflict):
    """No check by the wallet says that this was paid."""

    code = "payment_not_verified"
    text = _("The chain has not confirmed this: {answer}")


class WalletShort(Conflict):
    """The ledger shows less in the wallet than it is said to have paid."""

    code = "wallet_short"
    text = _("The ledger shows less in the wallet that paid. Book first what was put into it.")


def require_valid(chain: str, transaction: str) -> str:
    """
    The transaction id in small letters, without blanks around it, if it is one of that chain.

    :raises BadTransactionId: it is none.
    """
    given = transaction.strip().lower()
    form = FORMS.get(chain)
    if form is None or not form.fullmatch(given):
        raise BadTransactionId(transaction=transaction.strip(), chain=chain)
    return given
