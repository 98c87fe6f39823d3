"""Reads about onboarding: which checks somebody needs, and how each stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.db.models.functions import TruncDate

from trading.lib.clock import DatabaseClock
from users.models import Counterparty, OnboardingCheck, User

Kind, Result = OnboardingCheck.Kind, OnboardingCheck.Result
OF_PEOPLE = (Kind.IDENTITY, Kind.MANDATE, Kind.SCREENING)
OF_SERVICES = (Kind.MANDATE,)
OF_COUNTERPARTIES = (Kind.REGISTRATION, Kind.OWNERSHIP, Kind.SCREENING)
MISSING, EXPIRED = "missing", "expired"


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing that must have been checked: about whom, what, the latest look at it, and how it stands."""

    subject: User | Counterparty
    kind: OnboardingCheck.Kind
    check: OnboardingCheck | None
    state: str

    @property
    def is_passed(self) -> bool:
        """Whether nothing is in the way."""
        return self.state == Result.PASSED

    @property
    def about(self) -> str:
        """Whose check it is, as people know them."""
        return self.subject.username if isinstance(self.subject, User) else self.subject.name


def of_user(user: User) -> list[Standing]:
    """What must be checked about a login, and how it stands. One query."""
    kinds = OF_SERVICES if user.kind == User.Kind.SERVICE else OF_PEOPLE
    return _standing(user, kinds, OnboardingCheck.objects.filter(user=user))


def of_counterparty(counterparty: Counterparty) -> list[Standing]:
    """What must be checked about a legal entity, and how it stands. One query."""
    return _standing(counterparty, OF_COUNTERPARTIES, OnboardingCheck.objects.filter(counterparty=counterparty))


def needed_for(user: User) -> list[Standing]:
    """Everything that must be passed before this login is let in: its own and its counterparty's. Two queries."""
    found = of_user(user)
    return found + of_counterparty(user.counterparty) if user.counterparty else found


def history(*, user: User | None = None, counterparty: Counterparty | None = None) -> list[OnboardingCheck]:
    """List every look ever recorded about one subject, newest first. One query."""
    about = Q(user=user) if user else Q(counterparty=counterparty)
    return list(OnboardingCheck.objects.filter(about).select_related("recorded_by").order_by("-pk"))


def _standing(
    subject: User | Counterparty, kinds: Iterable[OnboardingCheck.Kind], checks: QuerySet[OnboardingCheck]
) -> list[Standing]:
    latest = checks.order_by("kind", "-pk").distinct("kind").select_related("recorded_by")
    found = {check.kind: check for check in latest.annotate(today=TruncDate(DatabaseClock()))}
    return [Standing(subject, kind, found.get(kind), _state(found.get(kind))) for kind in kinds]


def _state(check: OnboardingCheck | None) -> str:
    if check is None:
        return MISSING
    today = check.today  # type: ignore[attr-defined]  # annotated by `_standing`
    if check.result == Result.PASSED and check.valid_until is not None and check.valid_until < today:
        return EXPIRED
    return check.result
