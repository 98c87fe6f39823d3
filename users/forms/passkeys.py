"""Passkeys: a name for one, and the answer a browser gives for one."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from users.forms.base import ConsoleForm, ProofForm, SecretHidden


def _name() -> forms.CharField:
    return forms.CharField(
        label=_("Name"),
        help_text=_("So that you know it again: the phone, computer or key it lives on."),
        max_length=64,
        error_messages={"required": _("Name: enter one.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )


class AddPasskeyForm(ProofForm):
    """The name of a new passkey, and a fresh proof."""

    name = _name()
    field_order = ("name", "otp_token")

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="passkey")


class NewPasskeyForm(ConsoleForm):
    """What the browser made."""

    name = forms.CharField(max_length=64, widget=forms.HiddenInput)
    passkey = forms.CharField(max_length=16_384, widget=SecretHidden)


class RenamePasskeyForm(ConsoleForm):
    """Another name."""

    name = _name()


class RemovePasskeyForm(ProofForm):
    """A fresh proof."""
