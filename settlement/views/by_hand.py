"""What a page offers when people have to look: asking the chain about a payment, and the acts for two."""

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from settlement import banks, operations
from settlement.forms.money import ReferenceField, choice, text
from settlement.models import BankAccount, Payable, PaymentCheck, Settlement, TransferAttempt
from settlement.operations.payables import ASKS
from settlement.own_acts.by_hand import accounts_of, is_paid_by_bank
from settlement.own_acts.proofs import answer_of
from settlement.views.subjects import Facts, Step, nothing
from trading.lib import clock
from users.forms import ConsoleForm
from users.models import User

ACT = "settlement.settle_manually"


class TransactionForm(ConsoleForm):
    """Which transaction paid."""

    transaction = text(_("Transaction"), longest=80)


@dataclass(frozen=True, slots=True)
class Offered:
    """Facts, acts and steps that go with it."""

    facts: Facts = field(default_factory=list)
    acts: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


def offered(row: Settlement) -> Offered:
    """Ask the chain first; what it confirmed is proposed. Fiat by bank is proposed with the bank's reference."""
    if row.pays_on_chain:
        return _on_chain(row)
    return _by_bank(accounts_of(row)) if is_paid_by_bank(row) else Offered()


def _on_chain(row: Settlement) -> Offered:
    asked = _asked(row)
    verified = _verified(asked, PaymentCheck.Kind.PAID)
    acts = {}
    if verified is not None:
        acts[ACT] = ({"check": verified.ref, "transaction": verified.transaction}, nothing)
    return Offered(_facts(asked), acts, (_asking(row),))


def in_review(row: Payable) -> Offered:
    """Ask the chain first: what cannot happen is paid again, otherwise or not at all; what did is taken as paid."""
    asked = _asked(row)
    void, paid = (_verified(asked, kind) for kind in (PaymentCheck.Kind.VOID, PaymentCheck.Kind.PAID))
    acts: dict[str, Any] = {}
    if void is not None:
        end = "settlement.cancel" if isinstance(row, Settlement) else f"{row.word}.give_up"
        acts = dict.fromkeys((f"{row.word}.resend", end), ({"check": void.ref}, nothing))
    if paid is not None and _is_ours(row, paid):
        acts[f"{row.word}.confirm_payment"] = ({"check": paid.ref}, nothing)
    elif paid is not None and void is not None:
        details = {"check": void.ref, "payment": paid.ref, "transaction": paid.transaction}
        acts[f"{row.word}.take_other"] = (details, nothing)
    possible = Step(
        "possibility",
        _("Ask whether it can still happen"),
        _("The chain is asked about what was signed. If it never can, paying again or ending it can be proposed."),
        ASKS[row.word],
        _nothing_asked,
        lambda actor, _data: operations.ask_void(ref=row.ref, actor=actor, now=clock.now()),
    )
    return Offered(_facts(asked), acts, (possible, _asking(row)))


def _is_ours(row: Payable, paid: PaymentCheck) -> bool:
    """Whether the desk itself signed the transaction for it."""
    signed = TransferAttempt.objects.filter(**{f"transfer__{row.word}": row})
    return signed.filter(tx_hash=paid.transaction).exists()


def _nothing_asked(data: QueryDict | None) -> ConsoleForm:
    return ConsoleForm(data)


def _asked(row: Payable) -> list[PaymentCheck]:
    checks = PaymentCheck.objects.filter(**{row.word: row}).select_related("transfer")
    return list(checks.order_by("-pk")[:5])


def _facts(asked: list[PaymentCheck]) -> Facts:
    return [
        (check.get_kind_display(), f"{check.transaction or check.transfer} · {answer_of(check)}") for check in asked
    ]


def _verified(asked: list[PaymentCheck], kind: str) -> PaymentCheck | None:
    good = PaymentCheck.Status.VERIFIED
    return next((check for check in asked if check.status == good and check.kind == kind), None)


def _asking(row: Payable) -> Step:
    return Step(
        "check",
        _("Check a payment"),
        _("The chain is asked whether this transaction paid it. What it confirms can be proposed."),
        ASKS[row.word],
        _form,
        lambda actor, data: operations.ask_payment(
            ref=row.ref, transaction=data["transaction"], actor=actor, now=clock.now()
        ),
    )


def _form(data: QueryDict | None) -> ConsoleForm:
    return TransactionForm(data)


def _by_bank(accounts: list[BankAccount]) -> Offered:
    def fields(_actor: User) -> dict[str, forms.Field]:
        account = choice(_("Bank account"))
        account.choices = [(one.ref, f"{one.holder}, {banks.number_of(one)}") for one in accounts]
        return {"account": account, "bank_reference": ReferenceField(label=_("Bank reference"))}

    return Offered(acts={ACT: ({}, fields)} if accounts else {})
