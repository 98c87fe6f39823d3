"""What people fill in on their own page."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.forms.base import ConsoleForm, ProofForm, SecretInput
from users.models import User
from users.models.people import Density, Digits, Theme
from users.operations import Preferences


class PreferencesForm(ConsoleForm):
    """How the console looks."""

    language = forms.ChoiceField(
        label=_("Language"),
        help_text=_("What the console does not speak is spoken in Telegram; the console is in English then."),
        choices=settings.LANGUAGES,
    )
    digits = forms.ChoiceField(
        label=_("Digits"), help_text=_("In words and ages. Amounts always have Latin digits."), choices=Digits.choices
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), help_text=_("Exact times stay in UTC."))
    density = forms.ChoiceField(label=_("Density"), choices=Density.choices)
    theme = forms.ChoiceField(
        label=_("Theme"),
        help_text=_("The button on top switches this browser alone, until you save here."),
        choices=Theme.choices,
    )

    def __init__(self, data: QueryDict | None = None, *, user: User) -> None:
        super().__init__(data, scope="look")
        zones = sorted(zoneinfo.available_timezones())
        self.fields["time_zone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]
        self.fields["time_zone"].widget.attrs["dir"] = "ltr"
        for name in self.fields:
            self.initial[name] = getattr(user, name)

    def preferences(self) -> Preferences:
        """What was chosen."""
        return Preferences(**self.cleaned_data)


class RenewCodesForm(ProofForm):
    """New recovery codes take a fresh one-time code or passkey."""

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="codes")


def _password(label: Any, missing: Any, autocomplete: str, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=1024,
        strip=False,
        error_messages={"required": missing},
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class _TwiceForm(ConsoleForm):
    """A new password, typed twice. The operation judges its strength."""

    new_password = _password(
        _("New password"),
        _("New password: enter one."),
        "new-password",
        _("At least 12 characters; not a common one, not like your username."),
    )
    again = _password(_("New password again"), _("New password again: enter the same."), "new-password")

    def add_weaknesses(self, error: forms.ValidationError) -> None:
        """Say at the field why the new password is too weak."""
        problems = [gettext("New password: %(problem)s") % {"problem": one} for one in error.messages]
        self.add_error("new_password", problems)

    def clean_again(self) -> str:
        """
        Both must be the same.

        :raises django.core.exceptions.ValidationError: they differ.
        """
        again: str = self.cleaned_data["again"]
        if "new_password" in self.cleaned_data and again != self.cleaned_data["new_password"]:
            raise forms.ValidationError(_("New password again: it is not the same."), code="differs")
        return again


class ChangePasswordForm(ProofForm, _TwiceForm):
    """The current password, a new one, and a fresh one-time code or passkey."""

    current_password = _password(_("Current password"), _("Current password: enter yours."), "current-password")
    field_order = ("current_password", "new_password", "again", "otp_token")

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="password")

    def clean(self) -> dict[str, Any]:
        """
        Refuse to change nothing.

        :raises django.core.exceptions.ValidationError: the new one is the current one.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("new_password") and cleaned["new_password"] == cleaned.get("current_password"):
            self.add_error("new_password", _("New password: choose another than your current one."))
        return cleaned


class NewPasswordForm(_TwiceForm):
    """The code of a reset, and a new password."""

    reset_code = forms.CharField(
        label=_("Reset code"),
        help_text=_("The one that operations gave you. It works once, within a day."),
        max_length=128,
        error_messages={"required": _("Reset code: enter the one you were given.")},
        widget=SecretInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"}
        ),
    )
    field_order = ("reset_code", "new_password", "again")
