"""Deposits, withdrawals and destinations, as ops write them down or propose them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from settlement import banks, transactions
from settlement.addresses import CHAINS
from settlement.operations import Netting, NewAddress, NewBankAccount, Receipt
from settlement.operations.destinations import DESK
from trading.lib import numbers
from trading.lib.ids import new_ref
from users.forms import ConsoleForm, ProposalForm
from users.models import Counterparty, User

ZERO = re.compile(r"0+([.,٫]0+)?")
PLAIN = {"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}


def text(label: Any, *, longest: int, required: bool = True, help_text: Any = "") -> forms.CharField:
    """A line of plain text."""
    return forms.CharField(
        label=label,
        max_length=longest,
        required=required,
        help_text=help_text,
        error_messages={"required": _("Write something here.")},
        widget=forms.TextInput(attrs=PLAIN),
    )


def choice(label: Any, *, required: bool = True) -> forms.ChoiceField:
    """One of what the page offers."""
    missing = _("Choose one.")
    return forms.ChoiceField(
        label=label, required=required, error_messages={"required": missing, "invalid_choice": missing}
    )


def parties(found: Sequence[Counterparty], first: Any) -> list[tuple[str, Any]]:
    """Counterparties to choose from, after a first line that is none."""
    return [("", first), *((one.ref, one.name) for one in found)]


def read_amount(written: str) -> Decimal:
    """
    Read an amount in the reader's notation, or plainly with a point.

    :raises django.core.exceptions.ValidationError: it is no number.
    """
    language = "en" if written.isascii() and "," not in written else get_language() or "en"
    try:
        return numbers.parse_decimal(written, language)
    except numbers.NotANumber as error:
        raise forms.ValidationError(error.sentence, code=error.code) from error


class AmountField(forms.CharField):
    """
    An amount as people write it, given on in plain digits.

    :param may_be_zero: nothing is an amount, too.
    """

    def __init__(self, *, may_be_zero: bool = False, **usual: Any) -> None:
        super().__init__(max_length=32, widget=forms.TextInput(attrs=PLAIN), **usual)
        self.may_be_zero = may_be_zero

    def clean(self, value: Any) -> str:
        """
        Read it.

        :raises django.core.exceptions.ValidationError: it is no number.
        """
        written = super().clean(value)
        if self.may_be_zero and ZERO.fullmatch(written.translate(numbers.DIGITS)):
            return "0"
        return f"{read_amount(written):f}"


class ReferenceField(forms.CharField):
    """
    A bank's reference, given on in the form it is kept and compared in.

    :param chain: a transaction's id on this chain instead.
    """

    def __init__(self, *, chain: str = "", **usual: Any) -> None:
        longest = 80 if chain else banks.LONGEST_REFERENCE
        super().__init__(max_length=longest, widget=forms.TextInput(attrs=PLAIN), **usual)
        self.chain = chain

    def clean(self, value: Any) -> str:
        """
        Write it as it is kept.

        :raises django.core.exceptions.ValidationError: there is none, or it is no transaction's.
        """
        written = super().clean(value)
        if not self.chain:
            return banks.reference(written)
        try:
            return transactions.require_valid(self.chain, written)
        except transactions.BadTransactionId as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error


class DepositForm(ConsoleForm):
    """What the bank says it received."""

    currency = choice(_("Currency"))
    amount = text(_("Amount received"), longest=32)
    bank_reference = ReferenceField(label=_("Bank reference"), help_text=_("The bank's own, unique to this payment."))
    sender = text(_("Sender"), longest=140, required=False)
    ref = text(_("Announced deposit"), longest=16, required=False, help_text=_("DEP-… from the payment's text."))
    client = choice(_("Client"), required=False)
    key = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=partial(new_ref, "KEY"))

    def __init__(
        self, data: QueryDict | None = None, *, currencies: Sequence[str], clients: Sequence[Counterparty]
    ) -> None:
        super().__init__(data)
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]
        self.fields["client"].choices = parties(clients, _("Nobody knows"))  # type: ignore[attr-defined]

    def clean_amount(self) -> Decimal:
        """
        Read it in the reader's notation, or plainly with a point.

        :raises django.core.exceptions.ValidationError: it is no number.
        """
        return read_amount(self.cleaned_data["amount"])

    def receipt(self) -> Receipt:
        """What was written, as the operation takes it."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "key"}
        return Receipt(**given | {"ref": given["ref"].strip().upper()})


class AddressForm(ConsoleForm):
    """An address a counterparty asks for."""

    party = choice(_("Counterparty"))
    chain = choice(_("Chain"))
    address = text(_("Address"), longest=64)
    label = text(_("Label"), longest=64, required=False)

    def __init__(self, data: QueryDict | None = None, *, counterparties: Sequence[Counterparty]) -> None:
        super().__init__(data)
        self.fields["party"].choices = parties(counterparties, _("Choose"))  # type: ignore[attr-defined]
        self.fields["chain"].choices = [(chain, chain) for chain in sorted(CHAINS)]  # type: ignore[attr-defined]

    def wanted(self) -> NewAddress:
        """What was written, as the operation takes it."""
        return NewAddress(**self.cleaned_data)


class AccountForm(ConsoleForm):
    """A bank account a counterparty asks for, or the desk's own."""

    party = choice(_("Counterparty"))
    currency = choice(_("Currency"))
    holder = text(_("Holder"), longest=140)
    number = text(_("Account"), longest=50)
    is_iban = forms.BooleanField(label=_("It is an IBAN"), required=False, initial=True)
    bank = text(_("Bank"), longest=140)
    bic = text(_("BIC"), longest=14, required=False)
    label = text(_("Label"), longest=64, required=False)

    def __init__(
        self, data: QueryDict | None = None, *, currencies: Sequence[str], counterparties: Sequence[Counterparty]
    ) -> None:
        super().__init__(data)
        own = [*parties(counterparties, _("Choose")), (DESK, _("The desk"))]
        self.fields["party"].choices = own  # type: ignore[attr-defined]
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]

    def wanted(self) -> NewBankAccount:
        """What was written, as the operation takes it."""
        return NewBankAccount(**self.cleaned_data)


class SentForm(ConsoleForm):
    """The bank took the order."""

    bank_reference = ReferenceField(label=_("Bank reference"), help_text=_("The bank's own, unique to this payment."))


class NettingForm(ConsoleForm):
    """
    What is to be paid between the desk and an LP in one asset.

    :param ways: where it may go; for fiat that comes there is nothing to choose.
    """

    amount = text(_("Amount"), longest=32, required=False, help_text=_("Empty: all that is left."))
    until = forms.DateField(
        label=_("Accrued up to and including (UTC)"),
        required=False,
        help_text=_("Empty: until now."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    way = choice(_("Destination"))
    key = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=partial(new_ref, "KEY"))

    def __init__(self, data: QueryDict | None = None, *, ways: Sequence[tuple[str, str]], takes_way: bool) -> None:
        super().__init__(data)
        self.fields["way"].choices = [("", _("Choose")), *ways]  # type: ignore[attr-defined]
        if not takes_way:
            del self.fields["way"]

    def clean_amount(self) -> Decimal | None:
        """
        Read it.

        :raises django.core.exceptions.ValidationError: it is no number.
        """
        written: str = self.cleaned_data["amount"]
        return read_amount(written) if written.strip() else None

    def netting(self, *, lp: str, currency: str, direction: str) -> Netting:
        """What was written, as the operation takes it."""
        given, day = self.cleaned_data, self.cleaned_data["until"]
        until = datetime.combine(day + timedelta(days=1), time(), UTC) if day else None
        return Netting(lp, currency, direction, given.get("way", ""), given["amount"], until)


class ActForm(ProposalForm):
    """
    The proposal of an act on money.

    :param fixed: the details the page knows already.
    :param asks: those the proposer writes, by their names in the details.
    """

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        candidates: Sequence[User],
        fixed: Mapping[str, Any],
        asks: Mapping[str, forms.Field],
    ) -> None:
        super().__init__(data, candidates=candidates, must_nominate=False)
        self.fixed, self.asks = fixed, tuple(asks)
        self.fields.update(asks)
        self.order_fields((*asks, "reason", "nominee", "otp_token", "key"))

    def payload(self) -> dict[str, Any]:
        """What is signed."""
        return {**self.fixed, **{name: self.cleaned_data[name] for name in self.asks}}
