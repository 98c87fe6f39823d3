"""Wrong passwords lock out by name and address, and briefly by name; nobody keeps others out for long with it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher
from django.test import override_settings

from tests import factories
from tests.concurrency.threads import at_once
from tests.console import scene
from tests.console.scene import PASSWORD
from trading.lib import clock
from users import operations
from users.errors import WrongCode
from users.models import AuditEvent, Role, SignInAttempts, TotpDevice, User
from users.operations import signing_in
from users.operations.signing_in import COOL_OFF, KNOWN_FOR, LIMITS, WINDOW, LockedOut, Scope, WrongPassword

HOME, CAFE = "192.0.2.7", "198.51.100.9"
FEW, MANY = LIMITS[Scope.ADDRESS], LIMITS[Scope.NAME]


@pytest.fixture(autouse=True)
def fast_hashes(request: pytest.FixtureRequest) -> Iterator[None]:
    """The slow hash is not what is tested here."""
    if "rehash" in request.node.name:
        yield
        return
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def olga(db: None) -> User:
    return scene.person("olga", Role.OPS)


def try_(password: str = "wrong", *, name: str = "olga", at: str | None = HOME, now: datetime | None = None) -> User:
    return operations.check_password(username=name, password=password, address=at, now=now or clock.now())


def fail(times: int, **where: object) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            try_(**where)  # type: ignore[arg-type]


def fail_from_everywhere(times: int) -> None:
    """As somebody does who has many addresses."""
    for number in range(times):
        fail(1, at=f"203.0.113.{number}")


def locked_out() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(name="sign_in.locked_out").order_by("pk"))


# --- name and address ------------------------------------------------------------------------


def test_few_wrong_passwords_close_the_door_of_that_address_even_to_the_right_one(olga: User) -> None:
    fail(FEW)

    with pytest.raises(LockedOut) as refusal:
        try_(PASSWORD)
    left = refusal.value.until - clock.now()
    assert timedelta(0) < left <= COOL_OFF[Scope.ADDRESS]
    assert f"{refusal.value.until:%Y-%m-%d %H:%M:%S} UTC" in refusal.value.sentence


def test_other_addresses_and_other_people_are_not_kept_out(olga: User) -> None:
    fail(FEW)

    assert try_(PASSWORD, at=CAFE) == olga
    with pytest.raises(WrongPassword):
        try_(name="someone")


def test_the_lock_ends_when_it_says_and_counting_begins_anew(olga: User) -> None:
    fail(FEW)
    with pytest.raises(LockedOut) as refusal:
        try_()

    end = refusal.value.until
    with pytest.raises(LockedOut):
        try_(PASSWORD, now=end - timedelta(seconds=1))
    fail(1, now=end)
    assert try_(PASSWORD, now=end) == olga


def test_trying_while_locked_out_does_not_prolong_it(olga: User) -> None:
    fail(FEW)
    with pytest.raises(LockedOut) as first:
        try_()
    with pytest.raises(LockedOut) as again:
        try_(now=clock.now() + timedelta(minutes=10))

    assert again.value.until == first.value.until


def test_a_right_password_forgets_the_wrong_ones(olga: User) -> None:
    fail(FEW - 1)
    assert try_(PASSWORD) == olga  # the last one that is looked at

    fail(FEW - 1)
    assert try_(PASSWORD) == olga
    assert locked_out() == []


def test_wrong_passwords_far_apart_are_not_counted_together(olga: User) -> None:
    fail(FEW - 1)

    later = clock.now() + WINDOW + timedelta(seconds=1)
    fail(FEW - 1, now=later)
    assert try_(PASSWORD, now=later) == olga


def test_case_and_blanks_of_the_name_open_no_second_count(olga: User) -> None:
    fail(FEW - 1)
    fail(1, name="OLGA ")

    with pytest.raises(LockedOut):
        try_(PASSWORD)


def test_a_network_of_ipv6_counts_as_one_address(olga: User) -> None:
    for number in range(FEW):
        fail(1, at=f"2001:db8:1:2::{number:x}")

    with pytest.raises(LockedOut):
        try_(PASSWORD, at="2001:db8:1:2:ffff::1")
    assert try_(PASSWORD, at="2001:db8:1:3::1") == olga


def test_an_unknown_address_is_counted_too(olga: User) -> None:
    fail(FEW, at=None)

    with pytest.raises(LockedOut):
        try_(PASSWORD, at=None)
    assert try_(PASSWORD) == olga


def test_guesses_at_once_get_no_more_answers_than_one_after_another(olga: User) -> None:
    outcomes = at_once([try_] * (2 * FEW))

    answered = [outcome for outcome in outcomes if isinstance(outcome, WrongPassword)]
    assert len(answered) == FEW
    assert {type(outcome) for outcome in outcomes} == {WrongPassword, LockedOut}
    assert len(locked_out()) == 1


# --- name alone ------------------------------------------------------------------------------


def test_many_wrong_passwords_from_everywhere_slow_the_name_down_for_a_minute(olga: User) -> None:
    fail_from_everywhere(MANY)

    with pytest.raises(LockedOut) as refusal:
        try_(PASSWORD)
    assert refusal.value.until - clock.now() <= timedelta(minutes=1)
    assert try_(PASSWORD, now=refusal.value.until) == olga


def test_who_signed_in_from_an_address_lately_does_not_feel_it(olga: User) -> None:
    operations.record_sign_in(user=olga, method="totpdevice", address=HOME, browser="", now=clock.now())
    fail_from_everywhere(MANY)

    with pytest.raises(LockedOut):
        try_(PASSWORD, at=CAFE)
    assert try_(PASSWORD) == olga


def test_a_known_address_is_still_locked_by_its_own_failures(olga: User) -> None:
    operations.record_sign_in(user=olga, method="totpdevice", address=HOME, browser="", now=clock.now())
    fail(FEW)

    with pytest.raises(LockedOut):
        try_(PASSWORD)


def test_failing_from_a_known_address_does_not_open_the_name_to_others(olga: User) -> None:
    operations.record_sign_in(user=olga, method="totpdevice", address=HOME, browser="", now=clock.now())
    fail_from_everywhere(MANY)
    fail(1)

    with pytest.raises(LockedOut):
        try_(PASSWORD, at=CAFE)


def test_an_address_is_not_known_for_ever(olga: User) -> None:
    long_ago = clock.now() - KNOWN_FOR
    operations.record_sign_in(user=olga, method="totpdevice", address=HOME, browser="", now=long_ago)
    fail_from_everywhere(MANY)

    with pytest.raises(LockedOut):
        try_(PASSWORD)


# --- what it tells ---------------------------------------------------------------------------


def test_a_lock_out_is_recorded_once_with_its_end(olga: User) -> None:
    fail(FEW)
    for _ in range(3):
        with pytest.raises(LockedOut):
            try_()

    (event,) = locked_out()
    assert (event.actor, event.subject_ref) == (None, olga.ref)
    assert set(event.after) == {"address"}
    assert datetime.fromisoformat(event.after["address"]) > clock.now()


def test_names_nobody_has_are_locked_out_alike_and_not_kept(db: None) -> None:
    factories.founders()
    fail(FEW, name="hunter2 typed in the wrong field")

    with pytest.raises(LockedOut):
        try_(name="hunter2 typed in the wrong field")
    (event,) = locked_out()
    assert event.subject_type == "nobody"
    everything = f"{list(SignInAttempts.objects.values())} {event.after} {event.subject_ref}"
    assert "hunter2" not in everything


def test_services_and_suspended_people_have_no_password_that_is_right(olga: User) -> None:
    operations.suspend_user(user=olga, actor=None, reason=factories.REASON, now=clock.now())

    with pytest.raises(WrongPassword):
        try_(PASSWORD)


def test_counts_that_matter_no_more_are_swept(olga: User) -> None:
    fail(1, now=clock.now() - KNOWN_FOR - timedelta(days=1))
    fail(1, at=CAFE)

    assert operations.sweep_attempts(now=clock.now()) == 1
    assert operations.sweep_attempts(now=clock.now()) == 0
    assert SignInAttempts.objects.count() == 2


# --- stronger hashes -------------------------------------------------------------------------


def test_rehash_at_the_next_sign_in_when_the_parameters_grew(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = olga.password
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 2)

    fail(1)
    assert User.objects.get(pk=olga.pk).password == before
    assert try_(PASSWORD) == olga
    after = User.objects.get(pk=olga.pk).password
    assert try_(PASSWORD) == olga

    assert "t=2" in after
    assert identify_hasher(after).verify(PASSWORD, after)
    assert User.objects.get(pk=olga.pk).password == after
    assert AuditEvent.objects.filter(name="password.rehashed", subject_ref=olga.ref).count() == 1


def test_rehash_leaves_a_password_that_was_changed_meanwhile(olga: User) -> None:
    meanwhile = User.objects.get(pk=olga.pk)
    signing_in._rehash(user=meanwhile, password=PASSWORD, now=clock.now())

    signing_in._rehash(user=olga, password=PASSWORD, now=clock.now())

    assert User.objects.get(pk=olga.pk).password == meanwhile.password
    assert AuditEvent.objects.filter(name="password.rehashed").count() == 1


# --- the second factor -----------------------------------------------------------------------


def test_wrong_codes_make_one_wait_at_most_a_quarter_of_an_hour_and_are_told(olga: User) -> None:
    operations.start_enrolment(user=olga, now=clock.now())
    TotpDevice.objects.update(confirmed=True)
    for _ in range(15):
        TotpDevice.objects.update(throttling_failure_timestamp=None)
        with pytest.raises(WrongCode):
            operations.verify_otp(user=olga, token="nocode", now=clock.now())

    _, details = TotpDevice.objects.get().verify_is_allowed()
    assert details["locked_until"] - clock.now() < timedelta(minutes=18)
    (event,) = locked_out()
    assert event.after == {"second_factor": "totpdevice", "wrong_codes": 5}


def test_wrong_codes_at_once_are_told_once(olga: User) -> None:
    operations.start_enrolment(user=olga, now=clock.now())
    TotpDevice.objects.update(confirmed=True, throttling_failure_count=4)

    at_once([partial(operations.verify_otp, user=olga, token="nocode", now=clock.now())] * 3)

    assert len(locked_out()) == 1
