"""Correcting the ledger: offered on the page of a counterparty, and on one of the desk's own accounts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from settlement import money
from settlement.forms.money import AmountField, choice, text
from settlement.own_acts.adjusting import LEDGER, LONGEST_EVIDENCE, adjustable
from settlement.views import credit
from settlement.views.subjects import Facts, Subject
from users.models import Counterparty, User

ACT = "ledger.adjust"


def _fields(ref: str) -> Callable[[User], dict[str, forms.Field]]:
    def fields(_actor: User) -> dict[str, forms.Field]:
        accounts = [(one.code, f"{one.code} ({one.get_kind_display()})") for one in adjustable(ref)]
        debit, credited = choice(_("Debit")), choice(_("Credit"))
        debit.choices = credited.choices = accounts
        return {
            "debit": debit,
            "credit": credited,
            "amount": AmountField(label=_("Amount")),
            "evidence": text(_("Evidence"), longest=LONGEST_EVIDENCE, help_text=_("Where an auditor finds it.")),
        }

    return fields


def _party(ref: str, reader: User) -> Subject:
    party = next((one for one in money.served(reader, kind=Counterparty.Kind.LP) if one.ref == ref), None)
    adjusting: dict[str, Any] = {ACT: ({}, _fields(ref))}
    if party is None:
        subject = credit.SUBJECTS["CPY"](ref, reader)
        return replace(subject, acts=subject.acts | adjusting)
    facts: Facts = [(_("LP"), party)]
    return Subject(ref, "counterparties", "counterparty", party.status, facts, adjusting)


def _ledger(ref: str, reader: User) -> Subject:  # noqa: ARG001 - the interface
    facts: Facts = [(_("Accounts"), len(adjustable(LEDGER)))]
    return Subject(ref, "ledger", "user", "active", facts, {ACT: ({}, _fields(LEDGER))})


SUBJECTS: dict[str, Callable[[str, User], Subject]] = {"CPY": _party, LEDGER: _ledger}
