"""
Who may propose and who may decide, and whether a request still stands; one refusal for each rule.

The database knows the same rules and has the last word: `as_the_database_says` gives its refusals,
which come when somebody changed something a moment ago, the words they have here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection, transaction
from django.db.models import Q

from trading.lib.clock import DatabaseClock
from trading.lib.errors import DeskError, NotFound
from users import acts
from users.errors import (
    AboutYourself,
    AlreadyDecided,
    ApprovalsLost,
    MayNotDecide,
    MayNotPropose,
    NobodyNamed,
    OwnProposal,
    PasskeyNeeded,
    PolicyChanged,
    ProposerGone,
    QuorumUnreachable,
    RequestExpired,
    StaleDigest,
    StaleProof,
    Superseded,
    about,
)
from users.models import (
    ApprovalDecision,
    ApprovalPolicy,
    ApprovalRequest,
    Counterparty,
    Person,
    RoleGrant,
    StepUp,
    User,
)
from users.operations.scopes import require_served
from users.queries import passkeys, scopes

Status, Verdict = ApprovalRequest.Status, ApprovalDecision.Verdict


def _expired(request: ApprovalRequest) -> RequestExpired:
    return RequestExpired(**about(request, request.closed_at or request.execute_by or request.expires_at))


REFUSALS: dict[str, Callable[[ApprovalRequest], DeskError]] = {
    "DC01": lambda request: PolicyChanged(act=request.act),
    "DC02": lambda request: MayNotPropose(act=request.act),
    "DC03": lambda request: MayNotPropose(act=request.act),
    "DC04": lambda _request: AboutYourself(),
    "DC05": lambda _request: NobodyNamed(),
    "DC06": lambda _request: NotFound(),
    "DC11": lambda request: ProposerGone(ref=request.ref),
    "DC12": lambda request: ApprovalsLost(ref=request.ref),
    "DC14": _expired,
    "DC15": _expired,
    "DC21": _expired,
    "DC22": lambda _request: MayNotDecide(),
    "DC23": lambda _request: OwnProposal(),
    "DC24": lambda _request: AboutYourself(),
    "DC25": lambda _request: MayNotDecide(),
    "DC28": lambda _request: NotFound(),
    "DC26": lambda request: StaleDigest(**about(request)),
    "DC27": lambda _request: StaleProof(),
    "DC29": lambda _request: PasskeyNeeded(),
}
PROOF_USED = "users_approvaldecision_step_up_id_key"


@contextmanager
def as_the_database_says(request: ApprovalRequest) -> Iterator[None]:
    """
    A savepoint that turns a refusal of the database's rules into the operation's own.

    :raises DeskError: the rule's refusal.
    """
    try:
        with transaction.atomic():
            yield
    except Error as error:
        text = str(error)
        refusal = REFUSALS.get(text[:4])
        if refusal is not None:
            raise refusal(request) from error
        if PROOF_USED in text:
            raise StaleProof from error
        raise


def current_policy(act: str) -> ApprovalPolicy:
    """
    The newest policy of an act.

    :raises UnknownAct: it has none.
    """
    policy = ApprovalPolicy.objects.filter(act=act).order_by("-version").first()
    if policy is None:
        raise acts.UnknownAct(act=act, known=", ".join(acts.names()))
    return policy


def subject_person(act: acts.Act, subject_ref: str) -> Person | None:
    """The person an act is about, when it is about one."""
    if act.subject_type != "user":
        return None
    return Person.objects.filter(users__ref=subject_ref).first()


def subject_counterparty(act: acts.Act, subject_ref: str) -> int | None:
    """The counterparty an act's target belongs to, when it belongs to one: then only who serves it has a say."""
    if act.subject_type == "counterparty":
        return Counterparty.objects.filter(ref=subject_ref).values_list("pk", flat=True).first()
    if act.subject_type == "user":
        return User.objects.filter(ref=subject_ref).values_list("counterparty", flat=True).first()
    return act.counterparty_id(subject_ref)


def eligible(
    policy: ApprovalPolicy, *, proposer: User, subject: Person | None, counterparty_id: int | None = None
) -> list[User]:
    """Who could decide: active people with the role who serve the counterparty, not the proposer nor the subject."""
    holders = User.objects.filter(
        status=User.Status.ACTIVE,
        kind=User.Kind.HUMAN,
        role_grants__role=policy.approver_role,
        role_grants__revoked_at=None,
    ).exclude(person=proposer.person_id)
    if subject is not None:
        holders = holders.exclude(person=subject)
    found = list(holders.select_related("person").order_by("username"))
    outside = scopes.not_serving(found, counterparty_id)
    return [user for user in found if user.pk not in outside]


def require_proposer(actor: User, policy: ApprovalPolicy) -> None:
    """
    Refuse whoever may not propose under this policy.

    :raises MayNotPropose: not an active person with a proposing role.
    """
    grants = RoleGrant.objects.filter(user=actor, role__in=policy.proposer_roles, revoked_at=None)
    if actor.status != User.Status.ACTIVE or actor.kind != User.Kind.HUMAN or not grants.exists():
        raise MayNotPropose(act=policy.act)


def require_nominee(act: acts.Act, nominee: User | None) -> None:
    """
    Refuse an act on a user that asks nobody in particular to decide it.

    :raises NobodyNamed: no second approver is named.
    """
    if act.subject_type == "user" and nominee is None:
        raise NobodyNamed


def require_reachable(
    policy: ApprovalPolicy,
    nominee: User | None,
    *,
    actor: User,
    subject: Person | None,
    counterparty_id: int | None,
) -> None:
    """
    Refuse what too few people could decide, and a nominee who could not.

    :raises MayNotDecide: the nominee is not eligible.
    :raises QuorumUnreachable: too few are.
    """
    could = eligible(policy, proposer=actor, subject=subject, counterparty_id=counterparty_id)
    if len({user.person_id for user in could}) < policy.quorum:
        raise QuorumUnreachable(quorum=policy.quorum)
    if nominee is not None and nominee.pk not in {user.pk for user in could}:
        raise MayNotDecide


def require_pending(request: ApprovalRequest) -> None:
    """
    Refuse what is over.

    :raises RequestExpired: its time was over.
    :raises Superseded: what it is about has changed since.
    :raises AlreadyDecided: somebody ended it; says who, what and when.
    """
    if request.status == Status.PENDING:
        return
    if request.status == Status.EXPIRED:
        raise _expired(request)
    if request.status == Status.SUPERSEDED:
        raise Superseded(**about(request))
    who = request.closed_by
    if request.status in {Status.APPROVED, Status.EXECUTED, Status.FAILED}:
        who = last_approval(request).decided_by
    raise _already_decided(request, who.username if who else "-", request.get_status_display())


def require_unsaid(request: ApprovalRequest, actor: User) -> None:
    """
    Refuse a second verdict of the same person.

    :raises AlreadyDecided: says what they said and when.
    """
    said = request.decisions.select_related("decided_by").filter(person=actor.person_id).first()
    if said is not None:
        raise _already_decided(request, said.decided_by.username, said.get_verdict_display(), said)


def _already_decided(
    request: ApprovalRequest, who: str, status: str, decision: ApprovalDecision | None = None
) -> AlreadyDecided:
    at = decision.decided_at if decision else request.closed_at or request.updated_at
    return AlreadyDecided(ref=request.ref, who=who, status=status, at=f"{at:%Y-%m-%d %H:%M:%S} UTC")


def last_approval(request: ApprovalRequest) -> ApprovalDecision:
    """The approval that was the last one needed."""
    return request.decisions.filter(verdict=Verdict.APPROVE).select_related("decided_by").order_by("-pk")[0]


def is_past(request: ApprovalRequest) -> bool:
    """Whether the database's clock says that its time is over; the shorter of both policies counts."""
    until = min(request.expires_at, request.created_at + current_policy(request.act).expires_after)
    return not ApprovalRequest.objects.annotate(clock=DatabaseClock()).filter(pk=request.pk, clock__lt=until).exists()


def require_decider(request: ApprovalRequest, actor: User) -> None:
    """
    Refuse whoever may not decide this request. The database checks the same again.

    :raises OwnProposal: the actor's person proposed it.
    :raises AboutYourself: it is about the actor's person.
    :raises NotFound: it is about a counterparty the actor does not serve.
    :raises MayNotDecide: not an active person with the role since before the request.
    """
    require_served(actor, request.subject_counterparty_id)
    if actor.person_id is not None and actor.person_id == request.requested_by.person_id:
        raise OwnProposal
    if actor.person_id is not None and actor.person_id == request.subject_person_id:
        raise AboutYourself
    roles = {request.policy.approver_role, current_policy(request.act).approver_role}
    held = RoleGrant.objects.filter(
        user=actor, role__in=roles, revoked_at=None, granted_at__lt=request.created_at
    ).values_list("role", flat=True)
    is_active_person = actor.status == User.Status.ACTIVE and actor.kind == User.Kind.HUMAN
    if not is_active_person or roles - set(held):
        raise MayNotDecide


def require_strong(proof: StepUp, actor: User) -> None:
    """
    Refuse anything but a passkey of who holds a role that takes one (`SecondFactorPolicy`).

    :raises PasskeyNeeded: a role of the actor decides with a passkey only.
    """
    if proof.method != StepUp.Method.PASSKEY and passkeys.is_bound(actor):
        raise PasskeyNeeded


def locked_people(request: ApprovalRequest, actor: User) -> dict[int, User]:
    """
    Everybody a decision looks at or changes, locked in one order: two decisions about each other wait, not die.

    Assumes that the request is locked. The target cannot change any more when this returns.
    """
    deciders = request.decisions.values_list("decided_by", flat=True)
    concerned = Q(pk__in=[actor.pk, request.requested_by_id, *deciders]) | Q(ref=request.subject_ref)
    people = User.objects.select_for_update(no_key=True).filter(concerned).order_by("pk")
    return {user.pk: user for user in people}


def has_quorum(request: ApprovalRequest) -> bool:
    """Whether the approvals that count now are enough; the larger quorum of both policies counts."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from users_counting_approvals(%s)", [request.pk])
        (count,) = cursor.fetchone()
    return bool(count >= max(request.policy.quorum, current_policy(request.act).quorum))
