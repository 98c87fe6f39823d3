"""Proposing terms, hours, caps and pairs: what is filled in becomes the details of an act."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from rfq import hours
from rfq.models import LpTerms, Pair, TradingHours, TradingTerms
from rfq.own_acts import lps, pairs, terms
from trading.lib.errors import DeskError
from users.forms import ProposalForm
from users.forms.base import DIGITS
from users.models import User
from users.own_acts.base import plain

TAIL = ("reason", "nominee", "otp_token", "key")
LTR = {"dir": "ltr", "autocomplete": "off", "spellcheck": "false"}
WINDOW = re.compile(
    r"(?P<days>[a-z]{3}(?:\s*[-–,\s]\s*[a-z]{3})*)\s+(?P<start>[0-9]{1,2}:[0-9]{2})\s*[-–]\s*(?P<end>[0-9]{1,2}:[0-9]{2})",
    re.ASCII | re.IGNORECASE,
)


class AmountField(forms.DecimalField):
    """A number as people write it, with digits of any of the console's languages; no exponent, no sign."""

    def __init__(self, *, label: Any, places: int, required: bool = True, help_text: Any = "") -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=required,
            min_value=Decimal(0),
            max_digits=15 + places,
            decimal_places=places,
            widget=forms.TextInput(attrs={"inputmode": "decimal", **LTR}),
        )

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # what Django's own returns
        """Understand Persian digits and separators of thousands."""
        text = str(value or "").translate(DIGITS).replace("٫", ".")
        return super().to_python("".join(text.replace(",", "").replace("٬", "").split()))


class CountField(forms.IntegerField):
    """A whole number within bounds, with digits of any of the console's languages."""

    def __init__(self, *, label: Any, least: int, most: int, required: bool = True, help_text: Any = "") -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=required,
            min_value=least,
            max_value=most,
            widget=forms.TextInput(attrs={"inputmode": "numeric", **LTR}),
        )

    def to_python(self, value: Any) -> int | None:
        """Understand Persian digits."""
        return super().to_python(str("" if value is None else value).translate(DIGITS))


class MarketForm(ProposalForm):
    """A proposal about the market: nobody in particular has to be asked."""

    def __init__(self, data: QueryDict | None = None, *, candidates: Sequence[User], scope: str = "proposal") -> None:
        super().__init__(data, candidates=candidates, must_nominate=False, scope=scope)


class TermsForm(MarketForm):
    """A client's terms on one pair."""

    markup_bps = AmountField(label=terms.TERMS["markup_bps"][0], places=2)
    minimum = AmountField(label=terms.TERMS["minimum"][0], places=6)
    maximum = AmountField(label=terms.TERMS["maximum"][0], places=6)
    daily_notional = AmountField(label=terms.TERMS["daily_notional"][0], places=6)
    field_order = ("markup_bps", "minimum", "maximum", "daily_notional", *TAIL)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        pair: Pair,
        now: TradingTerms | None,
        candidates: Sequence[User],
    ) -> None:
        super().__init__(data, candidates=candidates)
        self.pair = pair
        for name in terms.TERMS if now else ():
            self.fields[name].initial = plain(getattr(now, name))

    def payload(self) -> dict[str, Any]:
        """The pair and every term."""
        return {"pair": self.pair.code, **{name: plain(self.cleaned_data[name]) for name in terms.TERMS}}


class WindowsField(forms.CharField):
    """Weekly windows, one a line, like "Mon-Fri 09:00-17:00"."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Trading hours"),
            help_text=_(
                "One window a line: Mon-Fri 09:00-17:00 or Sat, Sun 22:00-02:00. 00:00-00:00 is the whole day."
            ),
            required=False,
            max_length=1000,
            widget=forms.Textarea(attrs={"rows": 3, **LTR}),
        )

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """
        The windows as the act takes them.

        :raises django.core.exceptions.ValidationError: a line is not one.
        """
        lines = [line.strip() for line in super().clean(value).translate(DIGITS).splitlines()]
        return [self._window(line) for line in lines if line]

    def _window(self, line: str) -> dict[str, Any]:
        found = WINDOW.fullmatch(line)
        days = _days(found["days"]) if found else []
        if found is None or not days:
            raise forms.ValidationError(
                _("Trading hours: “%(line)s” is not a window like Mon-Fri 09:00-17:00."),
                code="malformed",
                params={"line": line},
            )
        return {"days": days, "from": found["start"].zfill(5), "to": found["end"].zfill(5)}


def _days(text: str) -> list[int]:
    """The days of a list of names and ranges; none when one of the names is not a day's."""
    names = [name.lower() for name in hours.DAY_NAMES]
    found: set[int] = set()
    for part in re.sub(r"\s*[-–]\s*", "-", text.lower()).replace(",", " ").split():
        first, _dash, last = part.partition("-")
        if first not in names or (last or first) not in names:
            return []
        start, end = names.index(first), names.index(last or first)
        found |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    return sorted(found)


class HoursForm(MarketForm):
    """When a client or an LP may trade."""

    always = forms.BooleanField(label=_("Always open"), required=False)
    time_zone = forms.CharField(
        label=_("Time zone"),
        help_text=_("Its IANA name, like Europe/Berlin. Changes of the clocks are followed."),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs=LTR),
    )
    windows = WindowsField()
    field_order = ("always", "time_zone", "windows", *TAIL)

    def __init__(self, data: QueryDict | None = None, *, now: TradingHours | None, candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates)
        if now is not None:
            self.fields["time_zone"].initial = now.time_zone
            self.fields["windows"].initial = "\n".join(hours.plain(now.windows))

    def clean(self) -> dict[str, Any]:
        """
        Refuse hours nobody could keep.

        :raises django.core.exceptions.ValidationError: both always and windows, or neither.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors or cleaned["always"]:
            return cleaned
        try:
            hours.parse(cleaned["time_zone"], cleaned["windows"])
        except DeskError as error:
            field = "time_zone" if isinstance(error, hours.UnknownTimeZone) else "windows"
            self.add_error(field, error.sentence)
        return cleaned

    def payload(self) -> dict[str, Any]:
        """The hours, or that there are none."""
        if self.cleaned_data["always"]:
            return {"always": True}
        return {"time_zone": self.cleaned_data["time_zone"], "windows": self.cleaned_data["windows"]}


class LpTermsForm(MarketForm):
    """An LP's cap and automatic pause; what is left empty is without."""

    unsettled_cap = AmountField(
        label=lps.TERMS["unsettled_cap"], places=6, required=False, help_text=_("Empty: no cap.")
    )
    pause_window = CountField(
        label=lps.TERMS["pause_window"],
        least=lps.FEWEST,
        most=lps.MOST,
        required=False,
        help_text=_("Empty: never paused automatically."),
    )
    minimum_response_percent = CountField(
        label=lps.TERMS["minimum_response_percent"], least=0, most=lps.WHOLE, required=False
    )
    maximum_reject_percent = CountField(
        label=lps.TERMS["maximum_reject_percent"], least=0, most=lps.WHOLE, required=False
    )
    field_order = (*lps.TERMS, *TAIL)

    def __init__(self, data: QueryDict | None = None, *, now: LpTerms | None, candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates)
        for name in lps.TERMS if now else ():
            self.fields[name].initial = getattr(now, name)
        self.fields["unsettled_cap"].initial = plain(now.unsettled_cap) if now else None

    def clean(self) -> dict[str, Any]:
        """
        Refuse numbers that do not go together.

        :raises django.core.exceptions.ValidationError: a window without a rate, or the other way round.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and (cleaned["pause_window"] is None) != all(cleaned[rate] is None for rate in lps.RATES):
            raise forms.ValidationError(
                _("Give a number of RFQs together with at least one of the shares, or neither.")
            )
        return cleaned

    def payload(self) -> dict[str, Any]:
        """Every term."""
        numbers = {name: self.cleaned_data[name] for name in lps.TERMS}
        return {**numbers, "unsettled_cap": plain(numbers["unsettled_cap"])}


class ChangePairForm(MarketForm):
    """Other policy numbers of a pair. What stays as it is, is not proposed."""

    price_scale = CountField(label=pairs.TERMS["price_scale"], least=0, most=10)
    rfq_ttl_seconds = CountField(label=pairs.TERMS["rfq_ttl_seconds"], least=30, most=3600)
    quote_ttl_seconds = CountField(label=pairs.TERMS["quote_ttl_seconds"], least=10, most=60)
    field_order = (*pairs.TERMS, *TAIL)

    def __init__(
        self, data: QueryDict | None = None, *, pair: Pair, is_traded: bool, candidates: Sequence[User]
    ) -> None:
        super().__init__(data, candidates=candidates)
        self.pair = pair
        if is_traded:
            del self.fields["price_scale"]
        for name in self._terms():
            self.fields[name].initial = getattr(pair, name)

    def _terms(self) -> list[str]:
        return [name for name in pairs.TERMS if name in self.fields]

    def clean(self) -> dict[str, Any]:
        """
        Refuse a proposal to change nothing.

        :raises django.core.exceptions.ValidationError: every number is as it is now.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not self.payload():
            raise forms.ValidationError(_("Every number is as it is now. Change what should be different."))
        return cleaned

    def payload(self) -> dict[str, Any]:
        """The numbers that change."""
        wanted = {name: self.cleaned_data[name] for name in self._terms()}
        return {name: value for name, value in wanted.items() if value != getattr(self.pair, name)}


class OpenPairForm(MarketForm):
    """One more currency to trade USDT against."""

    currency = forms.RegexField(
        r"^[A-Za-z]{3}$",
        label=_("Currency"),
        help_text=_("Its three letters of ISO 4217, like KWD."),
        error_messages={"required": _("Currency: enter its three letters."), "invalid": _("Currency: three letters.")},
        widget=forms.TextInput(attrs={"maxlength": 3, **LTR}),
    )
    decimals = CountField(label=_("Decimals of an amount"), least=0, most=pairs.MOST_DECIMALS)
    price_scale = CountField(label=pairs.TERMS["price_scale"], least=0, most=10)
    rfq_ttl_seconds = CountField(label=pairs.TERMS["rfq_ttl_seconds"], least=30, most=3600)
    quote_ttl_seconds = CountField(label=pairs.TERMS["quote_ttl_seconds"], least=10, most=60)
    field_order = ("currency", "decimals", *pairs.TERMS, *TAIL)

    def __init__(self, data: QueryDict | None = None, *, candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates)
        usual = {"decimals": 2, "price_scale": 4, "rfq_ttl_seconds": 300, "quote_ttl_seconds": 30}
        for name, value in usual.items():
            self.fields[name].initial = value

    @property
    def code(self) -> str:
        """The pair's code. Needs a form that is sound."""
        return f"USDT/{self.cleaned_data['currency'].upper()}"

    def payload(self) -> dict[str, Any]:
        """Its numbers."""
        return {name: self.cleaned_data[name] for name in ("decimals", *pairs.TERMS)}
