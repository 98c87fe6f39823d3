"""Who is told what about a dispute: its party, who handles it, and those who could."""

from collections.abc import Iterator

from alerting.models import OutboundMessage
from alerting.readers import Reader, Route, Routing, but_the_actor, readers
from rfq import dispute_notices
from rfq.models import Dispute, DisputeNote
from rfq.queries import disputes
from users.models import User


def opened(routing: Routing) -> Iterator[OutboundMessage]:
    """Whoever can take it; the party, too, when the desk opened it in the party's name."""
    dispute = _dispute(routing)
    for reader in but_the_actor(routing, readers(disputes.handlers(dispute.fill))):
        yield routing.text(reader, lambda voice: dispute_notices.for_desk(dispute, voice))
    if dispute.opened_by.counterparty_id is None:
        for reader in _party(dispute):
            yield routing.text(reader, lambda voice: dispute_notices.opened_for(dispute, voice))


def assigned(routing: Routing) -> Iterator[OutboundMessage]:
    """The party: somebody looks after it."""
    dispute = _dispute(routing)
    for reader in _party(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.taken(dispute, voice))


def noted(routing: Routing) -> Iterator[OutboundMessage]:
    """Nobody, of an internal note; else the party, and who handles it of what the party wrote."""
    note = DisputeNote.objects.select_related("author").get(pk=routing.event.after["note"])
    if note.is_internal:
        return
    dispute = _dispute(routing)
    for reader in but_the_actor(routing, _party(dispute)):
        yield routing.text(reader, lambda voice: dispute_notices.noted(note, dispute, voice))
    if note.author.counterparty_id is not None:
        for reader in _handler(dispute):
            yield routing.text(reader, lambda voice: dispute_notices.for_desk(dispute, voice, note=note))


def attached(routing: Routing) -> Iterator[OutboundMessage]:
    """The party, and who handles it."""
    dispute, facts = _dispute(routing), routing.event.after
    for reader in _party(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.file_kept(dispute, voice, facts, to_desk=False))
    for reader in _handler(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.file_kept(dispute, voice, facts, to_desk=True))


def attachment_refused(routing: Routing) -> Iterator[OutboundMessage]:
    """Who sent it."""
    dispute, facts, actor = _dispute(routing), routing.event.after, routing.event.actor
    for reader in readers([actor] if actor else []):
        yield routing.text(reader, lambda voice: dispute_notices.file_refused(dispute, voice, facts))


def resolved(routing: Routing) -> Iterator[OutboundMessage]:
    """The party: how it ended."""
    dispute = _dispute(routing)
    for reader in _party(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.resolved(dispute, voice))


def withdrawn(routing: Routing) -> Iterator[OutboundMessage]:
    """Who handles it."""
    dispute = _dispute(routing)
    for reader in _handler(dispute):
        yield routing.text(reader, lambda voice: dispute_notices.for_desk(dispute, voice))


def _dispute(routing: Routing) -> Dispute:
    return disputes.whole().get(ref=routing.event.subject_ref)


def _party(dispute: Dispute) -> Iterator[Reader]:
    return readers(User.objects.filter(counterparty=dispute.party))


def _handler(dispute: Dispute) -> Iterator[Reader]:
    return readers([dispute.assigned_to] if dispute.assigned_to else [])


ROUTES: dict[str, Route] = {
    "dispute.opened": opened,
    "dispute.assigned": assigned,
    "dispute.noted": noted,
    "dispute.attached": attached,
    "dispute.attachment_refused": attachment_refused,
    "dispute.resolved": resolved,
    "dispute.withdrawn": withdrawn,
}
