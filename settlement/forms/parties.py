"""A new client or LP."""

from django import forms
from django.utils.translation import gettext_lazy as _

from users.forms import ConsoleForm
from users.models import Counterparty


class PartyForm(ConsoleForm):
    """Its name and which side of the desk it stands on."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("As in the register of companies. It never changes."),
        max_length=200,
        error_messages={"required": _("Name: enter one.")},
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Counterparty.Kind.choices)
