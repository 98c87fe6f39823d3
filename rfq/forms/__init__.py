"""What people fill in about the market at the console."""

from rfq.forms.disputes import AssignForm, NoteForm, OpenForm, ResolveForm

__all__ = ["AssignForm", "NoteForm", "OpenForm", "ResolveForm"]
