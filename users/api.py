"""REST on people and on what two decide: propose, list, decide, withdraw. The same operations as the console's."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.translation import gettext_lazy as _
from ninja import Header, Path, Query, Router, Schema
from ninja.responses import Status
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from trading.lib import clock
from trading.lib.errors import Invalid, NotFound
from users import acts, capabilities, operations, policies
from users.api_access import authenticate_any
from users.errors import MayNotDecide
from users.models import ApprovalRequest, User
from users.operations import Proposal
from users.operations.preflight import require_decidable
from users.queries import approvals, log

router = Router()
LONGEST_PAGE = 100


class UnknownApprover(Invalid):
    """The named second approver does not exist."""

    code = "unknown_approver"
    text = _("Nobody is called {username}. Name the person who is to decide by their username.")


class WrongApprover(Invalid):
    """The named second approver could not decide this."""

    code = "not_eligible"
    text = _("{username} cannot decide this. Name an active approver, neither yourself nor the person concerned.")


def storable(text: str) -> str:
    """PostgreSQL keeps no NUL."""
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


Short = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(storable)]
Reason = Annotated[str, StringConstraints(max_length=policies.LONGEST_REASON), AfterValidator(storable)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
# By name: the description would mix up all enumerations that are called Status.
ApprovalStatus = Literal["pending", "approved", "executed", "failed", "declined", "expired", "cancelled", "superseded"]
Ref = Annotated[str, Path(pattern=r"^[A-Z]{3}-[A-Z0-9]{4,12}$")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=64,
        pattern=r"^[!-~]+$",
        description="The same key with the same body answers with the same request.",
    ),
]


class Body(Schema):
    """What is sent: nothing besides the named fields."""

    model_config = ConfigDict(extra="forbid")


class Reasons(Protocol):
    """Why something is proposed, and who is asked to decide it."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def secondary_approver(self) -> str:
        """Whose second word is asked for."""


class Rejection(Body):
    """Why somebody is not let in, and who is asked to decide it."""

    reason: Reason
    secondary_approver: Short


class Admission(Rejection):
    """Why somebody is let in, with which roles, and who is asked to decide it."""

    roles: Annotated[list[Short], Field(max_length=7, default_factory=list)]


class Judgement(Body):
    """A verdict on exactly what `digest` stands for, proved by a fresh one-time code."""

    verdict: Literal["approve", "decline"]
    reason: Reason
    digest: Digest
    otp: Code


class Refusal(Schema):
    """Everything that is not a success."""

    code: str
    message: str
    fields: dict[str, str]
    request_id: str


class Session(Schema):
    """Whose session this is, and the token that writes must carry."""

    username: str
    capabilities: list[str]
    csrf_token: str


class LineOut(Schema):
    """One field of what changes."""

    field: str
    now: str
    after: str


class DecisionOut(Schema):
    """One person's verdict."""

    verdict: str
    decided_by: str
    reason: str
    decided_at: datetime


class Me(Schema):
    """Who a credential speaks for, and what it may do."""

    username: str
    counterparty: str | None
    credential: Literal["session", "token", "key"]
    capabilities: list[str]
    key: str | None
    expires_at: datetime | None


class SealOut(Schema):
    """The latest seal of the audit log: what is noted outside the database."""

    number: int
    hash: str
    sealed_at: datetime


class RequestOut(Schema):
    """An approval request. `digest` is what an approver signs and sends back."""

    request: str
    digest: str
    act: str
    subject_type: str
    subject: str
    payload: dict[str, Any]
    status: str
    reason: str
    requested_by: str
    secondary_approver: str | None
    created_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    outcome: str


class DetailOut(RequestOut):
    """The same with what will change and what was decided."""

    changes: list[LineOut]
    decisions: list[DecisionOut]
    quorum: int


class PageOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[RequestOut]
    next: str | None


class Filters(Schema):
    """Which requests a list shows."""

    status: ApprovalStatus | None = None
    act: Short | None = None
    before: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}-[A-Z0-9]{4,12}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE)] = 50


REFUSALS = {401: Refusal, 403: Refusal, 429: Refusal}
READ = {**REFUSALS, 400: Refusal}
WRITE = {**READ, 404: Refusal, 409: Refusal}


@router.get("/session", response={200: Session, **REFUSALS}, summary="Whose session this is, and its CSRF token")
def session(request: HttpRequest) -> Session:
    """Name the person, what they may do, and the token their writes must carry."""
    user = actor(request)
    held = sorted(capabilities.of(user))
    return Session(username=user.username, capabilities=held, csrf_token=get_token(request))


@router.get("/me", response={200: Me, **REFUSALS}, auth=authenticate_any, summary="Whose credential this is")
def me(request: HttpRequest) -> Me:
    """Name the login, what this credential lets it do, and until when."""
    user, key = actor(request), getattr(request, "api_key", None)
    by_token = getattr(request, "token_family", None) is not None
    return Me(
        username=user.username,
        counterparty=user.counterparty.ref if user.counterparty else None,
        credential="key" if key else "token" if by_token else "session",
        capabilities=sorted(capabilities.of(user)),
        key=key.ref if key else None,
        expires_at=key.expires_at if key else None,
    )


@router.get(
    "/audit/seal",
    response={200: SealOut, **REFUSALS, 404: Refusal},
    auth=authenticate_any,
    summary="The latest seal, to be noted elsewhere",
)
def latest_seal(request: HttpRequest) -> SealOut:
    """Let a program on another machine keep an anchor of the audit log. Takes `audit.anchor` or `audit.view`."""
    user = actor(request)
    if not capabilities.holds(user, "audit.view"):
        capabilities.require(user, "audit.anchor")
    seal = log.last_seal()
    if seal is None:
        raise NotFound
    return SealOut(number=seal.number, hash=bytes(seal.hash).hex(), sealed_at=seal.sealed_at)


@router.post("/users/{ref}/approve", response={202: RequestOut, **WRITE}, summary="Propose to let a pending user in")
def approve_user(request: HttpRequest, ref: Ref, body: Admission, key: Key) -> Status[RequestOut]:
    """Nothing happens until a second person decides: `POST /api/approvals/{ref}/decision`."""
    return propose(request, "user.approve", ref, body=body, key=key, payload={"roles": list(body.roles)})


@router.post("/users/{ref}/reject", response={202: RequestOut, **WRITE}, summary="Propose to refuse a pending user")
def reject_user(request: HttpRequest, ref: Ref, body: Rejection, key: Key) -> Status[RequestOut]:
    """Nothing happens until a second person decides: `POST /api/approvals/{ref}/decision`."""
    return propose(request, "user.reject", ref, body=body, key=key, payload={})


@router.get("/approvals", response={200: PageOut, **READ}, summary="List approval requests, newest first")
def list_approvals(request: HttpRequest, filters: Query[Filters]) -> PageOut:
    """List by keyset: pass `next` back as `before`."""
    user = actor(request)
    capabilities.require(user, "approval.view")
    found = approvals.with_names(approvals.seen_by(user)).order_by("-pk")
    if filters.status:
        found = found.filter(status=filters.status)
    if filters.act:
        found = found.filter(act=filters.act)
    if filters.before:
        found = found.filter(pk__lt=ApprovalRequest.objects.filter(ref=filters.before).values("pk"))
    rows = list(found[: filters.limit + 1])
    shown = rows[: filters.limit]
    return PageOut(items=[_out(row) for row in shown], next=shown[-1].ref if len(rows) > filters.limit else None)


@router.get("/approvals/{ref}", response={200: DetailOut, **READ, 404: Refusal}, summary="Read one approval request")
def read_approval(request: HttpRequest, ref: Ref) -> DetailOut:
    """Read what would change, why, and what was decided."""
    capabilities.require(actor(request), "approval.view")
    return _detail(ref, actor(request))


@router.post(
    "/approvals/{ref}/decision", response={200: DetailOut, **WRITE, 429: Refusal}, summary="Decide as the second person"
)
def decide(request: HttpRequest, ref: Ref, body: Judgement) -> DetailOut:
    """Approve or decline what `digest` stands for. The last approval that is needed does the act at once."""
    user, digest = actor(request), bytes.fromhex(body.digest)
    policies.require_meaningful(body.reason)
    require_decidable(request_ref=ref, digest=digest, actor=user, now=clock.now())
    proof = operations.step_up(user=user, token=body.otp, digest=digest, now=clock.now())
    operations.decide(
        request_ref=ref,
        verdict=body.verdict,
        reason=body.reason,
        digest=digest,
        actor=user,
        proof=proof,
        now=clock.now(),
    )
    return _detail(ref, user)


@router.post("/approvals/{ref}/withdrawal", response={200: DetailOut, **WRITE}, summary="Take one's proposal back")
def withdraw(request: HttpRequest, ref: Ref) -> DetailOut:
    """Close an open request; only its proposer can."""
    operations.withdraw(request_ref=ref, actor=actor(request), now=clock.now())
    return _detail(ref, actor(request))


def actor(request: HttpRequest) -> User:
    """The person `authenticate` found."""
    user = getattr(request, "auth", None)
    if not isinstance(user, User):
        raise TypeError("only routes behind `authenticate` have an actor")
    return user


def propose(
    request: HttpRequest, act: str, ref: str, *, body: Reasons, key: str, payload: dict[str, Any]
) -> Status[RequestOut]:
    """
    Propose an act on what `ref` names.

    :raises MeaninglessReason: the reason says too little.
    :raises UnknownApprover: nobody is called so.
    :raises WrongApprover: the named person could not decide it.
    """
    policies.require_meaningful(body.reason)
    nominee = User.objects.filter(username__iexact=body.secondary_approver).first()
    if nominee is None:
        raise UnknownApprover(username=body.secondary_approver)
    proposal = Proposal(act, ref, body.reason, key, payload, nominee)
    try:
        made = operations.propose(proposal=proposal, actor=actor(request), now=clock.now())
    except MayNotDecide as error:
        raise WrongApprover(username=nominee.username) from error
    return Status(202, _out(made))


def _out(request: ApprovalRequest, kind: Callable[..., Any] = RequestOut, **more: Any) -> Any:
    return kind(
        request=request.ref,
        digest=bytes(request.digest).hex(),
        act=request.act,
        subject_type=request.subject_type,
        subject=request.subject_ref,
        payload=request.payload,
        status=request.status,
        reason=request.reason,
        requested_by=request.requested_by.username,
        secondary_approver=request.nominee.username if request.nominee else None,
        created_at=request.created_at,
        expires_at=request.expires_at,
        closed_at=request.closed_at,
        outcome=request.outcome,
        **more,
    )


def _detail(ref: str, reader: User) -> DetailOut:
    found = approvals.detail(ref, reader=reader)
    request = found.request
    is_open = request.status in ApprovalRequest.OPEN
    lines = acts.act_of(request.act).describe(request.subject_ref, request.payload) if is_open else []
    changes = [LineOut(field=str(line.field), now=line.now, after=line.after) for line in lines]
    decisions = [
        DecisionOut(
            verdict=said.verdict, decided_by=said.decided_by.username, reason=said.reason, decided_at=said.decided_at
        )
        for said in found.decisions
    ]
    made: DetailOut = _out(request, DetailOut, changes=changes, decisions=decisions, quorum=found.quorum)
    return made
