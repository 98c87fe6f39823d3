"""One-time codes and recovery codes: once, also in parallel; slower after wrong ones; secret at rest."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.test import override_settings
from django_otp.models import Device
from django_otp.oath import totp

from tests import factories
from tests.concurrency.threads import at_once
from tests.probes import sql
from trading.lib import clock
from trading.lib.errors import DeskError
from users import operations
from users.errors import AlreadyEnrolled, NoDevice, ReusedCode, TooManyCodes, WrongCode, WrongRecoveryCode
from users.models import AuditEvent, RecoveryCode, RecoveryDevice, TotpDevice, User

BEFORE, NOW, NEXT = -1, 0, 1


@pytest.fixture(autouse=True)
def fast_hashes() -> Iterator[None]:
    """Recovery codes are hashed ten at a time: the slow hash is not what is tested here."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops")


def code(device: TotpDevice, step: int = NOW) -> str:
    """The code the app shows now, showed before, or shows next."""
    return f"{totp(device.key, drift=step):06d}"


def wrong(device: TotpDevice) -> str:
    right = {code(device, step) for step in range(-3, 4)}
    return next(f"{number:06d}" for number in range(100) if f"{number:06d}" not in right)


def enrolled(user: User) -> tuple[TotpDevice, list[str]]:
    device = operations.start_enrolment(user=user, now=clock.now())
    return device, operations.confirm_enrolment(device=device, token=code(device, BEFORE), now=clock.now())


def verify(user: User, token: str) -> Device:
    return operations.verify_otp(user=user, token=token, now=clock.now())


# --- enrolment -------------------------------------------------------------------------------


def test_enrolment_is_confirmed_by_the_first_code(olga: User) -> None:
    device, codes = enrolled(olga)

    assert TotpDevice.objects.get() == device
    assert device.confirmed
    assert len(set(codes)) == 10
    assert AuditEvent.objects.filter(name="device.confirmed", actor=olga).count() == 1


def test_enrolment_begun_twice_keeps_its_secret(olga: User) -> None:
    first = operations.start_enrolment(user=olga, now=clock.now())
    again = operations.start_enrolment(user=olga, now=clock.now())

    assert again == first
    assert again.key == first.key


def test_wrong_code_confirms_nothing(olga: User) -> None:
    device = operations.start_enrolment(user=olga, now=clock.now())

    with pytest.raises(WrongCode):
        operations.confirm_enrolment(device=device, token=wrong(device), now=clock.now())
    assert not TotpDevice.objects.get().confirmed
    assert not RecoveryCode.objects.exists()


def test_second_enrolment_is_refused(olga: User) -> None:
    device, _ = enrolled(olga)

    with pytest.raises(AlreadyEnrolled):
        operations.start_enrolment(user=olga, now=clock.now())
    with pytest.raises(AlreadyEnrolled):
        operations.confirm_enrolment(device=device, token=code(device), now=clock.now())


# --- codes -----------------------------------------------------------------------------------


def test_right_code_passes_once(olga: User) -> None:
    device, _ = enrolled(olga)

    assert verify(olga, code(device)) == device
    with pytest.raises(ReusedCode):
        verify(olga, code(device))


def test_code_of_an_earlier_step_than_the_last_used_is_refused(olga: User) -> None:
    device, _ = enrolled(olga)
    verify(olga, code(device, NEXT))

    with pytest.raises(ReusedCode):
        verify(olga, code(device, NOW))


def test_code_that_confirmed_the_enrolment_is_used_up(olga: User) -> None:
    device = operations.start_enrolment(user=olga, now=clock.now())
    token = code(device)
    operations.confirm_enrolment(device=device, token=token, now=clock.now())

    with pytest.raises(ReusedCode):
        verify(olga, token)


def test_wrong_code_does_not_make_a_used_one_good_again(olga: User) -> None:
    device, _ = enrolled(olga)
    stale = TotpDevice.objects.get()
    verify(olga, code(device))

    stale.throttle_increment()
    stale.throttle_reset()

    with pytest.raises(ReusedCode):
        verify(olga, code(device))


def test_what_is_no_code_belongs_to_no_step(olga: User) -> None:
    device = operations.start_enrolment(user=olga, now=clock.now())

    for token in ("", "12345", "1234567", "abcdef", "12 456", "-12345", "1²3456", "0x1234"):
        assert device.step_of(token) is None, token


def test_unconfirmed_device_never_passes(olga: User) -> None:
    device = operations.start_enrolment(user=olga, now=clock.now())

    with pytest.raises(NoDevice):
        verify(olga, code(device))
    assert device.verify_token(code(device)) is False


def test_same_code_in_eight_requests_passes_once(olga: User) -> None:
    device, _ = enrolled(olga)

    outcomes = at_once([partial(verify, olga, code(device))] * 8)

    assert len([outcome for outcome in outcomes if isinstance(outcome, TotpDevice)]) == 1
    assert {type(outcome) for outcome in outcomes} == {TotpDevice, ReusedCode}


def test_wrong_codes_make_one_wait(olga: User) -> None:
    device, _ = enrolled(olga)
    with pytest.raises(WrongCode):
        verify(olga, wrong(device))

    with pytest.raises(TooManyCodes) as refusal:
        verify(olga, code(device))
    assert refusal.value.facts["seconds"] == 1


def test_the_wait_doubles_and_ends(olga: User) -> None:
    device, _ = enrolled(olga)
    for _ in range(3):
        device.throttle_increment()
    with pytest.raises(TooManyCodes) as refusal:
        verify(olga, code(device))
    assert 3 <= refusal.value.facts["seconds"] <= 4  # type: ignore[operator]

    TotpDevice.objects.update(throttling_failure_timestamp=clock.now() - timedelta(seconds=4))
    assert verify(olga, code(device)) == device
    assert TotpDevice.objects.get().throttling_failure_count == 0


def test_parallel_guesses_all_count(olga: User) -> None:
    device, _ = enrolled(olga)

    outcomes = at_once([partial(verify, olga, wrong(device))] * 8)

    guessed = [outcome for outcome in outcomes if isinstance(outcome, WrongCode)]
    assert {type(outcome) for outcome in outcomes} <= {WrongCode, TooManyCodes}
    assert TotpDevice.objects.get().throttling_failure_count == len(guessed)


# --- recovery codes --------------------------------------------------------------------------


def recover(user: User, given: str) -> Device:
    return operations.use_recovery_code(user=user, code=given, now=clock.now())


def test_recovery_code_passes_once_and_is_audited(olga: User) -> None:
    _, codes = enrolled(olga)

    assert recover(olga, f"  {codes[3].upper()} ") == RecoveryDevice.objects.get()
    with pytest.raises(WrongRecoveryCode):
        recover(olga, codes[3])
    assert AuditEvent.objects.filter(name="device.recovery_code_used", actor=olga).count() == 1


def test_recovery_code_of_somebody_else_does_not_pass(olga: User) -> None:
    enrolled(olga)
    _, codes = enrolled(factories.user("ops"))

    with pytest.raises(WrongRecoveryCode):
        recover(olga, codes[0])


def test_same_recovery_code_in_parallel_passes_once(olga: User) -> None:
    _, codes = enrolled(olga)

    outcomes: list[Device | Exception] = at_once([partial(recover, olga, codes[0])] * 4)

    assert len([outcome for outcome in outcomes if isinstance(outcome, RecoveryDevice)]) == 1
    assert all(isinstance(outcome, RecoveryDevice | DeskError) for outcome in outcomes)


def test_wrong_recovery_codes_make_one_wait(olga: User) -> None:
    _, codes = enrolled(olga)
    with pytest.raises(WrongRecoveryCode):
        recover(olga, "000000-000000")

    with pytest.raises(TooManyCodes):
        recover(olga, codes[0])


@pytest.mark.parametrize("use", [verify, recover])
def test_without_a_device_there_is_nothing_to_verify(olga: User, use: Callable[[User, str], Device]) -> None:
    with pytest.raises(NoDevice):
        use(olga, "123456")


# --- at rest ---------------------------------------------------------------------------------


def test_secrets_are_not_in_the_tables(olga: User) -> None:
    device, codes = enrolled(olga)

    stored = "".join(
        str(sql(f"select coalesce(string_agg(t::text, ' '), '') from {table} as t"))  # noqa: S608
        for table in ("users_totpdevice", "users_recoverydevice", "users_recoverycode", "users_auditevent")
    )
    secret = bytes(sql("select secret from users_totpdevice"))

    assert device.key.hex() not in stored
    assert device.key not in secret
    assert len(device.key) == 20
    assert not [given for given in codes if given in stored]
