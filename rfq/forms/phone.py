"""What a trader or dealer said on the phone, as ops take it down."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from rfq.forms.disputes import KeyField
from rfq.models import Pair, Rfq
from rfq.models.trading import Side
from rfq.operations import Offer, RfqRequest
from trading.lib import numbers
from trading.lib.money import USDT
from users.forms import ConsoleForm
from users.models import User

FIAT, BALANCE, USUAL = "fiat", "balance", ""


class NumberField(forms.CharField):
    """A positive number in the reader's notation, or plainly with a point. What was typed is kept."""

    def __init__(self, *, label: Any, missing: Any, help_text: Any = "") -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            max_length=32,
            error_messages={"required": missing},
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "dir": "ltr"}),
        )

    def clean(self, value: Any) -> Decimal:
        """
        Read it.

        :raises django.core.exceptions.ValidationError: it is no number in this notation.
        """
        written = super().clean(value)
        language = "en" if written.isascii() and "," not in written else get_language() or "en"
        try:
            return numbers.parse_decimal(written, language)
        except numbers.NotANumber as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error


class CallerField(forms.ChoiceField):
    """Who is on the phone: one of the logins that may trade."""

    def __init__(self, *, label: Any, missing: Any) -> None:
        super().__init__(label=label, error_messages={"required": missing, "invalid_choice": missing})

    def offer(self, callers: Sequence[User]) -> None:
        """Let one of these be chosen."""
        named = [(user.ref, f"{user.counterparty}: {user.person} ({user.username})") for user in callers]
        self.choices = [("", _("Choose")), *named]


class PhoneRfqForm(ConsoleForm):
    """A client's request, spoken."""

    caller = CallerField(label=_("Who is calling"), missing=_("Who is calling: choose the client's trader."))
    side = forms.ChoiceField(label=_("Side, as the client sees it"), choices=Side.choices)
    pair = forms.ChoiceField(label=_("Pair"))
    amount = NumberField(label=_("Amount"), missing=_("Amount: enter a number."))
    unit = forms.ChoiceField(label=_("Amount in"), choices=[(FIAT, _("The pair's currency")), (USDT.code, USDT.code)])
    destination = forms.ChoiceField(
        label=_("Where bought USDT goes"),
        choices=[(USUAL, _("The client's first approved address")), (BALANCE, _("The client's balance at the desk"))],
        required=False,
    )
    key = KeyField()

    def __init__(self, data: QueryDict | None = None, *, callers: Sequence[User], pairs: Sequence[Pair]) -> None:
        super().__init__(data, scope="phone")
        self._callers = {user.ref: user for user in callers}
        self.fields["caller"].offer(callers)  # type: ignore[attr-defined]
        self.fields["pair"].choices = [(pair.code, pair.code) for pair in pairs]  # type: ignore[attr-defined]

    @property
    def trader(self) -> User:
        """Who is calling."""
        return self._callers[self.cleaned_data["caller"]]

    def request(self) -> RfqRequest:
        """What was asked."""
        said: dict[str, Any] = self.cleaned_data
        unit = said["pair"].removeprefix(f"{USDT.code}/") if said["unit"] == FIAT else USDT.code
        return RfqRequest(said["pair"], said["side"], said["amount"], unit, f"phone:{said['key']}", said["destination"])


class PhoneQuoteForm(ConsoleForm):
    """An LP's answer, spoken."""

    caller = CallerField(label=_("Who is calling"), missing=_("Who is calling: choose the LP's dealer."))
    price = NumberField(
        label=_("Price"),
        missing=_("Price: enter a number."),
        help_text=_("The LP's own, without the desk's mark-up."),
    )
    ttl_seconds = forms.IntegerField(
        label=_("Valid for, seconds"),
        help_text=_("The LP confirms it within this time; 10 to 60."),
        min_value=10,
        max_value=60,
        initial=60,
    )
    key = KeyField()

    def __init__(self, data: QueryDict | None = None, *, callers: Sequence[User], rfq: Rfq) -> None:
        super().__init__(data, scope="phone")
        self._rfq = rfq
        self._callers = {user.ref: user for user in callers}
        self.fields["caller"].offer(callers)  # type: ignore[attr-defined]

    @property
    def dealer(self) -> User:
        """Who is calling."""
        return self._callers[self.cleaned_data["caller"]]

    def offer(self) -> Offer:
        """What was said."""
        said: dict[str, Any] = self.cleaned_data
        return Offer(self._rfq.ref, said["price"], f"phone:{said['key']}", said["ttl_seconds"])
