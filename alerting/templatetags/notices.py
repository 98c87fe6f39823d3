"""What a notice is about, in words, for the pages."""

from django import template

from alerting import subjects
from users.models import AuditEvent

register = template.Library()


@register.filter
def about(event: AuditEvent) -> str:
    """What happened, in the active language."""
    return subjects.words(event)
