"""Logins, clients and LPs, and what two people carry about them."""

from itertools import count

from tests.remembered import remembered
from trading.lib import clock
from users import operations as user_operations
from users.models import ApprovalRequest, Counterparty, User
from users.operations import NewUser, Proposal
from users.queries import onboarding

REASON = "Because the test needs exactly this to be so."
_numbers = count(1)


def unique(prefix: str) -> str:
    """A name no other test object has."""
    return f"{prefix}-{next(_numbers)}"


def counterparty(kind: str = "client", name: str = "") -> Counterparty:
    """A legal entity without accounts or people."""
    return user_operations.create_counterparty(
        name=name or unique(kind.title()), kind=kind, actor=None, now=clock.now()
    )


def pending_user(
    username: str = "", *, of: Counterparty | None = None, language: str = "en", kind: str = User.Kind.HUMAN
) -> User:
    """A login nobody has let in yet, of a new person (or a service)."""
    name = username or unique("user")
    new = NewUser(username=name, full_name=name.title(), counterparty=of, language=language, kind=kind)
    return user_operations.create_user(new=new, actor=None, now=clock.now())


@remembered
def founders() -> tuple[User, User]:
    """The first two of this desk, made on first use: both may propose anything, and decide on the other's."""
    pair = list(User.objects.filter(username__in=["founder-a", "founder-b"]).order_by("username"))
    if not pair:
        user_operations.lay_down_policies(now=clock.now())
        pair = [pending_user("founder-a"), pending_user("founder-b")]
        user_operations.bootstrap(first=pair[0], second=pair[1], reason=REASON, now=clock.now())
    return pair[0], pair[1]


def check(subject: User | Counterparty) -> None:
    """Everything that must be checked about it, passed; recorded by a founder it is not about."""
    if isinstance(subject, Counterparty):
        kinds: tuple[str, ...] = onboarding.OF_COUNTERPARTIES
    else:
        kinds = onboarding.OF_SERVICES if subject.kind == User.Kind.SERVICE else onboarding.OF_PEOPLE
    looks = [user_operations.Look(kind, "passed", REASON) for kind in kinds]
    first, second = founders()
    actor = second if isinstance(subject, User) and subject.person_id == first.person_id else first
    user_operations.record_checks(subject=subject, looks=looks, actor=actor, now=clock.now())


def newcomer(
    username: str = "", *, of: Counterparty | None = None, language: str = "en", kind: str = User.Kind.HUMAN
) -> User:
    """A pending login that can be let in: all that must be checked is."""
    made = pending_user(username, of=of, language=language, kind=kind)
    check(made)
    if of is not None and not of.onboarding_checks.exists():
        check(of)
    return made


def propose(act: str, subject_ref: str, *, by: User | None = None, **payload: object) -> ApprovalRequest:
    """A proposal of the first founder, or of somebody else, that asks the other founder to decide."""
    first, second = founders()
    proposer = by or first
    nominee = second if proposer != second else first
    proposal = Proposal(act, subject_ref, REASON, key=unique("proposal"), payload=payload, nominee=nominee)
    return user_operations.propose(proposal=proposal, actor=proposer, now=clock.now())


def decide(request: ApprovalRequest, *, by: User | None = None, verdict: str = "approve") -> ApprovalRequest:
    """The second founder's verdict, or somebody else's."""
    actor, digest = by or founders()[1], bytes(request.digest)
    return user_operations.decide(
        request_ref=request.ref,
        verdict=verdict,
        reason=REASON,
        digest=digest,
        actor=actor,
        proof=user_operations.step_up_in_sandbox(user=actor, digest=digest, now=clock.now()),
        now=clock.now(),
    )


def carry(act: str, subject_ref: str, **payload: object) -> ApprovalRequest:
    """Proposed by one founder, decided by the other, done."""
    done = decide(propose(act, subject_ref, by=None, **payload))
    assert done.status == ApprovalRequest.Status.EXECUTED, done.outcome
    return done


def need_passkey(role: str) -> None:
    """The founders have a role take a passkey only. They hold most themselves, and then decide nothing any more."""
    carry("second_factor.change", role, passkey_required=True)


@remembered
def user(*roles: str, username: str = "", of: Counterparty | None = None, language: str = "en") -> User:
    """An active login of a new person with these roles; of a party of its own where the role needs one."""
    founders()
    if of is None and roles[:1] in {("trader",), ("lp",)}:
        of = counterparty("lp" if roles[0] == "lp" else "client")
    kind = User.Kind.SERVICE if roles == ("service",) else User.Kind.HUMAN
    made = newcomer(username, of=of, language=language, kind=kind)
    carry("user.approve", made.ref, roles=list(roles))
    return User.objects.select_related("counterparty").get(pk=made.pk)


def desk_login_of(user: User) -> User:
    """A second login of the same person, in operations."""
    name = unique("second")
    new = NewUser(username=name, full_name=name, person=user.person)
    login = user_operations.create_user(new=new, actor=None, now=clock.now())
    check(login)
    carry("user.approve", login.ref, roles=["ops"])
    return User.objects.get(pk=login.pk)


def narrowed(user: User) -> User:
    """Serves one counterparty only, which has nothing to do with any other."""
    user_operations.narrow_scope(user=user, keep=[counterparty()], actor=founders()[1], reason=REASON, now=clock.now())
    return User.objects.get(pk=user.pk)
