"""Turning automatic settlement on is proposed; in production its name is typed, too."""

from collections.abc import Sequence

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from users.forms import ProposalForm
from users.models import User


class FlagOnForm(ProposalForm):
    """
    The proposal to turn the flag on.

    :param typed_name: the name that has to be typed; nothing in the sandbox.
    """

    typed_name = forms.CharField(
        label=_("The flag's name"),
        help_text=_("This is production: type the flag's name to show that you mean it."),
        max_length=64,
        error_messages={"required": _("The flag's name: type it exactly.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )
    field_order = ("typed_name", "reason", "nominee", "otp_token", "key")

    def __init__(self, data: QueryDict | None = None, *, candidates: Sequence[User], typed_name: str) -> None:
        super().__init__(data, candidates=candidates, must_nominate=False)
        self.wanted = typed_name
        if not typed_name:
            del self.fields["typed_name"]

    def clean_typed_name(self) -> str:
        """
        Compare it.

        :raises django.core.exceptions.ValidationError: it is another name.
        """
        typed: str = self.cleaned_data["typed_name"]
        if typed != self.wanted:
            raise forms.ValidationError(_("The flag's name: type it exactly."))
        return typed
