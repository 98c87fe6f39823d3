"""What people fill in about the market at the console."""

from rfq.forms.disputes import AssignForm, NoteForm, OpenForm, ResolveForm
from rfq.forms.phone import PhoneQuoteForm, PhoneRfqForm

__all__ = ["AssignForm", "NoteForm", "OpenForm", "PhoneQuoteForm", "PhoneRfqForm", "ResolveForm"]
