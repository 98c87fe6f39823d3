"""Recording what was checked about somebody before they are let in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid
from trading.lib.operations import operation
from users import audit, capabilities, policies
from users.errors import AboutYourself
from users.models import Counterparty, OnboardingCheck, User
from users.operations.scopes import require_served
from users.queries.onboarding import OF_COUNTERPARTIES, OF_PEOPLE, OF_SERVICES


class WrongCheck(Invalid):
    """Nothing of this kind is checked about such a subject."""

    code = "wrong_check"
    text = _("{kind} is not checked about {subject}. Choose one of: {known}.")


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that somebody looked at: what, what came of it, where the evidence is, and until when it holds."""

    kind: str
    result: str
    evidence: str
    valid_until: date | None = None


@operation
def record_checks(
    *, subject: User | Counterparty, looks: Sequence[Look], actor: User, now: datetime
) -> list[OnboardingCheck]:
    """
    Note what was looked at about a login or a legal entity. Evidence, not a decision: others decide.

    :raises MissingCapability: the actor lacks `onboarding.record`.
    :raises AboutYourself: the login is of the actor's own person.
    :raises WrongCheck: such a thing is not checked about this subject.
    :raises MeaninglessReason: the evidence says too little.
    """
    capabilities.require(actor, "onboarding.record")
    user = subject if isinstance(subject, User) else None
    if user is not None and user.person_id is not None and user.person_id == actor.person_id:
        raise AboutYourself
    require_served(actor, subject.counterparty_id if isinstance(subject, User) else subject.pk)
    known = _kinds(subject)
    rows = []
    for look in looks:
        if look.kind not in known or look.result not in OnboardingCheck.Result.values:
            raise WrongCheck(kind=look.kind, subject=subject, known=", ".join(known))
        rows.append(
            OnboardingCheck(
                user=user,
                counterparty=subject if isinstance(subject, Counterparty) else None,
                kind=look.kind,
                result=look.result,
                evidence=policies.require_meaningful(look.evidence),
                valid_until=look.valid_until,
                recorded_by=actor,
                recorded_at=now,
            )
        )
    made = OnboardingCheck.objects.bulk_create(rows)
    after = {row.kind: {"result": row.result, "evidence": row.evidence, "valid_until": _day(row)} for row in made}
    change = audit.Change(after=after, capability="onboarding.record")
    audit.record("onboarding.recorded", actor=actor, subject=subject, at=now, change=change)
    return made


def _kinds(subject: User | Counterparty) -> tuple[str, ...]:
    if isinstance(subject, Counterparty):
        return OF_COUNTERPARTIES
    return OF_SERVICES if subject.kind == User.Kind.SERVICE else OF_PEOPLE


def _day(check: OnboardingCheck) -> str | None:
    return check.valid_until.isoformat() if check.valid_until else None
