"""Who is to get a login."""

import zoneinfo
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from users.forms.base import ConsoleForm
from users.models import Counterparty, Person, User
from users.operations import NewUser

PLAIN = {"dir": "ltr", "autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}


class NewcomerForm(ConsoleForm):
    """A login that waits: for a new person, another one of somebody known, or a service."""

    username = forms.RegexField(
        r"^[a-z0-9][a-z0-9._-]*$",
        label=_("Username"),
        help_text=_("Small letters, digits, dots, dashes. It never changes."),
        max_length=64,
        error_messages={
            "required": _("Username: choose one."),
            "invalid": _("Username: small letters, digits, dots and dashes, beginning with a letter or digit."),
        },
        widget=forms.TextInput(attrs=PLAIN),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=User.Kind.choices)
    full_name = forms.CharField(
        label=_("Full name"),
        help_text=_("As in the document. Of a new person."),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    same_person_as = forms.CharField(
        label=_("Another login of"),
        help_text=_("The username of a login this person has already: two logins of one person are one person."),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
    )
    counterparty = forms.ChoiceField(label=_("Counterparty"), required=False)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(label=_("Time zone"), initial="UTC", widget=forms.Select(attrs={"dir": "ltr"}))

    def __init__(self, data: QueryDict | None = None, *, counterparties: Sequence[Counterparty]) -> None:
        super().__init__(data, scope="new")
        self.parties = {party.ref: party for party in counterparties}
        named = [(party.ref, party.name) for party in counterparties]
        self.fields["counterparty"].choices = [("", _("The desk")), *named]  # type: ignore[attr-defined]
        zones = sorted(zoneinfo.available_timezones())
        self.fields["time_zone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]

    def clean_same_person_as(self) -> Person | None:
        """
        The person a known login belongs to.

        :raises django.core.exceptions.ValidationError: nobody is called so, or it is a service.
        """
        name = self.cleaned_data["same_person_as"]
        if not name:
            return None
        found = User.objects.select_related("person").filter(username__iexact=name).first()
        if found is None or found.person is None:
            raise forms.ValidationError(_("Another login of: nobody is called so."), code="unknown")
        return found.person

    def clean(self) -> dict[str, Any]:
        """
        Somebody, and only one.

        :raises django.core.exceptions.ValidationError: a person without a name, or a service with one.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        named = [name for name in ("full_name", "same_person_as") if cleaned.get(name)]
        wanted = 1 if cleaned.get("kind") == User.Kind.HUMAN else 0
        if not self.errors and len(named) != wanted:
            raise forms.ValidationError(
                _("Name a new person, or a login the person has already; a service is nobody."), code="who"
            )
        return cleaned

    def new_user(self) -> NewUser:
        """What was filled in."""
        cleaned = self.cleaned_data
        return NewUser(
            username=cleaned["username"],
            full_name=cleaned["full_name"],
            person=cleaned["same_person_as"],
            counterparty=self.parties.get(cleaned["counterparty"]),
            language=cleaned["language"],
            time_zone=cleaned["time_zone"],
            kind=cleaned["kind"],
        )
