"""A party disputes a trade; one of the desk's people takes it, asks, and says what came of it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from rfq.dispute_errors import (
    AlreadyAssigned,
    AlreadyDisputed,
    DisputeOver,
    InternalNote,
    NamesOtherSide,
    NoSuchFill,
    NotAHandler,
    NotAssigned,
    NotOfTheTrade,
    NotTheAssignee,
    TextTooShort,
    TookPart,
    UnknownKind,
)
from rfq.errors import KeyReused
from rfq.models import Dispute, DisputeNote, Fill
from rfq.queries import disputes as queries
from trading.lib.errors import NotFound
from trading.lib.operations import operation
from users import audit, capabilities, policies
from users.models import Counterparty, User
from users.operations.scopes import require_served

OWN, HANDLE = "dispute.own", queries.HANDLE
Status = Dispute.Status


@dataclass(frozen=True, slots=True)
class Complaint:
    """
    What is said to be wrong.

    :param fill_ref: the trade's own ref, or its RFQ's.
    :param kind: price, amount, settlement or other.
    :param key: the same key of the same person with the same words is the same dispute.
    :param party_ref: in whose name the desk opens it; a party's own login needs none.
    """

    fill_ref: str
    kind: str
    text: str
    key: str
    party_ref: str = ""


@operation
def open_dispute(*, complaint: Complaint, actor: User, now: datetime) -> Dispute:
    """
    Say that a trade is not right: a party in its own name, or the desk in a party's.

    :raises MissingCapability: the actor has neither `dispute.own` nor `dispute.handle`.
    :raises NoSuchFill: no such trade, or not one of the actor's party or of a client the actor serves.
    :raises NotOfTheTrade: the desk named neither the client nor the LP of the trade.
    :raises UnknownKind: nothing of this kind is disputed.
    :raises TextTooShort: the words say too little, or too much.
    :raises NamesOtherSide: the desk's words name the other side of the trade.
    :raises KeyReused: the actor opened another dispute with this key.
    :raises AlreadyDisputed: the party has a dispute about this trade that is not over.
    """
    capability = HANDLE if actor.counterparty_id is None else OWN
    capabilities.require(actor, capability)
    fill = _fill(complaint.fill_ref, actor)
    dispute = Dispute(
        fill=fill,
        party=_party(fill, actor, complaint.party_ref),
        opened_by=actor,
        idempotency_key=complaint.key,
        kind=_choice(complaint.kind, Dispute.Kind.values, "kind"),
        text=_words(complaint.text),
        opened_at=now,
        updated_at=now,
    )
    if capability == HANDLE:
        _require_blind(dispute, dispute.text)
    if known := _insert_or_known(dispute):
        return known
    after = {"fill": fill.ref, "party": dispute.party.ref, "kind": dispute.kind, "status": dispute.status}
    change = audit.Change(after=after, reason=dispute.text, capability=capability)
    audit.record("dispute.opened", actor=actor, subject=dispute, at=now, change=change)
    return dispute


@operation
def assign_dispute(*, dispute_ref: str, to: User, actor: User, now: datetime) -> Dispute:
    """
    Give an open dispute to somebody who handles it, be it the actor. Given to the same person again, it is theirs.

    :raises MissingCapability: the actor lacks `dispute.handle`.
    :raises NotFound: no such dispute, or not for this actor.
    :raises DisputeOver: it is resolved or withdrawn.
    :raises AlreadyAssigned: somebody else handles it.
    :raises NotAHandler: that person may not handle disputes, does not serve the client, or took part in the trade.
    """
    dispute = _locked_by_desk(dispute_ref, actor)
    require_live(dispute)
    if dispute.assigned_to_id == to.pk:
        return dispute
    if dispute.status == Status.ASSIGNED:
        raise AlreadyAssigned(ref=dispute.ref, who=_handler(dispute))
    if to.pk not in {user.pk for user in queries.handlers(dispute.fill)}:
        raise NotAHandler(username=to.username)
    dispute.move(Status.ASSIGNED, at=now, assigned_to=to, assigned_at=now)
    change = audit.Change(
        before={"status": Status.OPEN, "assigned_to": None},
        after={"status": dispute.status, "assigned_to": to.username},
        capability=HANDLE,
    )
    audit.record("dispute.assigned", actor=actor, subject=dispute, at=now, change=change)
    return dispute


@operation
def unassign_dispute(*, dispute_ref: str, actor: User, now: datetime) -> Dispute:
    """
    Give a dispute back, so that somebody else can take it. Anybody who handles disputes may: people fall ill.

    :raises MissingCapability: the actor lacks `dispute.handle`.
    :raises NotFound: no such dispute, or not for this actor.
    :raises DisputeOver: it is resolved or withdrawn.
    :raises NotAssigned: nobody handles it.
    """
    dispute = _locked_by_desk(dispute_ref, actor)
    require_live(dispute)
    if dispute.status == Status.OPEN:
        raise NotAssigned(ref=dispute.ref)
    before = {"status": dispute.status, "assigned_to": _handler(dispute)}
    dispute.move(Status.OPEN, at=now, assigned_to=None, assigned_at=None)
    after = {"status": dispute.status, "assigned_to": None}
    change = audit.Change(before=before, after=after, capability=HANDLE)
    audit.record("dispute.unassigned", actor=actor, subject=dispute, at=now, change=change)
    return dispute


@dataclass(frozen=True, slots=True)
class Remark:
    """
    What somebody adds to a dispute.

    :param key: the same key of the same person with the same words is the same note.
    :param is_internal: for the desk alone.
    """

    text: str
    key: str
    is_internal: bool = False


@operation
def add_note(*, dispute_ref: str, remark: Remark, actor: User, now: datetime) -> DisputeNote:
    """
    Add what is known, asked or answered: the party in its own dispute, the desk in any it serves.

    :raises MissingCapability: the actor has neither `dispute.own` nor `dispute.handle`.
    :raises NotFound: no such dispute, or not for this actor.
    :raises InternalNote: a party cannot write what it may not read.
    :raises TextTooShort: the words say too little, or too much.
    :raises KeyReused: the actor wrote another note with this key.
    :raises DisputeOver: it is resolved or withdrawn.
    :raises NamesOtherSide: the party reads it, and it names the other side of the trade.
    """
    is_of_desk = actor.counterparty_id is None
    dispute = _locked_by_desk(dispute_ref, actor) if is_of_desk else locked_by_party(dispute_ref, actor)
    if remark.is_internal and not is_of_desk:
        raise InternalNote
    text = _words(remark.text)
    known = DisputeNote.objects.select_related("author").filter(author=actor, idempotency_key=remark.key).first()
    if known is not None:
        if (known.dispute_id, known.text, known.is_internal) != (dispute.pk, text, remark.is_internal):
            raise KeyReused
        return known
    require_live(dispute)
    if is_of_desk and not remark.is_internal:
        _require_blind(dispute, text)
    note = DisputeNote.objects.create(
        dispute=dispute,
        author=actor,
        idempotency_key=remark.key,
        text=text,
        is_internal=remark.is_internal,
        added_at=now,
    )
    after = {"note": note.pk, "is_internal": note.is_internal, "text": note.text}
    change = audit.Change(after=after, capability=HANDLE if is_of_desk else OWN)
    audit.record("dispute.noted", actor=actor, subject=dispute, at=now, change=change)
    return note


@operation
def resolve_dispute(*, dispute_ref: str, outcome: str, text: str, actor: User, now: datetime) -> Dispute:
    """
    Say what came of a dispute. Only who handles it does, and nobody who took part in the trade. It is final.

    :param outcome: upheld, rejected or agreed.
    :param text: why, in words for the party.
    :raises MissingCapability: the actor lacks `dispute.handle`.
    :raises NotFound: no such dispute, or not for this actor.
    :raises DisputeOver: it is resolved or withdrawn.
    :raises NotAssigned: nobody handles it yet.
    :raises NotTheAssignee: somebody else handles it.
    :raises TookPart: the actor, under whatever login, took part in the trade.
    :raises UnknownKind: that is no outcome.
    :raises TextTooShort: the words say too little, or too much.
    :raises NamesOtherSide: they name the other side of the trade.
    """
    dispute = _locked_by_desk(dispute_ref, actor)
    require_live(dispute)
    if dispute.status == Status.OPEN:
        raise NotAssigned(ref=dispute.ref)
    if dispute.assigned_to_id != actor.pk:
        raise NotTheAssignee(ref=dispute.ref, who=_handler(dispute))
    if queries.took_part(actor, dispute.fill):
        raise TookPart
    outcome, words = _choice(outcome, Dispute.Outcome.values, "outcome"), _words(text)
    _require_blind(dispute, words)
    before = {"status": dispute.status}
    dispute.move(Status.RESOLVED, at=now, outcome=outcome, resolution=words, closed_at=now)
    after = {"status": dispute.status, "outcome": outcome}
    change = audit.Change(before=before, after=after, reason=words, capability=HANDLE)
    audit.record("dispute.resolved", actor=actor, subject=dispute, at=now, change=change)
    return dispute


@operation
def withdraw_dispute(*, dispute_ref: str, actor: User, now: datetime) -> Dispute:
    """
    The party no longer disputes the trade. Withdrawn once more, it stays withdrawn.

    :raises MissingCapability: the actor lacks `dispute.own`.
    :raises NotFound: not one of the actor's party.
    :raises DisputeOver: it is resolved.
    """
    dispute = locked_by_party(dispute_ref, actor)
    if dispute.status == Status.WITHDRAWN:
        return dispute
    require_live(dispute)
    before = {"status": dispute.status}
    dispute.move(Status.WITHDRAWN, at=now, closed_at=now)
    change = audit.Change(before=before, after={"status": dispute.status}, capability=OWN)
    audit.record("dispute.withdrawn", actor=actor, subject=dispute, at=now, change=change)
    return dispute


def _fill(ref: str, actor: User) -> Fill:
    rows = Fill.objects.select_related("client", "lp", "rfq__pair__quote_asset", "quote", "settlement")
    fill = rows.filter(Q(ref=ref) | Q(rfq__ref=ref)).first()
    if fill is None or (actor.counterparty_id and actor.counterparty_id not in {fill.client_id, fill.lp_id}):
        raise NoSuchFill(ref=ref)
    require_served(actor, fill.client_id if actor.counterparty_id is None else None)
    return fill


def _party(fill: Fill, actor: User, ref: str) -> Counterparty:
    sides = {fill.client.ref: fill.client, fill.lp.ref: fill.lp}
    if actor.counterparty is not None:
        ref = actor.counterparty.ref
    if ref not in sides:
        raise NotOfTheTrade(field="party")
    return sides[ref]


def _choice(value: str, known: list[str], field: str) -> str:
    if value not in known:
        raise UnknownKind(value=value, known=", ".join(known), field=field)
    return value


def _words(text: str) -> str:
    try:
        return policies.require_meaningful(text)
    except policies.MeaninglessReason as error:
        raise TextTooShort(**error.facts, field="text") from error


def _require_blind(dispute: Dispute, text: str) -> None:
    """What the party reads does not name the other side."""
    other = dispute.other_side
    if other.name.casefold() in text.casefold() or other.ref in text.upper():
        raise NamesOtherSide(name=other.name, field="text")


def require_live(dispute: Dispute) -> None:
    """Refuse what comes too late."""
    if not dispute.is_live:
        raise DisputeOver(ref=dispute.ref, status=Status(dispute.status).label)


def _handler(dispute: Dispute) -> str:
    return dispute.assigned_to.username if dispute.assigned_to else ""


def _locked_by_desk(ref: str, actor: User) -> Dispute:
    capabilities.require(actor, HANDLE)
    dispute = _locked(Dispute.objects.filter(ref=ref))
    require_served(actor, dispute.fill.client_id)
    return dispute


def locked_by_party(ref: str, actor: User) -> Dispute:
    """Lock one of the disputes of the actor's party, and read it."""
    capabilities.require(actor, OWN)
    return _locked(Dispute.objects.filter(ref=ref, party=actor.counterparty_id, party__isnull=False))


def _locked(rows: QuerySet[Dispute]) -> Dispute:
    """Lock it, then read it: who waited would else read the new row beside the handler it had before."""
    pk = rows.select_for_update().values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound
    return queries.whole().get(pk=pk)


def _insert_or_known(dispute: Dispute) -> Dispute | None:
    """Insert it, or give the same one that is there; the database says which."""
    if known := _known(dispute):
        return known
    try:
        with transaction.atomic():
            dispute.save(force_insert=True)
    except IntegrityError:
        if known := _known(dispute):
            return known
        live = Dispute.objects.filter(fill=dispute.fill, party=dispute.party, status__in=Dispute.LIVE).first()
        if live is None:
            raise
        raise AlreadyDisputed(ref=live.ref) from None
    return None


def _known(dispute: Dispute) -> Dispute | None:
    same = queries.whole().filter(opened_by=dispute.opened_by, idempotency_key=dispute.idempotency_key).first()
    if same is None:
        return None
    terms = ("fill_id", "party_id", "kind", "text")
    if any(getattr(same, name) != getattr(dispute, name) for name in terms):
        raise KeyReused
    return same
