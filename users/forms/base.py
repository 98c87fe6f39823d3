"""What all forms of the console share, and signing in. What is secret is never sent back to the page."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

TOKEN_LENGTH = 6
DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")


class ConsoleForm(forms.Form):
    """A form in the console's look: marked errors, no inline anything, secrets cleared."""

    def __init__(self, data: QueryDict | None = None, *, scope: str = "") -> None:
        """`scope` keeps the ids of several forms on one page apart."""
        super().__init__(data, label_suffix="", auto_id=f"id_{scope}_%s" if scope else "id_%s")

    def __getitem__(self, name: str) -> forms.BoundField:
        """Give a field as it is shown: in the console's look, whenever it came into the form."""
        widget = self.fields[name].widget if name in self.fields else None
        if widget and not isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.HiddenInput):
            widget.attrs.setdefault("class", "in otp" if name == "otp_token" else "in")
        return super().__getitem__(name)


class PasswordForm(ConsoleForm):
    """The first factor."""

    username = forms.CharField(
        label=_("Username"),
        max_length=64,
        error_messages={"required": _("Username: enter yours.")},
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        error_messages={"required": _("Password: enter yours.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SecretInput(forms.TextInput):
    """An input that never repeats what was typed into it."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002 - Django's signature
        """Leave the value out."""
        return super().get_context(name, "", attrs)


class CodeForm(ConsoleForm):
    """A form with a code of an authenticator app. Spaces and Persian digits are understood."""

    otp_token = forms.CharField(
        label=_("One-time code"),
        help_text=_("6 digits from your authenticator app."),
        max_length=16,
        error_messages={"required": _("One-time code: enter the 6 digits your authenticator app shows.")},
        widget=SecretInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def clean_otp_token(self) -> str:
        """Drop the blanks people and apps put in, and refuse what cannot be a code."""
        token = "".join(self.cleaned_data["otp_token"].split()).translate(DIGITS)
        if len(token) != TOKEN_LENGTH or not token.isdecimal():
            raise forms.ValidationError(_("One-time code: it has 6 digits."), code="malformed")
        return token


class SecretHidden(forms.HiddenInput):
    """A hidden input that never repeats what was put into it."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002 - Django's signature
        """Leave the value out."""
        return super().get_context(name, "", attrs)


class ProofForm(CodeForm):
    """
    A form that takes a one-time code or, where the page's script asked for one, a passkey's answer.

    What the answer was asked for is the view's to say (`scope` of the operation).
    """

    passkey = forms.CharField(max_length=16_384, required=False, widget=SecretHidden)

    def __init__(self, data: QueryDict | None = None, *, scope: str = "") -> None:
        super().__init__(data, scope=scope)
        if data is not None and data.get("passkey"):
            self.fields["otp_token"].required = False

    def clean_otp_token(self) -> str:
        """No code is needed beside a passkey's answer."""
        if not self.fields["otp_token"].required:
            return ""
        return super().clean_otp_token()


class SecondFactorForm(ProofForm):
    """The second factor at the sign-in: a code, or a passkey."""

    def __init__(self, data: QueryDict | None = None, *, no_code: bool = False) -> None:
        """:param no_code: no code is asked for; one that comes all the same is the operation's to refuse."""
        super().__init__(data)
        self.fields["otp_token"].widget.attrs["autofocus"] = True
        if no_code:
            self.fields["otp_token"].required = False


class TokenForm(CodeForm):
    """The first code of a new authenticator app."""

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.fields["otp_token"].widget.attrs["autofocus"] = True


class RecoveryForm(ConsoleForm):
    """The second factor when the authenticator is lost: one of the recovery codes."""

    recovery_code = forms.CharField(
        label=_("Recovery code"),
        help_text=_("One of the codes you kept when you enrolled. Each works once."),
        max_length=64,
        error_messages={"required": _("Recovery code: enter one of yours.")},
        widget=SecretInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )

    def clean_recovery_code(self) -> str:
        """Drop the blanks around and inside."""
        return "".join(self.cleaned_data["recovery_code"].split())
