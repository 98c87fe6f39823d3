"""Reads about what two people decide. Each has a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from trading.lib.errors import NotFound
from trading.lib.prepared import Given, Read
from users.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest, Counterparty, RoleGrant, User
from users.queries.scopes import not_serving, within_or_nobodys

PAGE_SIZE = 30
TABS = ("waiting", "mine", "open", "decided")


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which requests the list shows to whom; it comes from the address of the page."""

    tab: str
    reader: User
    before: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of requests, newest first, where the older ones begin, and how many approvals each has."""

    rows: list[ApprovalRequest]
    older: str
    approvals: list[int]


@dataclass(frozen=True, slots=True)
class Counts:
    """What is open: for the reader to decide, proposed by the reader, all of it."""

    waiting: int
    mine: int
    open: int

    def of(self, tab: str) -> int | None:
        """The count of a tab; what is over is only ever more and is not counted."""
        return {"waiting": self.waiting, "mine": self.mine, "open": self.open}.get(tab)


@dataclass(frozen=True, slots=True)
class Detail:
    """One request with everything that was said on it."""

    request: ApprovalRequest
    current: ApprovalPolicy
    decisions: list[ApprovalDecision]

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it."""
        return self.request.status not in ApprovalRequest.OPEN

    @property
    def quorum(self) -> int:
        """How many approvals it takes: the stricter of the policy at the request's time and now."""
        return max(self.request.policy.quorum, self.current.quorum)

    @property
    def approvals(self) -> int:
        """How many approvals it has."""
        return sum(decision.verdict == ApprovalDecision.Verdict.APPROVE for decision in self.decisions)

    @property
    def expires_at(self) -> datetime:
        """When it is over: the shorter of both policies counts."""
        return min(self.request.expires_at, self.request.created_at + self.current.expires_after)

    @property
    def last(self) -> ApprovalDecision | None:
        """The latest word on it."""
        return self.decisions[-1] if self.decisions else None

    def by(self, user: User) -> ApprovalDecision | None:
        """What this user's person decided."""
        return next((decision for decision in self.decisions if decision.person_id == user.person_id), None)


def waiting_for(reader: User, *, now: datetime) -> QuerySet[ApprovalRequest]:
    """The requests this person could decide now; the decision itself checks it all again."""
    return _waiting(seen_by(reader), user=reader.pk, person=reader.person_id, now=now)


def _waiting(
    seen: QuerySet[ApprovalRequest], *, user: int | Given, person: int | Given | None, now: datetime | Given
) -> QuerySet[ApprovalRequest]:
    held = RoleGrant.objects.filter(user=user, revoked_at=None, granted_at__lt=OuterRef("created_at"))
    newest = ApprovalPolicy.objects.filter(act=OuterRef("act")).order_by("-version").values("approver_role")[:1]
    said = ApprovalDecision.objects.filter(request=OuterRef("pk"), person=person)
    return (
        seen.filter(status=ApprovalRequest.Status.PENDING, expires_at__gt=now)
        .exclude(requested_by__person=person)
        .exclude(subject_person=person, subject_person__isnull=False)
        .annotate(current_role=Subquery(newest))
        .filter(
            Exists(held.filter(role=OuterRef("policy__approver_role"))),
            Exists(held.filter(role=OuterRef("current_role"))),
            ~Exists(said),
        )
    )


# Every page counts them, and most readers serve the whole desk.
WAITING = Read(
    lambda: _waiting(
        ApprovalRequest.objects.only("pk"), user=Given("user"), person=Given("person"), now=Given("now")
    ).order_by()
)


def waiting_count(reader: User, *, now: datetime) -> int:
    """Count what waits for this person. One query."""
    if reader.is_scoped:
        return waiting_for(reader, now=now).count()
    return len(WAITING.rows(user=reader.pk, person=reader.person_id, now=now))


def counts(reader: User, *, now: datetime) -> Counts:
    """Count what is open. Two queries."""
    opened = seen_by(reader).filter(status__in=ApprovalRequest.OPEN)
    found = opened.aggregate(all=Count("pk"), mine=Count("pk", filter=Q(requested_by=reader)))
    return Counts(waiting_count(reader, now=now), found["mine"], found["all"])


def page(criteria: Criteria, *, now: datetime, size: int = PAGE_SIZE) -> Page:
    """Read one page of a tab. One query, whatever the number of rows."""
    found = with_names(_tab(criteria, now)).order_by("-pk")
    if criteria.before:
        found = found.filter(pk__lt=ApprovalRequest.objects.filter(ref=criteria.before).values("pk"))
    rows = list(found[: size + 1])
    approvals = [row.approvals for row in rows[:size]]
    return Page([*rows[:size]], rows[size - 1].ref if len(rows) > size else "", approvals)


def detail(ref: str, *, reader: User) -> Detail:
    """
    Read one request with its decisions. Three queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    request: ApprovalRequest | None = with_names(seen_by(reader).filter(ref=ref)).first()
    if request is None:
        raise NotFound
    current = ApprovalPolicy.objects.filter(act=request.act).order_by("-version")[0]
    decisions = ApprovalDecision.objects.filter(request=request).select_related("decided_by__person").order_by("pk")
    return Detail(request, current, list(decisions))


def deciders(detail: Detail) -> list[User]:
    """
    List who could still decide a request: active people who have held the role since before it was made. One query.

    Neither the proposer's person nor the person concerned, and nobody twice.
    """
    request = detail.request
    users = User.objects.filter(status=User.Status.ACTIVE, kind=User.Kind.HUMAN).select_related("person")
    held = RoleGrant.objects.filter(user=OuterRef("pk"), revoked_at=None, granted_at__lt=request.created_at)
    for role in {request.policy.approver_role, detail.current.approver_role}:
        users = users.filter(Exists(held.filter(role=role)))
    out = {request.requested_by.person_id, request.subject_person_id, *(said.person_id for said in detail.decisions)}
    found = users.exclude(person__in=[person for person in out if person is not None]).order_by("username")
    outside = not_serving(found, request.subject_counterparty_id)
    return [user for user in found if user.pk not in outside]


def open_about(subject_ref: str, *, act: str = "") -> list[ApprovalRequest]:
    """List the open requests about a target. One query."""
    found = ApprovalRequest.objects.filter(subject_ref=subject_ref, status__in=ApprovalRequest.OPEN)
    found = found.filter(act=act) if act else found
    return list(with_names(found).order_by("-pk"))


def is_known(proposer: User, key: str) -> bool:
    """Whether this person proposed something under this key already. One query."""
    return ApprovalRequest.objects.filter(requested_by=proposer, idempotency_key=key).exists()


def may_propose(user: User, names: Sequence[str]) -> set[str]:
    """Which of these acts the user's roles let them propose. Two queries."""
    newest = ApprovalPolicy.objects.filter(act__in=names).order_by("act", "-version").distinct("act")
    roles = set(RoleGrant.objects.filter(user=user, revoked_at=None).values_list("role", flat=True))
    return {policy.act for policy in newest if roles & set(policy.proposer_roles)}


def policies() -> list[ApprovalPolicy]:
    """List the newest policy of each act, and the ref of an open proposal to change it. One query."""
    pending = ApprovalRequest.objects.filter(
        act="policy.change", subject_ref=OuterRef("act"), status__in=ApprovalRequest.OPEN
    ).values("ref")[:1]
    newest = ApprovalPolicy.objects.order_by("act", "-version").distinct("act")
    return list(newest.annotate(pending=Coalesce(Subquery(pending), Value(""))))


def versions(act: str) -> list[ApprovalPolicy]:
    """
    List all policies of an act, newest first. One query.

    :raises NotFound: it has none.
    """
    found = list(ApprovalPolicy.objects.filter(act=act).order_by("-version"))
    if not found:
        raise NotFound
    return found


def with_names(requests: QuerySet[ApprovalRequest]) -> QuerySet[Any]:
    """With the people concerned, the policy, how many approved, and the name people know the target by."""
    username = User.objects.filter(ref=OuterRef("subject_ref")).values("username")[:1]
    party = Counterparty.objects.filter(ref=OuterRef("subject_ref")).values("name")[:1]
    approving = Q(decisions__verdict=ApprovalDecision.Verdict.APPROVE)
    related = ("policy", "requested_by__person", "nominee", "closed_by", "subject_person")
    return requests.select_related(*related).annotate(
        subject_name=Coalesce(Subquery(username), Subquery(party), F("subject_ref")),
        approvals=Count("decisions", filter=approving),
    )


def _tab(criteria: Criteria, now: datetime) -> QuerySet[ApprovalRequest]:
    seen = seen_by(criteria.reader)
    opened = seen.filter(status__in=ApprovalRequest.OPEN)
    if criteria.tab == "waiting":
        return waiting_for(criteria.reader, now=now)
    if criteria.tab == "mine":
        return opened.filter(requested_by=criteria.reader)
    if criteria.tab == "open":
        return opened
    return seen.exclude(status__in=ApprovalRequest.OPEN)


def seen_by(reader: User) -> QuerySet[ApprovalRequest]:
    """The requests the reader may see: about the desk itself, or a counterparty they serve."""
    return ApprovalRequest.objects.filter(within_or_nobodys(reader, "subject_counterparty"))
