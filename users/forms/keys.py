"""Proposing an API key."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from users.forms.proposing import ProposalForm
from users.models import ApiKey, User
from users.own_acts.keys import LONGEST_NAME, MOST_ADDRESSES, MOST_DAYS


class IssueKeyForm(ProposalForm):
    """What a key is called, what it may do, from where, for how long, and which one it replaces."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("What the program is called, so that people know the key again."),
        max_length=LONGEST_NAME,
        error_messages={"required": _("Name: say which program the key is for.")},
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Scopes: choose at least one.")},
    )
    addresses = forms.CharField(
        label=_("From addresses"),
        help_text=_("Networks the program calls from, one a line (192.0.2.0/24). Empty: from anywhere."),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "ltr", "spellcheck": "false"}),
    )
    days = forms.IntegerField(label=_("Valid for (days)"), min_value=1, max_value=MOST_DAYS, initial=MOST_DAYS)
    replaces = forms.ChoiceField(
        label=_("Takes the place of"),
        help_text=_("The older key goes on for a week after the new one is collected."),
        required=False,
    )
    field_order = ("name", "scopes", "addresses", "days", "replaces", "reason", "nominee", "otp_token", "key")

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        scopes: Sequence[str],
        live: Sequence[ApiKey],
        candidates: Sequence[User],
    ) -> None:
        super().__init__(data, candidates=candidates)
        self.fields["scopes"].choices = [(scope, scope) for scope in scopes]  # type: ignore[attr-defined]
        older = [(key.ref, f"{key.ref} {key.name}") for key in live]
        self.fields["replaces"].choices = [("", _("No other key")), *older]  # type: ignore[attr-defined]

    def clean_addresses(self) -> list[str]:
        """
        Networks in their canonical form; an address alone is a network of one.

        :raises django.core.exceptions.ValidationError: one is no network, or there are too many.
        """
        words = self.cleaned_data["addresses"].replace(",", " ").split()
        if len(words) > MOST_ADDRESSES:
            raise forms.ValidationError(
                _("From addresses: name at most %(most)s networks."), code="too_many", params={"most": MOST_ADDRESSES}
            )
        try:
            return [str(ipaddress.ip_network(word)) for word in words]
        except ValueError as error:
            raise forms.ValidationError(
                _("From addresses: write networks like 192.0.2.0/24 or 2001:db8::/32, one a line."), code="no_network"
            ) from error

    def payload(self) -> dict[str, Any]:
        """The key's terms."""
        terms = {name: self.cleaned_data[name] for name in ("name", "scopes", "addresses", "days")}
        return terms | {"replaces": self.cleaned_data["replaces"] or None}
