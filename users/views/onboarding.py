"""Onboarding checks of a login or a legal entity: recording one, from the page that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from trading.lib import clock
from trading.lib.errors import Invalid
from users import access, capabilities, operations
from users.forms import CheckForm
from users.models import Counterparty, OnboardingCheck, User
from users.queries import onboarding as queries
from users.queries.onboarding import Standing

CAPABILITY = "onboarding.record"


@dataclass(frozen=True, slots=True)
class Onboarding:
    """What a page shows: each check that is needed and how it stands, everything recorded, and the form for ops."""

    standing: Sequence[Standing]
    history: Sequence[OnboardingCheck]
    form: CheckForm | None


def card(subject: User | Counterparty, actor: User, form: CheckForm | None = None) -> Onboarding:
    """How a subject's checks stand. Two queries."""
    if isinstance(subject, Counterparty):
        standing, history = queries.of_counterparty(subject), queries.history(counterparty=subject)
        is_other = True
    else:
        standing, history = queries.of_user(subject), queries.history(user=subject)
        is_other = subject.person_id is None or subject.person_id != actor.person_id
    if form is None and is_other and capabilities.holds(actor, CAPABILITY):
        form = CheckForm(kinds=[one.kind for one in standing])
    return Onboarding(standing, history, form)


def record(request: HttpRequest, subject: User | Counterparty) -> CheckForm | None:
    """
    Record what the form says; the form again when something is wrong with it.

    :raises AboutYourself: the login is of the reader's own person.
    """
    standing = queries.of_counterparty(subject) if isinstance(subject, Counterparty) else queries.of_user(subject)
    form = CheckForm(request.POST, kinds=[one.kind for one in standing])
    if not form.is_valid():
        return form
    try:
        operations.record_checks(subject=subject, looks=[form.look()], actor=access.actor(request), now=clock.now())
    except Invalid as error:
        form.add_error(None, error.sentence)
        return form
    messages.success(request, _("The check is recorded."))
    return None
