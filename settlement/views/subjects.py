"""What a page of the money room is about: facts, the acts two people decide, the steps one person may take at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement.forms import SentForm
from settlement.forms.money import ReferenceField
from users.forms import ConsoleForm, ReasonForm
from users.models import User

type Facts = list[tuple[str, object]]
TITLES: dict[str, str | Promise] = {
    "AUTO_SETTLEMENT_ENABLED": lazy("Automatic settlement"),
    "LEDGER": lazy("Adjust the ledger"),
    "SETTLEMENT": lazy("Limits of settlement"),
    "TRANSFERS_HALTED": lazy("Payments on chain"),
    "WALLETS": lazy("Limits of wallets"),
    "WITHDRAWALS": lazy("Limits and fees of withdrawals"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one person may do at once: its form, what it does, and the capability it takes."""

    name: str
    title: str
    effect: str
    capability: str
    make: Callable[[QueryDict | None], ConsoleForm]
    do: Callable[[User, Mapping[str, Any]], object]
    stops: bool = False  # it takes something away, and looks like it


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing the page is about."""

    ref: str
    room: str
    machine: str
    status: str
    facts: Facts
    acts: dict[str, tuple[dict[str, Any], Callable[[User], dict[str, forms.Field]]]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        """What it is called, where its ref says nothing to people: there is one of it at the desk."""
        return str(TITLES.get(self.ref, ""))


def nothing(_actor: User) -> dict[str, forms.Field]:
    """Ask nothing more: the page knows the details."""
    return {}


def reason_form(data: QueryDict | None) -> ConsoleForm:
    """Ask why."""
    return ReasonForm(data, scope="stop")


def plain_form(data: QueryDict | None) -> ConsoleForm:
    """Ask nothing."""
    return ConsoleForm(data)


def sent_form(data: QueryDict | None) -> ConsoleForm:
    """Ask for the bank's reference."""
    return SentForm(data)


def return_reference(_actor: User) -> dict[str, forms.Field]:
    """Ask for the reference of a payment back."""
    return {"return_reference": ReferenceField(label=_("Reference of the payment back"))}
