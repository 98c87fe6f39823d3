"""REST on disputes: a party opens, follows and withdraws its own; the desk reads those it serves, opens and notes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from rfq import dispute_errors as errors
from rfq import operations, shown
from rfq.api_shapes import ClientFill, FillOut, LpFill
from rfq.errors import KeyReused
from rfq.models import Dispute, DisputeNote
from rfq.operations import Complaint, Remark
from rfq.queries import disputes as queries
from rfq.queries.disputes import Detail
from trading.lib import clock
from trading.lib.errors import NotFound
from users import capabilities
from users.api import Body, Key, Reason, Ref, actor
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import Number, Paging, RefText, part_of
from users.models import User

router = Router(tags=["disputes"])
Who = Literal["party", "desk"]
OWN, VIEW = "dispute.own", "dispute.view"


class ComplaintIn(Body):
    """What is wrong with a trade. Only the desk names the party, in whose name it opens the dispute."""

    fill: RefText
    kind: Dispute.Kind
    text: Annotated[Reason, Field(description="At least 20 characters that are not blank. Never changed later.")]
    party: Annotated[RefText | None, Field(description="For the desk alone: the client or the LP of the trade.")] = None


class NoteIn(Body):
    """What is added to a dispute."""

    text: Annotated[Reason, Field(description="At least 20 characters that are not blank. Never changed later.")]
    is_internal: Annotated[bool, Field(description="For the desk alone, which alone may write such notes.")] = False


class NoteOut(Schema):
    """What one side said to the other."""

    by: Who
    text: str
    added_at: datetime


class DeskNote(NoteOut):
    """The same, and what only the desk knows of it."""

    author: str
    is_internal: bool


class _Common(Schema):
    dispute: str
    status: Dispute.Status
    kind: Dispute.Kind
    text: str
    opened_at: datetime
    closed_at: datetime | None
    outcome: Dispute.Outcome | None
    resolution: str | None


class PartysDispute(_Common):
    """A dispute as its party sees it: the party's own side of the trade, and nobody of the desk by name."""

    reader: Literal["party"] = "party"
    opened_by: Who
    trade: FillOut


class DeskDispute(_Common):
    """A dispute as the desk sees it, with both sides of the trade."""

    reader: Literal["desk"] = "desk"
    opened_by: str
    assigned_to: str | None
    party: str
    fill: str
    rfq: str
    settlement: str
    client: str
    lp: str
    all_in_price: Number
    lp_price: Number


class PartysDetail(PartysDispute):
    """The same with what was written to and fro."""

    notes: list[NoteOut]


class DeskDetail(DeskDispute):
    """The same with all notes."""

    notes: list[DeskNote]


DisputeOut = Annotated[PartysDispute | DeskDispute, Field(discriminator="reader")]
DetailOut = Annotated[PartysDetail | DeskDetail, Field(discriminator="reader")]


class DisputesOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[DisputeOut]
    next: str | None


class Filters(Paging):
    """Which disputes a list shows."""

    status: Dispute.Status | None = None


_TEXT = "The confirmation said 0.9213, the receipt says 0.9231."
_NOTE = {"by": "desk", "text": "We compare the recording with the confirmation.", "added_at": "2026-11-26T10:02:00Z"}
_LIVE: dict[str, Any] = {
    "reader": "party",
    "dispute": "DSP-7KQ2M4TX",
    "status": "open",
    "kind": "price",
    "text": _TEXT,
    "opened_at": "2026-11-26T09:58:00Z",
    "closed_at": None,
    "outcome": None,
    "resolution": None,
    "opened_by": "party",
    "trade": {
        "party": "client",
        "ref": "FIL-2P8MZ3XX",
        "rfq": "RFQ-7KQ2M4TX",
        "client_rfq_id": "treasury-2026-11-26-17",
        "quote": "QTE-4M7Q2KTX",
        "settlement": "STL-9WQ3M7TX",
        "pair": "USDT/EUR",
        "side": "buy",
        "all_in_price": "0.9231",
        "base_amount": "10833.062506",
        "quote_amount": "10000.00",
        "filled_at": "2026-11-26T09:41:21Z",
        "reversed_at": None,
    },
}
_WITHDRAWN = _LIVE | {"status": "withdrawn", "closed_at": "2026-11-26T10:30:00Z", "notes": [_NOTE]}
_ASKED = {"fill": "FIL-2P8MZ3XX", "kind": "price", "text": _TEXT}


@router.get(
    "/disputes",
    **call(
        DisputesOut,
        *OF_LISTS,
        summary="Your disputes; for the desk those it serves",
        example=Example({"items": [_LIVE], "next": None}),
    ),
)
def list_disputes(request: HttpRequest, filters: Query[Filters]) -> DisputesOut:
    """Newest first, by keyset: pass `next` back as `before`."""
    reader = _reader(request)
    rows = queries.of_party(reader.counterparty) if reader.counterparty else queries.served(reader)
    found, older = part_of(rows.filter(status=filters.status) if filters.status else rows, filters)
    return DisputesOut(items=[_out(dispute, reader) for dispute in found], next=older)


@router.post(
    "/disputes",
    **call(
        DetailOut,
        errors.NotOfTheTrade,
        errors.TextTooShort,
        errors.NamesOtherSide,
        errors.NoSuchFill,
        KeyReused,
        errors.AlreadyDisputed,
        summary="Say that a trade is not right",
        example=Example(_LIVE | {"notes": []}, _ASKED),
        status=201,
        writes=True,
    ),
)
def open_dispute(request: HttpRequest, body: ComplaintIn, key: Key) -> Status[PartysDetail | DeskDetail]:
    """One that is not over for each trade and party. The same key with the same body is the same dispute."""
    user = actor(request)
    complaint = Complaint(body.fill, body.kind, body.text, key, body.party or "")
    made = operations.open_dispute(complaint=complaint, actor=user, now=clock.now())
    return Status(201, _detail(_read(made.ref, user), user))


@router.get("/disputes/{ref}", **call(DetailOut, NotFound, summary="One dispute", example=Example(_WITHDRAWN)))
def read_dispute(request: HttpRequest, ref: Ref) -> PartysDetail | DeskDetail:
    """Read what was said, where it stands and what came of it."""
    reader = _reader(request)
    return _detail(_read(ref, reader), reader)


@router.post(
    "/disputes/{ref}/notes",
    **call(
        DeskNote | NoteOut,
        errors.TextTooShort,
        errors.NamesOtherSide,
        errors.InternalNote,
        NotFound,
        KeyReused,
        errors.DisputeOver,
        summary="Add a note",
        example=Example(_NOTE | {"by": "party"}, {"text": "The recording must be from the second call, at 12:05."}),
        status=201,
        writes=True,
    ),
)
def add_note(request: HttpRequest, ref: Ref, body: NoteIn, key: Key) -> Status[DeskNote | NoteOut]:
    """Write to the other side, while it is not over. The same key with the same body is the same note."""
    user = actor(request)
    remark = Remark(body.text, key, body.is_internal)
    note = operations.add_note(dispute_ref=ref, remark=remark, actor=user, now=clock.now())
    return Status(201, _note(note) if user.counterparty else _note_for_desk(note))


@router.post(
    "/disputes/{ref}/withdrawal",
    **call(
        DetailOut,
        NotFound,
        errors.DisputeOver,
        summary="No longer dispute a trade",
        example=Example(_WITHDRAWN),
        writes=True,
    ),
)
def withdraw_dispute(request: HttpRequest, ref: Ref) -> PartysDetail | DeskDetail:
    """Close one's own dispute while it is not resolved. Once more, it stays withdrawn."""
    user = actor(request)
    operations.withdraw_dispute(dispute_ref=ref, actor=user, now=clock.now())
    return _detail(_read(ref, user), user)


def _reader(request: HttpRequest) -> User:
    user = actor(request)
    capabilities.require(user, VIEW if user.counterparty is None else OWN)
    return user


def _read(ref: str, reader: User) -> Detail:
    if reader.counterparty is None:
        return queries.detail(ref, reader=reader)
    return queries.own(ref, party=reader.counterparty)


def _common(dispute: Dispute) -> dict[str, Any]:
    return {
        "dispute": dispute.ref,
        "status": dispute.status,
        "kind": dispute.kind,
        "text": dispute.text,
        "opened_at": dispute.opened_at,
        "closed_at": dispute.closed_at,
        "outcome": dispute.outcome or None,
        "resolution": dispute.resolution or None,
    }


def _partys(dispute: Dispute) -> dict[str, Any]:
    fill = dispute.fill
    is_lp = dispute.party_id == fill.lp_id
    trade = LpFill(**shown.lp_fill(fill)) if is_lp else ClientFill(**shown.client_fill(fill))
    return _common(dispute) | {"opened_by": _side(dispute.opened_by), "trade": trade}


def _desks(dispute: Dispute) -> dict[str, Any]:
    fill = dispute.fill
    scale = fill.rfq.pair.price_scale
    return _common(dispute) | {
        "opened_by": dispute.opened_by.username,
        "assigned_to": dispute.assigned_to.username if dispute.assigned_to else None,
        "party": dispute.party.ref,
        "fill": fill.ref,
        "rfq": fill.rfq.ref,
        "settlement": fill.settlement.ref,
        "client": fill.client.name,
        "lp": fill.lp.name,
        "all_in_price": shown.plain(fill.price, scale),
        "lp_price": shown.plain(fill.lp_price, scale),
    }


def _out(dispute: Dispute, reader: User) -> PartysDispute | DeskDispute:
    return DeskDispute(**_desks(dispute)) if reader.counterparty is None else PartysDispute(**_partys(dispute))


def _detail(found: Detail, reader: User) -> PartysDetail | DeskDetail:
    if reader.counterparty is None:
        return DeskDetail(**_desks(found.dispute), notes=[_note_for_desk(note) for note in found.notes])
    return PartysDetail(**_partys(found.dispute), notes=[_note(note) for note in found.notes])


def _note(note: DisputeNote) -> NoteOut:
    return NoteOut(by=_side(note.author), text=note.text, added_at=note.added_at)


def _note_for_desk(note: DisputeNote) -> DeskNote:
    author = note.author
    return DeskNote(
        by=_side(author),
        text=note.text,
        added_at=note.added_at,
        author=author.username,
        is_internal=note.is_internal,
    )


def _side(user: User) -> Who:
    return "desk" if user.counterparty_id is None else "party"
