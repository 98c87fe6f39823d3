"""Deciding on what somebody proposed, and stopping something at once."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from users import policies
from users.forms.base import ConsoleForm, ProofForm
from users.models import ApprovalDecision, ApprovalRequest, Role


class ReasonField(forms.CharField):
    """A reason an auditor can follow. What was typed is kept, whatever else is wrong."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Reason"),
            help_text=_("Recorded in the audit log. At least 20 characters."),
            required=False,  # a missing one gets the words of one that says too little
            strip=False,
            widget=forms.Textarea(attrs={"rows": 3, "dir": "auto", "required": True, "maxlength": 1000}),
        )

    def clean(self, value: Any) -> str:
        """
        Keep it without the blanks at its ends.

        :raises django.core.exceptions.ValidationError: it says too little.
        """
        try:
            return policies.require_meaningful(super().clean(value))
        except policies.MeaninglessReason as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error


class ReasonForm(ConsoleForm):
    """An act that reduces risk: one person, at once, with a reason."""

    reason = ReasonField()


class RevocationForm(ReasonForm):
    """Taking a role away."""

    role = forms.ChoiceField(label=_("Role"), error_messages={"required": _("Role: choose one.")})
    field_order = ("role", "reason")

    def __init__(self, data: QueryDict | None = None, *, held: Sequence[str], scope: str = "") -> None:
        super().__init__(data, scope=scope)
        self.fields["role"].choices = [(role, Role(role).label) for role in held]  # type: ignore[attr-defined]


class DecisionForm(ProofForm):
    """The second person's verdict; the button pressed says which."""

    reason = ReasonField()
    digest = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    verdict = forms.ChoiceField(
        choices=ApprovalDecision.Verdict.choices,
        widget=forms.HiddenInput,
        error_messages={
            "required": _("Choose: approve or decline."),
            "invalid_choice": _("Choose: approve or decline."),
        },
    )
    field_order = ("reason", "otp_token", "digest", "verdict")

    def show_digest(self, request: ApprovalRequest) -> None:
        """What is shown now is what the next press signs, whatever was sent before."""
        digest = bytes(request.digest).hex()
        self.initial["digest"] = digest
        if isinstance(self.data, QueryDict):
            self.data = self.data.copy()
            self.data["digest"] = digest

    @property
    def signed(self) -> bytes:
        """The digest of what the person was shown; nothing when it is missing or no digest."""
        if "digest" in self.errors:
            return b""
        return bytes.fromhex(self.cleaned_data["digest"])
