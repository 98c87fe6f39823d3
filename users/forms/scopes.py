"""Whom one of the desk's people serves: asking for more, and taking away at once."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from users.forms.deciding import ReasonForm
from users.forms.proposing import ProposalForm
from users.models import Counterparty

MOST = 50


class PartiesField(forms.CharField):
    """Counterparties by their refs, one a line."""

    def __init__(self, *, label: Any, help_text: Any, required: bool) -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=required,
            max_length=1000,
            widget=forms.Textarea(attrs={"rows": 2, "dir": "ltr", "spellcheck": "false"}),
            error_messages={"required": _("Counterparties: name at least one by its ref (CPY-…).")},
        )

    def clean(self, value: Any) -> list[Counterparty]:
        """
        The counterparties that were named, each once.

        :raises django.core.exceptions.ValidationError: one is not known, or there are too many.
        """
        refs = sorted({word.upper() for word in super().clean(value).replace(",", " ").split()})
        if len(refs) > MOST:
            raise forms.ValidationError(
                _("Counterparties: name at most %(most)s."), code="too_many", params={"most": MOST}
            )
        found = list(Counterparty.objects.filter(ref__in=refs).order_by("ref"))
        missing = sorted(set(refs) - {one.ref for one in found})
        if missing:
            raise forms.ValidationError(
                _("Counterparties: nobody has the ref %(refs)s."),
                code="unknown",
                params={"refs": ", ".join(missing)},
            )
        return found


class WidenScopeForm(ProposalForm):
    """More counterparties, or the whole desk."""

    whole_desk = forms.BooleanField(label=_("The whole desk"), required=False)
    counterparties = PartiesField(
        label=_("Counterparties"), help_text=_("Their refs (CPY-…), one a line."), required=False
    )
    field_order = ("whole_desk", "counterparties", "reason", "nominee", "otp_token", "key")

    def clean(self) -> dict[str, Any]:
        """
        Refuse a proposal of nothing, or of both.

        :raises django.core.exceptions.ValidationError: neither or both are filled in.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and bool(cleaned["whole_desk"]) == bool(cleaned["counterparties"]):
            raise forms.ValidationError(_("Choose the whole desk, or name the counterparties."))
        return cleaned

    def payload(self) -> dict[str, Any]:
        """The scope that is asked for."""
        if self.cleaned_data["whole_desk"]:
            return {"whole_desk": True}
        return {"counterparties": [one.ref for one in self.cleaned_data["counterparties"]]}


class NarrowScopeForm(ReasonForm):
    """The counterparties that stay."""

    keep = PartiesField(
        label=_("Goes on serving"),
        help_text=_("Their refs (CPY-…), one a line. Empty: no counterparty at all."),
        required=False,
    )
    field_order = ("keep", "reason")
