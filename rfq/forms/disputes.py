"""Disputes: opening one in a party's name, giving it to somebody, noting, resolving."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from rfq.models import Dispute, Fill
from rfq.operations import Complaint, Remark
from trading.lib.ids import new_ref
from users import policies
from users.forms import ConsoleForm
from users.models import User

INTERNAL, PUBLIC = "desk", "party"


class WordsField(forms.CharField):
    """Words that others can follow. What was typed is kept, whatever else is wrong."""

    def __init__(self, *, label: Any, help_text: Any = "") -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=False,  # missing ones get the words of those that say too little
            strip=False,
            widget=forms.Textarea(attrs={"rows": 3, "dir": "auto", "required": True, "maxlength": 1000}),
        )

    def clean(self, value: Any) -> str:
        """
        Keep them without the blanks at their ends.

        :raises django.core.exceptions.ValidationError: they say too little.
        """
        try:
            return policies.require_meaningful(super().clean(value))
        except policies.MeaninglessReason as error:
            message = _("%(label)s: write at least 20 characters (blanks do not count) so that others can follow it.")
            raise forms.ValidationError(message, code=error.code, params={"label": self.label}) from error


class KeyField(forms.CharField):
    """What makes a form that is sent twice the same one."""

    def __init__(self) -> None:
        super().__init__(max_length=64, widget=forms.HiddenInput, initial=partial(new_ref, "KEY"))


class OpenForm(ConsoleForm):
    """Who disputes the trade, what is wrong with it, and in which words."""

    party = forms.ChoiceField(
        label=_("Who disputes it"),
        error_messages={"required": _("Who disputes it: the client or the LP?")},
    )
    kind = forms.ChoiceField(
        label=_("What is wrong"),
        choices=[("", _("Choose")), *Dispute.Kind.choices],
        error_messages={"required": _("What is wrong: choose one.")},
    )
    text = WordsField(
        label=_("What they say"),
        help_text=_("The party reads it: do not name the other side. At least 20 characters; never changed later."),
    )
    key = KeyField()

    def __init__(self, data: QueryDict | None = None, *, fill: Fill) -> None:
        super().__init__(data, scope="open")
        self._fill = fill
        sides = [(fill.client.ref, _("Client")), (fill.lp.ref, _("LP"))]
        names = {fill.client.ref: fill.client.name, fill.lp.ref: fill.lp.name}
        self.fields["party"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose")),
            *((ref, f"{side}: {names[ref]}") for ref, side in sides),
        ]

    def complaint(self) -> Complaint:
        """What was filled in."""
        cleaned: dict[str, Any] = self.cleaned_data
        return Complaint(self._fill.ref, cleaned["kind"], cleaned["text"], cleaned["key"], cleaned["party"])


class AssignForm(ConsoleForm):
    """Who is to handle it; the reader first."""

    to = forms.ChoiceField(
        label=_("Who handles it"),
        error_messages={
            "required": _("Who handles it: choose somebody."),
            "invalid_choice": _("Who handles it: choose one of the people offered."),
        },
    )

    def __init__(self, data: QueryDict | None = None, *, people: Sequence[User], actor: User) -> None:
        super().__init__(data, scope="assign")
        self._people = {user.ref: user for user in people}
        first = sorted(people, key=lambda user: (user.pk != actor.pk, user.username))
        names = [(user.ref, _("Me") if user.pk == actor.pk else f"{user.person} ({user.username})") for user in first]
        self.fields["to"].choices = names  # type: ignore[attr-defined]

    @property
    def chosen(self) -> User:
        """The person who was chosen."""
        return self._people[self.cleaned_data["to"]]


class NoteForm(ConsoleForm):
    """A note, and who reads it: by default the desk alone."""

    text = WordsField(label=_("Note"), help_text=_("At least 20 characters; never changed later."))
    audience = forms.ChoiceField(
        label=_("Who reads it"),
        choices=[(INTERNAL, _("The desk only")), (PUBLIC, _("The party, too"))],
        error_messages={"required": _("Who reads it: choose one.")},
    )
    key = KeyField()

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="note")

    def remark(self) -> Remark:
        """What was filled in."""
        cleaned: dict[str, Any] = self.cleaned_data
        return Remark(cleaned["text"], cleaned["key"], cleaned["audience"] == INTERNAL)


class ResolveForm(ConsoleForm):
    """What came of it, and why."""

    outcome = forms.ChoiceField(
        label=_("Outcome"),
        choices=[("", _("Choose")), *Dispute.Outcome.choices],
        error_messages={"required": _("Outcome: choose one.")},
    )
    text = WordsField(
        label=_("Why"),
        help_text=_("The party reads it: do not name the other side. At least 20 characters; never changed later."),
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="resolve")
