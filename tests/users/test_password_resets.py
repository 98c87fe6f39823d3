"""A forgotten password: two take it away, the code is collected once and used once, the second factor stays."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.exceptions import ValidationError

from tests import factories
from tests.concurrency.threads import at_once
from tests.console import scene
from tests.probes import refused
from tests.users.test_sessions import session
from trading.lib import clock
from trading.lib.errors import NotFound
from users import operations
from users.models import ApprovalRequest, AuditEvent, PasswordReset, Role, Session, User
from users.operations.passwords import CodeNotCollectable, NotYourReset, WrongResetCode
from users.operations.signing_in import WrongPassword
from users.own_acts.base import WrongState
from users.own_acts.passwords import NoPassword

NEW = "a quite different horse 47"
ACT = "password.reset"


@pytest.fixture
def olga(db: None) -> User:
    return scene.person("olga", Role.OPS)


def reset(user: User) -> PasswordReset:
    request = factories.carry(ACT, user.ref)
    return PasswordReset.objects.select_related("request__requested_by").get(request=request)


def collect(made: PasswordReset, by: User | None = None) -> str:
    actor = by or made.request.requested_by
    return operations.collect_reset(reset_ref=made.ref, actor=actor, now=clock.now())


def set_(code: str, password: str = NEW) -> User:
    return operations.set_new_password(code=code, password=password, now=clock.now())


def sign_in(password: str) -> User:
    return operations.check_password(username="olga", password=password, address=None, now=clock.now())


def events(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(name=name).order_by("pk"))


# --- taking it away --------------------------------------------------------------------------


def test_what_two_decided_takes_the_password_and_the_sessions_and_nothing_else(olga: User) -> None:
    device = scene.authenticator(olga)
    session(olga)

    made = reset(olga)

    assert not User.objects.get(pk=olga.pk).has_usable_password()
    assert not Session.objects.exists()
    device.refresh_from_db()
    assert device.confirmed
    with pytest.raises(WrongPassword):
        sign_in(scene.PASSWORD)
    (event,) = events("password.reset")
    assert (event.subject_ref, event.after["reset"]) == (olga.ref, made.ref)
    assert event.secondary_approver == factories.founders()[1]


def test_a_proposal_alone_changes_nothing(olga: User) -> None:
    factories.propose(ACT, olga.ref)

    assert sign_in(scene.PASSWORD) == olga
    assert not PasswordReset.objects.exists()


def test_only_active_people_of_the_desk_have_one(olga: User) -> None:
    trader, service = factories.user("trader"), factories.user("service")
    for user in (trader, service):
        with pytest.raises(NoPassword):
            factories.propose(ACT, user.ref)
    operations.suspend_user(user=olga, actor=None, reason=factories.REASON, now=clock.now())
    with pytest.raises(WrongState):
        factories.propose(ACT, olga.ref)


# --- the code --------------------------------------------------------------------------------


def test_its_proposer_collects_the_code_once_and_the_person_sets_a_password_once(olga: User) -> None:
    made = reset(olga)
    code = collect(made)

    with pytest.raises(CodeNotCollectable):
        collect(made)
    assert set_(code) == olga
    with pytest.raises(WrongResetCode):
        set_(code, "yet another horse 48")
    assert sign_in(NEW) == olga
    assert len(events("password.reset_collected")) == len(events("password.set")) == 1
    secret = code.rpartition("-")[2]
    assert secret not in f"{list(PasswordReset.objects.values())} {list(AuditEvent.objects.values())}"


def test_nobody_else_collects_it(olga: User) -> None:
    made = reset(olga)

    for other in (factories.founders()[1], olga):
        with pytest.raises(NotYourReset):
            collect(made, other)
    with pytest.raises(NotFound):
        operations.collect_reset(reset_ref="PWR-NONE", actor=olga, now=clock.now())


def test_a_weak_password_costs_no_code(olga: User) -> None:
    code = collect(reset(olga))

    with pytest.raises(ValidationError):
        set_(code, "short")
    assert set_(f"  {code}\n") == olga


@pytest.mark.parametrize("code", ["", "-", "PWR-NONE-00", "x" * 200, "{ref}-", "{ref}-00ff", "{ref}"])
def test_what_is_not_the_code_opens_nothing(olga: User, code: str) -> None:
    made = reset(olga)
    collect(made)

    with pytest.raises(WrongResetCode):
        set_(code.format(ref=made.ref))
    assert not User.objects.get(pk=olga.pk).has_usable_password()


def test_before_it_is_collected_no_code_fits(olga: User) -> None:
    made = reset(olga)

    with pytest.raises(WrongResetCode):
        set_(f"{made.ref}-")


def test_after_a_day_it_is_too_late(olga: User) -> None:
    first = reset(olga)
    late = clock.now() + timedelta(days=1, seconds=5)
    with pytest.raises(CodeNotCollectable):
        operations.collect_reset(reset_ref=first.ref, actor=first.request.requested_by, now=late)

    code = collect(first)
    with pytest.raises(WrongResetCode):
        operations.set_new_password(code=code, password=NEW, now=late)


def test_a_newer_reset_takes_the_place_of_an_older_one(olga: User) -> None:
    old, waiting = collect(reset(olga)), reset(olga)
    newest = reset(olga)

    with pytest.raises(WrongResetCode):
        set_(old)
    with pytest.raises(CodeNotCollectable):
        collect(waiting)
    assert set_(collect(newest)) == olga


def test_whoever_was_suspended_meanwhile_sets_no_password(olga: User) -> None:
    code = collect(reset(olga))
    operations.suspend_user(user=olga, actor=None, reason=factories.REASON, now=clock.now())

    with pytest.raises(WrongResetCode):
        set_(code)


def test_at_once_it_is_collected_once_and_used_once(olga: User) -> None:
    made = reset(olga)

    collected = at_once([partial(collect, made)] * 4)
    codes = [outcome for outcome in collected if isinstance(outcome, str)]
    used = at_once([partial(set_, codes[0])] * 4)

    assert len(codes) == 1
    assert len([outcome for outcome in used if isinstance(outcome, User)]) == 1
    assert len(events("password.set")) == 1


# --- the database ----------------------------------------------------------------------------


def test_no_reset_is_made_without_two(olga: User) -> None:
    request = ApprovalRequest.objects.order_by("-pk")[0]
    now = clock.now()

    with refused("DC96"):
        PasswordReset.objects.create(user=olga, request=request, created_at=now, expires_at=now)


def test_whose_password_was_taken_gets_none_past_the_code(olga: User) -> None:
    reset(olga)

    with refused("DC99"):
        User.objects.filter(pk=olga.pk).update(password="argon2$planted")
        AuditEvent.objects.create(name="password.set", at=clock.now(), subject_type="user", subject_ref=olga.ref)
    assert not User.objects.get(pk=olga.pk).has_usable_password()


@pytest.mark.parametrize(
    "change",
    [{"used_at": None}, {"secret_hash": b"x" * 32}, {"collected_at": None, "secret_hash": None, "used_at": None}],
)
def test_a_used_code_stays_used(olga: User, change: dict[str, object]) -> None:
    made = reset(olga)
    set_(collect(made))

    with refused("DC97"):
        PasswordReset.objects.filter(pk=made.pk).update(**change)


def test_a_collected_code_is_not_exchanged(olga: User) -> None:
    made = reset(olga)
    collect(made)

    with refused("DC97"):
        PasswordReset.objects.filter(pk=made.pk).update(secret_hash=b"x" * 32)


def test_a_reset_never_lives_longer_and_never_goes(olga: User) -> None:
    made = reset(olga)

    with refused("may only change"):
        PasswordReset.objects.filter(pk=made.pk).update(expires_at=clock.now() + timedelta(days=9))
    with refused("never changed or removed"):
        PasswordReset.objects.filter(pk=made.pk).delete()
