"""What people in Telegram read about disputes. What a party reads names no other side and nobody of the desk."""

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat

from rfq.cards import Voice
from rfq.models import Dispute, DisputeNote
from rfq.operations.attaching import REFUSALS
from trading.lib.chat import message


def for_desk(dispute: Dispute, voice: Voice, *, note: DisputeNote | None = None) -> str:
    """Tell the desk that a party disputes a trade, or what it adds to its dispute, or that it withdrew it."""
    context = _facts(dispute, voice) | {"party": dispute.party.name, "text": note.text if note else dispute.text}
    if note:
        return message("telegram/dispute_answered.html", context)
    if dispute.status == Dispute.Status.WITHDRAWN:
        return message("telegram/dispute_withdrawn.html", context)
    return message("telegram/dispute_opened.html", context)


def opened_for(dispute: Dispute, voice: Voice) -> str:
    """Tell a party that the desk opened a dispute in its name."""
    return message("telegram/dispute_opened_for.html", _facts(dispute, voice) | {"text": dispute.text})


def taken(dispute: Dispute, voice: Voice) -> str:
    """Tell a party that somebody looks after its dispute."""
    return message("telegram/dispute_taken.html", _facts(dispute, voice))


def noted(note: DisputeNote, dispute: Dispute, voice: Voice) -> str:
    """Tell a party what the desk, or a colleague, wrote in its dispute."""
    is_ours = note.author.counterparty_id is None
    return message("telegram/dispute_noted.html", _facts(dispute, voice) | {"text": note.text, "is_ours": is_ours})


def resolved(dispute: Dispute, voice: Voice) -> str:
    """Tell a party what came of its dispute."""
    context = _facts(dispute, voice) | {"outcome": dispute.outcome, "text": dispute.resolution}
    return message("telegram/dispute_resolved.html", context)


def file_kept(dispute: Dispute, voice: Voice, facts: Mapping[str, Any], *, to_desk: bool) -> str:
    """Tell the party, or who handles it, that a file was added."""
    origin = facts.get("forwarded_from", "")
    context = {
        "name": facts["name"],
        "size": filesizeformat(facts["size"]),
        "origin": voice.ref(origin) if origin else "",
    }
    party = {"party": dispute.party.name} if to_desk else {}
    return message("telegram/dispute_file_kept.html", _facts(dispute, voice) | context | party)


def file_refused(dispute: Dispute, voice: Voice, facts: Mapping[str, Any]) -> str:
    """Tell who sent a file why it was not kept."""
    refusal = REFUSALS[facts["code"]](ref=dispute.ref, status=dispute.get_status_display())
    context = {"name": facts["name"], "why": refusal.sentence}
    return message("telegram/dispute_file_refused.html", _facts(dispute, voice) | context)


def _facts(dispute: Dispute, voice: Voice) -> dict[str, object]:
    return {
        "ref": voice.ref(dispute.ref),
        "rfq": voice.ref(dispute.fill.rfq.ref),
        "fill": voice.ref(dispute.fill.ref),
        "kind": dispute.get_kind_display(),
    }
