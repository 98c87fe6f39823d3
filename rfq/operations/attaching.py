"""A party adds a file to its dispute: announced in the chat, fetched by a job, kept whole; the desk reads it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rfq.dispute_errors import (
    AttachmentLost,
    AttachmentOfWrongKind,
    AttachmentTooBig,
    DisputeOver,
    TooManyAttachments,
)
from rfq.models import Dispute, DisputeAttachment
from rfq.operations.disputes import OWN, locked_by_party, require_live
from rfq.queries import disputes as queries
from rfq.queries import files
from trading.lib import jobs
from trading.lib.chat import Attachment
from trading.lib.errors import DeskError, NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import AuditEvent, User

MAX_BYTES = 10 * 1024 * 1024
MAX_FILES = 10
VIEW = "dispute.view"
FETCH = "alerting.fetch_attachment"
REFUSED = "dispute.attachment_refused"
# What may be wrong with a file once it is there, by code: the party reads it later, in its own language.
REFUSALS: Mapping[str, type[DeskError]] = {
    error.code: error
    for error in (AttachmentTooBig, AttachmentOfWrongKind, TooManyAttachments, AttachmentLost, DisputeOver)
}


@dataclass(frozen=True, slots=True)
class Received:
    """A file that was fetched. The same key of the same person is the same file. `origin`: whose it was before."""

    name: str
    content: bytes
    key: str
    origin: str = ""


@operation
def announce_attachment(*, dispute_ref: str, file: Attachment, key: str, actor: User, now: datetime) -> Dispute:  # noqa: ARG001 - the operations' shape
    """
    Take note that a party sent a file, and have it fetched after this transaction.

    :raises MissingCapability: the actor lacks `dispute.own`.
    :raises NotFound: not one of the actor's party.
    :raises DisputeOver: it is resolved or withdrawn.
    :raises AttachmentTooBig: Telegram says that it has more than 10 MB.
    :raises TooManyAttachments: the dispute has ten files.
    """
    dispute = locked_by_party(dispute_ref, actor)
    require_live(dispute)
    _require_room(dispute)
    if file.size > MAX_BYTES:
        raise AttachmentTooBig
    jobs.defer(
        FETCH,
        dispute_ref=dispute.ref,
        actor_id=actor.pk,
        file_id=file.file_id,
        file_name=file.name[:255],
        key=key,
        origin=file.origin,
    )
    return dispute


@operation
def attach(*, dispute_ref: str, received: Received, actor: User, now: datetime) -> DisputeAttachment:
    """
    Keep a file that a party sent to its dispute. The same file again is the one that is there.

    :raises MissingCapability: the actor lacks `dispute.own`.
    :raises NotFound: not one of the actor's party.
    :raises DisputeOver: it is resolved or withdrawn.
    :raises AttachmentTooBig: it has more than 10 MB.
    :raises AttachmentOfWrongKind: its content is no PDF, PNG, JPEG or text.
    :raises TooManyAttachments: the dispute has ten files.
    """
    dispute = locked_by_party(dispute_ref, actor)
    digest = hashlib.sha256(received.content).hexdigest()
    if known := _known(dispute, actor, received.key, digest):
        return known
    require_live(dispute)
    if len(received.content) > MAX_BYTES:
        raise AttachmentTooBig
    kind = files.kind_of(received.content, received.name)
    if not kind:
        raise AttachmentOfWrongKind
    _require_room(dispute)
    made = DisputeAttachment.objects.create(
        dispute=dispute,
        sent_by=actor,
        idempotency_key=received.key,
        name=files.safe_name(received.name, kind),
        media_type=kind,
        size=len(received.content),
        sha256=digest,
        content=received.content,
        forwarded_from=received.origin,
        added_at=now,
    )
    change = audit.Change(after=_facts(made), capability=OWN)
    audit.record("dispute.attached", actor=actor, subject=dispute, at=now, change=change)
    return made


@operation
def refuse_attachment(*, dispute_ref: str, code: str, received: Received, actor: User, now: datetime) -> None:
    """
    Note that a fetched file is not kept, and why; the sender is told. Refused twice by the same key, it is one refusal.

    :raises MissingCapability: the actor lacks `dispute.own`.
    :raises NotFound: not one of the actor's party.
    """
    dispute = locked_by_party(dispute_ref, actor)
    refused = AuditEvent.objects.filter(name=REFUSED, subject_ref=dispute.ref, actor=actor, after__key=received.key)
    if refused.exists():
        return
    change = audit.Change(after={"code": code, "name": received.name, "key": received.key}, capability=OWN)
    audit.record(REFUSED, actor=actor, subject=dispute, at=now, change=change)


@operation
def read_attachment(*, dispute_ref: str, number: int, actor: User, now: datetime) -> DisputeAttachment:
    """
    Give a file to one of the desk's people, and note who took it.

    :raises MissingCapability: the actor lacks `dispute.view`.
    :raises NotFound: no such file, or not of a dispute this actor serves.
    """
    capabilities.require(actor, VIEW)
    found = queries.attachment(dispute_ref, number, reader=actor)
    change = audit.Change(after=_facts(found), capability=VIEW)
    audit.record("dispute.attachment_read", actor=actor, subject=found.dispute, at=now, change=change)
    return found


@operation
def read_own_attachment(*, dispute_ref: str, number: int, actor: User, now: datetime) -> DisputeAttachment:
    """
    Give a party a file of its own dispute again, without the content, and note who took it.

    :raises MissingCapability: the actor lacks `dispute.own`.
    :raises NotFound: no such file, or not of a dispute of the actor's party.
    """
    capabilities.require(actor, OWN)
    found = queries.own_attachments(actor).defer("content").filter(dispute__ref=dispute_ref, pk=number).first()
    if found is None:
        raise NotFound(ref=dispute_ref)
    change = audit.Change(after=_facts(found), capability=OWN)
    audit.record("dispute.attachment_read", actor=actor, subject=found.dispute, at=now, change=change)
    return found


def _known(dispute: Dispute, actor: User, key: str, digest: str) -> DisputeAttachment | None:
    kept = DisputeAttachment.objects.defer("content")
    same = kept.filter(sent_by=actor, idempotency_key=key, dispute=dispute).first()
    return same or kept.filter(dispute=dispute, sha256=digest).first()


def _require_room(dispute: Dispute) -> None:
    if dispute.attachments.count() >= MAX_FILES:
        raise TooManyAttachments


def _facts(file: DisputeAttachment) -> dict[str, object]:
    passed_on = {"forwarded_from": file.forwarded_from} if file.forwarded_from else {}
    return {"file": file.pk, "name": file.name, "size": file.size, "sha256": file.sha256} | passed_on
