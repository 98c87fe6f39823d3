"""Who was asked on an RFQ, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from rfq.models import Invitation, Quote, Rfq

ANSWERED, PASSED, SILENT = "answered", "passed", "silent"


@dataclass(frozen=True, slots=True)
class Asked:
    """An LP that was asked: it answered, passed, or said nothing (by now)."""

    invitation: Invitation
    answer: str


def asked(rfq: Rfq, quotes: Iterable[Quote]) -> list[Asked]:
    """List whom the RFQ was sent to, by name; `quotes` are all of the RFQ. One query."""
    answered = {quote.lp_id for quote in quotes if quote.status != Quote.Status.REJECTED}
    found = Invitation.objects.filter(rfq=rfq).select_related("lp").order_by("lp__name")
    return [Asked(one, _answer(one, answered)) for one in found]


def _answer(invitation: Invitation, answered: set[int]) -> str:
    if invitation.lp_id in answered:
        return ANSWERED
    return PASSED if invitation.passed_at else SILENT
