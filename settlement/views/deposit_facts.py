"""What the page of a deposit says of how it came: by bank, or on a chain."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from settlement import arrival_reasons, confirming
from settlement.forms.money import choice, text
from settlement.models import Deposit
from settlement.own_acts.chain_deposits import BEARERS
from settlement.views.subjects import Facts
from trading.lib.money import Money
from users.models import User


def facts_of(row: Deposit) -> Facts:
    """Who said so, and by what it is known. Needs the wallet, and who entered it, loaded."""
    return _by_chain(row) if row.is_on_chain else _by_bank(row)


def acts_on_chain(row: Deposit, details: dict[str, Any]) -> dict[str, Any]:
    """What two may decide about what came on a chain, beside crediting it and paying it back."""
    if not row.is_on_chain:
        return {}
    if row.status == row.Status.SUSPENSE:
        return {"deposit.take_own": (details, _evidence)}
    return {"deposit.take_off": (details, _bearer)} if row.status == row.Status.UNDONE else {}


def _evidence(_actor: User) -> dict[str, forms.Field]:
    return {"evidence": text(_("Evidence"), longest=200, help_text=_("Where an auditor finds it."))}


def _bearer(_actor: User) -> dict[str, forms.Field]:
    bearer = choice(_("Who bears it"))
    bearer.choices = list(BEARERS.items())
    return {"bearer": bearer}


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
        (_("Confirmations"), confirming.of(row) or "–"),
        (_("Reason"), arrival_reasons.words(row.reason) if row.reason else "–"),
    ]
