"""Handing in a receipt to be checked."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from rfq.receipts.envelope import LONGEST
from users.forms import ConsoleForm

type Files = MultiValueDict[str, UploadedFile[Any]]


class ReceiptForm(ConsoleForm):
    """A file, or the JSON inside it; small, and never kept."""

    file = forms.FileField(label=_("Receipt (PDF or JSON)"), required=False, allow_empty_file=False)
    text = forms.CharField(
        label=_("Or the text of receipt.json"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "dir": "ltr"}),
    )

    def __init__(self, data: QueryDict | None = None, files: "Files | None" = None) -> None:
        """Bound when `data` is given."""
        super().__init__(data)
        self.files = files if files is not None else MultiValueDict()

    def clean(self) -> dict[str, Any]:
        """Exactly one of the two, and no large one."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file, text = cleaned.get("file"), cleaned.get("text")
        if not self.errors and bool(file) == bool(text):
            raise forms.ValidationError(_("Choose a file, or paste the text: one of the two."))
        if file and file.size > LONGEST:
            self.add_error("file", _("Receipt: this is larger than any receipt."))
        return cleaned

    def content(self) -> bytes:
        """What was handed in."""
        file = self.cleaned_data.get("file")
        return bytes(file.read()) if file else str(self.cleaned_data["text"]).strip().encode()
