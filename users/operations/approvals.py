"""
Dual control: propose, decide, withdraw, expire. One mechanism for every dangerous act.

The second person's decision executes the act in its own transaction: either both are there or neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error, IntegrityError, OperationalError, transaction
from django.db.models import Q

from trading.lib import jobs
from trading.lib.clock import DatabaseClock
from trading.lib.errors import DeskError, Unavailable
from trading.lib.jobs import Later
from trading.lib.operations import Busy, operation
from users import acts, audit, policies
from users.errors import (
    AboutYourself,
    AlreadyOpen,
    KeyReused,
    NoSuchRequest,
    NotWithdrawable,
    StaleDigest,
    about,
)
from users.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest, StepUp, User
from users.operations import rules, second_factors
from users.operations.scopes import require_served

Status, Verdict = ApprovalRequest.Status, ApprovalDecision.Verdict
TRY_AGAIN_SECONDS = 30
EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """
    What somebody wants done.

    :param nominee: the person asked to decide; any other eligible approver may, too.
    :param key: the same proposer and key again is the same request.
    """

    act: str
    subject_ref: str
    reason: str
    key: str
    payload: dict[str, Any] = field(default_factory=dict)
    nominee: User | None = None

    def is_that_of(self, request: ApprovalRequest) -> bool:
        """Whether the request came from a proposal like this one."""
        nominee = self.nominee.pk if self.nominee else None
        mine = (self.act, self.subject_ref, self.reason.strip(), self.payload, nominee)
        return mine == (request.act, request.subject_ref, request.reason, request.payload, request.nominee_id)


@operation
def lay_down_policies(*, now: datetime) -> int:
    """Give every known act that has no policy its first one, and roles theirs; the answer is for how many acts."""
    second_factors.lay_down(now=now)
    known = set(ApprovalPolicy.objects.values_list("act", flat=True))
    missing = [name for name in acts.names() if name not in known]
    for name in missing:
        first = policies.FIRST[name]
        ApprovalPolicy.objects.create(
            act=name,
            version=1,
            quorum=first.quorum,
            proposer_roles=list(first.proposers),
            approver_role=first.approver,
            expires_after=first.expires_after,
            execute_within=first.execute_within,
            step_up_within=first.step_up_within,
            threshold=first.threshold,
            made_at=now,
        )
    return len(missing)


@operation
def propose(*, proposal: Proposal, actor: User, now: datetime) -> ApprovalRequest:
    """
    Ask for an act that needs a second person. Nothing happens yet.

    :raises UnknownAct: there is no such act.
    :raises KeyReused: the key was used for another proposal.
    :raises MeaninglessReason: the reason says too little.
    :raises NotFound: it is about a counterparty the actor does not serve.
    :raises MayNotPropose: the actor holds no role that may propose it.
    :raises AboutYourself: the act is about the actor's own person.
    :raises NobodyNamed: it is about a user and names nobody to decide it.
    :raises MayNotDecide: the nominee could not decide it.
    :raises QuorumUnreachable: too few people could decide it.
    :raises AlreadyOpen: the same act on the same target waits for a decision.
    :raises Busy: the same was proposed and ended at this very moment.
    :raises DeskError: the act itself refuses (`Act.check`).
    """
    act = acts.act_of(proposal.act)
    if known := _known(proposal, actor):
        return known
    reason = policies.require_meaningful(proposal.reason)
    policy = rules.current_policy(act.name)
    rules.require_proposer(actor, policy)
    party = rules.subject_counterparty(act, proposal.subject_ref)
    require_served(actor, party)
    rules.require_nominee(act, proposal.nominee)
    subject = rules.subject_person(act, proposal.subject_ref)
    if subject is not None and subject.pk == actor.person_id:
        raise AboutYourself
    act.check(proposal.subject_ref, proposal.payload)
    rules.require_reachable(policy, proposal.nominee, actor=actor, subject=subject, counterparty_id=party)
    request = ApprovalRequest(
        act=act.name,
        policy=policy,
        subject_type=act.subject_type,
        subject_ref=proposal.subject_ref,
        subject_person=subject,
        subject_counterparty_id=party,
        target=acts.target_of(act, proposal.subject_ref),
        target_digest=b"",  # computed by the database
        payload=proposal.payload,
        reason=reason,
        requested_by=actor,
        nominee=proposal.nominee,
        idempotency_key=proposal.key,
        digest=b"",  # computed by the database
        created_at=now,
        updated_at=now,
        expires_at=now + policy.expires_after,
    )
    try:
        with rules.as_the_database_says(request):
            request.save(force_insert=True)
    except IntegrityError as error:
        return _the_other(proposal, actor, error)
    request.refresh_from_db()
    nominee = proposal.nominee.username if proposal.nominee else ""
    _record("approval.proposed", request, actor, now, reason=reason, more={"nominee": nominee})
    return request


def _known(proposal: Proposal, actor: User) -> ApprovalRequest | None:
    request = ApprovalRequest.objects.filter(requested_by=actor, idempotency_key=proposal.key).first()
    if request is not None and not proposal.is_that_of(request):
        raise KeyReused(ref=request.ref)
    return request


def _the_other(proposal: Proposal, actor: User, error: IntegrityError) -> ApprovalRequest:
    """What was there, or came at the same moment: this very proposal, or one of the same act and target."""
    if known := _known(proposal, actor):
        return known
    open_one = ApprovalRequest.objects.filter(
        act=proposal.act, subject_ref=proposal.subject_ref, status__in=ApprovalRequest.OPEN
    ).first()
    if open_one is None:  # it was there a moment ago, and is over by now
        raise Busy from error
    raise AlreadyOpen(ref=open_one.ref) from error


def decide(
    *, request_ref: str, verdict: str, reason: str, digest: bytes, actor: User, proof: StepUp, now: datetime
) -> ApprovalRequest:
    """
    The second person's verdict. The last approval that was needed executes the act at once.

    :param digest: what the approver saw and signs; `ApprovalRequest.digest`.
    :param proof: a fresh step-up of the actor on this digest.
    :raises NoSuchRequest: there is none.
    :raises NotFound: it is about a counterparty the actor does not serve.
    :raises MeaninglessReason: the reason says too little.
    :raises AlreadyDecided: it is over, or the actor's person has decided already; says who, what and when.
    :raises RequestExpired: its time was over.
    :raises Superseded: what it is about has changed since.
    :raises StaleDigest: the approver saw something else.
    :raises OwnProposal: the actor's person proposed it.
    :raises AboutYourself: it is about the actor's person.
    :raises MayNotDecide: no role for it, or the role came later than the request.
    :raises PasskeyNeeded: a role of the actor decides with a passkey only, and the step-up was a code.
    :raises StaleProof: the step-up is old, was used, or is for something else.
    :raises ProposerGone: the proposer may not propose it any more.
    """
    words = policies.require_meaningful(reason)
    request = _decide(
        request_ref=request_ref,
        verdict=Verdict(verdict),
        reason=words,
        digest=digest,
        actor=actor,
        proof=proof,
        now=now,
    )
    if request.status in {Status.SUPERSEDED, Status.EXPIRED}:
        rules.require_pending(request)
    return request


@operation
def _decide(
    *, request_ref: str, verdict: str, reason: str, digest: bytes, actor: User, proof: StepUp, now: datetime
) -> ApprovalRequest:
    request = locked(request_ref)
    actor = rules.locked_people(request, actor)[actor.pk]
    rules.require_decider(request, actor)
    rules.require_pending(request)
    if close_if_over(request, now=now):
        return request
    if bytes(request.digest) != digest:
        raise StaleDigest(**about(request))
    rules.require_unsaid(request, actor)
    rules.require_strong(proof, actor)
    with rules.as_the_database_says(request):
        ApprovalDecision.objects.create(
            request=request,
            verdict=verdict,
            decided_by=actor,
            person_id=actor.person_id,  # type: ignore[misc]  # a decider is a person: checked above
            reason=reason,
            digest=digest,
            step_up=proof,
            decided_at=now,
        )
    if verdict == Verdict.DECLINE:
        _close(request, Status.DECLINED, actor=actor, outcome=reason, now=now)
    elif rules.has_quorum(request):
        with rules.as_the_database_says(request):
            request.move(Status.APPROVED, at=now)
        _record("approval.approved", request, actor, now, reason=reason, second=actor)
        _execute(request, actor, now=now)
    else:
        _record("approval.counted", request, actor, now, reason=reason, second=actor)
    return request


def locked(ref: str) -> ApprovalRequest:
    """
    The request, locked.

    :raises NoSuchRequest: there is none.
    """
    # Only what never changes is joined: a row joined before a wait for the lock is as it was before it.
    rows = ApprovalRequest.objects.select_related("policy", "requested_by__person")
    request = rows.select_for_update(of=("self",)).filter(ref=ref).first()
    if request is None:
        raise NoSuchRequest(ref=ref)
    return request


def close_if_over(request: ApprovalRequest, *, now: datetime) -> bool:
    """Close a pending request whose time is over or whose target has changed; the answer is whether it was."""
    if rules.is_past(request):
        _close(request, Status.EXPIRED, actor=None, outcome="", now=now)
    elif changed := acts.changed(request):
        _supersede(request, changed, now=now)
    return request.status != Status.PENDING


def _execute(request: ApprovalRequest, second: User, *, now: datetime) -> None:
    """Do the act under a savepoint; assumes the deciding transaction."""
    act = acts.act_of(request.act)
    try:
        with transaction.atomic(), jobs.savepoint():
            with rules.as_the_database_says(request):
                request.move(Status.EXECUTED, at=now)
            outcome = act.execute(request, now=now)
    except (Unavailable, OperationalError):
        request.status = Status.APPROVED
        later = Later(seconds=TRY_AGAIN_SECONDS)
        jobs.defer("users.execute_approved", request_id=request.pk, lock=request.ref, later=later)
        return
    except (DeskError, Error) as error:
        request.status = Status.APPROVED
        outcome = error.sentence if isinstance(error, DeskError) else str(error).splitlines()[0]
        _close(request, Status.FAILED, actor=None, outcome=outcome, now=now)
        return
    request.outcome = outcome
    ApprovalRequest.objects.filter(pk=request.pk).update(outcome=outcome)
    _record("approval.executed", request, None, now, second=second, more={"outcome": outcome})


@operation
def execute_approved(*, request_id: int, now: datetime) -> ApprovalRequest:
    """Try an approved act again that could not be done when it was decided."""
    ref = ApprovalRequest.objects.values_list("ref", flat=True).get(pk=request_id)
    request = locked(ref)
    if request.status != Status.APPROVED:
        return request
    second = rules.last_approval(request).decided_by
    rules.locked_people(request, second)
    past = ApprovalRequest.objects.filter(pk=request.pk, execute_by__lte=DatabaseClock())
    if past.exists():
        return _close(request, Status.EXPIRED, actor=None, outcome="", now=now)
    if changed := acts.changed(request):
        return _supersede(request, changed, now=now)
    _execute(request, second, now=now)
    return request


@operation
def withdraw(*, request_ref: str, actor: User, now: datetime) -> ApprovalRequest:
    """
    The proposer takes an open proposal back.

    :raises NoSuchRequest: there is none.
    :raises NotWithdrawable: somebody else proposed it.
    :raises AlreadyDecided: it is over.
    """
    request = locked(request_ref)
    if request.requested_by_id != actor.pk:
        raise NotWithdrawable
    if request.status not in ApprovalRequest.OPEN:
        rules.require_pending(request)
    return _close(request, Status.CANCELLED, actor=actor, outcome="", now=now)


@operation
def expire_approvals(*, now: datetime) -> int:
    """Close open requests whose time is over, a bounded number; the answer is how many."""
    over = Q(status=Status.PENDING, expires_at__lte=DatabaseClock())
    over |= Q(status=Status.APPROVED, execute_by__lte=DatabaseClock())
    due = ApprovalRequest.objects.filter(over).order_by("pk").select_for_update(skip_locked=True)
    expired = list(due[:EXPIRED_AT_ONCE])
    for request in expired:
        _close(request, Status.EXPIRED, actor=None, outcome="", now=now)
    return len(expired)


def _supersede(
    request: ApprovalRequest, changed: Mapping[str, tuple[object, object]], *, now: datetime
) -> ApprovalRequest:
    """Close a request whose target is no longer as it was; the event says what is different."""
    before = {"target": {name: then for name, (then, _now) in changed.items()}}
    more = {"target": {name: present for name, (_then, present) in changed.items()}}
    outcome = f"the target changed: {', '.join(changed)}"
    return _close(request, Status.SUPERSEDED, actor=None, outcome=outcome, now=now, before=before, more=more)


def _close(
    request: ApprovalRequest,
    status: str,
    *,
    actor: User | None,
    outcome: str,
    now: datetime,
    before: Mapping[str, object] | None = None,
    more: Mapping[str, object] | None = None,
) -> ApprovalRequest:
    request.move(status, at=now, closed_by=actor, outcome=outcome)
    second = actor if status == Status.DECLINED else None
    _record(f"approval.{status}", request, actor, now, reason=outcome, second=second, before=before, more=more)
    return request


def _record(
    name: str,
    request: ApprovalRequest,
    actor: User | None,
    now: datetime,
    *,
    reason: str = "",
    second: User | None = None,
    before: Mapping[str, object] | None = None,
    more: Mapping[str, object] | None = None,
) -> None:
    after: dict[str, object] = {
        "act": request.act,
        "subject": request.subject_ref,
        "status": request.status,
        "requested_by": request.requested_by.username,
        "request_reason": request.reason,
    }
    change = audit.Change(
        before=before,
        after=after | dict(more or {}),
        reason=reason,
        secondary_approver=second,
        digest=bytes(request.digest),
    )
    audit.record(name, actor=actor, subject=request, at=now, change=change)
