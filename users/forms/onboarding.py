"""Recording an onboarding check."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from users import policies
from users.forms.base import ConsoleForm
from users.models import OnboardingCheck
from users.operations import Look


class CheckForm(ConsoleForm):
    """What was looked at, what came of it, where the evidence is, and until when it holds."""

    kind = forms.ChoiceField(label=_("Check"), error_messages={"required": _("Check: choose one.")})
    result = forms.ChoiceField(
        label=_("Result"),
        choices=OnboardingCheck.Result.choices,
        error_messages={"required": _("Result: passed or failed?")},
    )
    evidence = forms.CharField(
        label=_("Evidence"),
        help_text=_("What was seen, with whom, and where it is filed. At least 20 characters; never changed later."),
        required=False,  # a missing one gets the words of one that says too little
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto", "required": True, "maxlength": 1000}),
    )
    valid_until = forms.DateField(
        label=_("Holds until"),
        help_text=_("The last day, if the document expires."),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Holds until: enter a date.")},
    )

    def __init__(self, data: QueryDict | None = None, *, kinds: Sequence[OnboardingCheck.Kind]) -> None:
        super().__init__(data, scope="check")
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in kinds]  # type: ignore[attr-defined]

    def clean_evidence(self) -> str:
        """
        Keep it without the blanks at its ends.

        :raises django.core.exceptions.ValidationError: it says too little.
        """
        try:
            return policies.require_meaningful(self.cleaned_data["evidence"])
        except policies.MeaninglessReason as error:
            message = _("Evidence: write at least 20 characters (blanks do not count) so an auditor can follow it.")
            raise forms.ValidationError(message, code=error.code) from error

    def look(self) -> Look:
        """What was filled in."""
        cleaned: dict[str, Any] = self.cleaned_data
        return Look(cleaned["kind"], cleaned["result"], cleaned["evidence"], cleaned["valid_until"])
