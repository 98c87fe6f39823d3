"""Naming a filter."""

from django import forms
from django.utils.translation import gettext_lazy as _

from users.forms.base import ConsoleForm
from users.models.filters import LONGEST_NAME


class FilterForm(ConsoleForm):
    """The name of a filter, and what it filters. The operation judges both."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("At most 40 characters. Only you see it."),
        required=False,
        widget=forms.TextInput(attrs={"maxlength": LONGEST_NAME, "autocomplete": "off"}),
    )
    query = forms.CharField(required=False, widget=forms.HiddenInput)
