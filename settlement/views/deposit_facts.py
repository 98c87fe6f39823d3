"""What the page of a deposit says of how it came: by bank, or on a chain."""

from django import forms
from django.utils.translation import gettext as _

from settlement import arrival_reasons
from settlement.forms.money import text
from settlement.models import Deposit
from settlement.views.subjects import Facts
from trading.lib.money import Money
from users.models import User


def facts_of(row: Deposit) -> Facts:
    """Who said so, and by what it is known. Needs the wallet, and who entered it, loaded."""
    return _by_chain(row) if row.is_on_chain else _by_bank(row)


def return_transaction(_actor: User) -> dict[str, forms.Field]:
    """Ask for the transaction of a payment back."""
    return {"return_reference": text(_("Transaction of the payment back"), longest=80)}


def _by_bank(row: Deposit) -> Facts:
    announced = Money(row.announced, row.asset.unit) if row.announced is not None else "–"
    return [
        (_("Announced"), announced),
        (_("Bank reference"), row.bank_reference or "–"),
        (_("Entered by"), row.entered_by),
    ]


def _by_chain(row: Deposit) -> Facts:
    wallet = row.wallet
    assert wallet is not None  # noqa: S101 - asked of what came on a chain
    return [
        (_("Chain"), wallet.chain),
        (_("Wallet"), f"{wallet.name} {wallet.address}"),
        (_("Transaction"), row.tx_hash),
        (_("Block"), f"{row.block_number} · {_('log %(number)s') % {'number': row.log_index}}"),
        (_("Reason"), arrival_reasons.words(row.reason) if row.reason else "–"),
    ]
