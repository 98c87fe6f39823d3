"""Losing a second factor: two people let somebody start over; nobody else takes one away."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from tests import factories
from tests.concurrency.threads import at_once
from tests.console import scene
from tests.console.codes import code
from tests.factories import decide, propose
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand, suspend
from trading.lib import clock
from users import errors, operations
from users.models import AuditEvent, RecoveryCode, RecoveryDevice, Role, TotpDevice, User
from users.operations import devices
from users.own_acts.base import WrongState
from users.own_acts.devices import NothingToReset


@pytest.fixture
def adele(db: None) -> User:
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    return user


def test_two_people_take_a_lost_factor_away(adele: User) -> None:
    codes = devices.new_recovery_codes(adele)
    tokens = operations.issue_tokens(user=adele, address=None, now=clock.now())

    request = factories.carry("device.reset", adele.ref)

    assert not TotpDevice.objects.filter(user=adele).exists()
    assert not RecoveryDevice.objects.filter(user=adele).exists()
    with pytest.raises(errors.NoDevice):
        operations.use_recovery_code(user=adele, code=codes[0], now=clock.now())
    tokens.family.refresh_from_db()
    assert tokens.family.ended_at is not None
    event = AuditEvent.objects.get(name="device.reset")
    assert (event.subject_ref, event.secondary_approver) == (adele.ref, factories.founders()[1])
    assert event.after["request"] == request.ref
    assert operations.start_enrolment(user=adele, now=clock.now()).confirmed is False


def test_what_cannot_be_reset_is_refused(adele: User) -> None:
    with pytest.raises(NothingToReset):
        propose("device.reset", factories.user("ops").ref)
    suspend(adele)
    with pytest.raises(WrongState):
        propose("device.reset", adele.ref)


def test_a_factor_set_up_anew_meanwhile_supersedes(adele: User, owner: Any) -> None:
    request = propose("device.reset", adele.ref)
    owner.execute("alter table users_totpdevice disable trigger user")
    owner.execute("delete from users_totpdevice")
    owner.execute("alter table users_totpdevice enable trigger user")
    scene.authenticator(adele)

    with pytest.raises(errors.Superseded):
        decide(request)
    assert TotpDevice.objects.filter(user=adele, confirmed=True).exists()


def test_a_code_at_the_moment_of_the_reset_passes_before_it_or_not_at_all(adele: User) -> None:
    request = propose("device.reset", adele.ref)
    token = code(scene.TOTP_KEY)

    outcomes = at_once([
        lambda: operations.verify_otp(user=adele, token=token, now=clock.now()),
        lambda: decide(request),
    ])  # fmt: skip

    assert not isinstance(outcomes[1], Exception)
    assert isinstance(outcomes[0], TotpDevice | errors.NoDevice | errors.ReusedCode)
    assert not TotpDevice.objects.filter(user=adele).exists()


# --- in the database -------------------------------------------------------------------------


def test_nobody_takes_a_factor_away_past_a_request(adele: User, owner: Any) -> None:
    request = propose("device.reset", adele.ref)
    approver = factories.founders()[1]

    for statement, because in (
        ("delete from users_totpdevice", "DC71"),
        ("update users_totpdevice set confirmed = false", "DC71"),
        ("update users_totpdevice set secret = 'mine'", "DC72"),
        ("update users_totpdevice set user_id = user_id + 1", "DC71"),
    ):
        with refused(because):
            sql(statement)
    with refused("DC45"):
        execute_by_hand(request, approver)


def test_recovery_codes_are_long_and_kept_under_a_keyed_hash(adele: User) -> None:
    codes = devices.new_recovery_codes(adele)

    assert len(set(codes)) == 10
    assert all(len(one) == 19 for one in codes)
    stored = " ".join(RecoveryCode.objects.values_list("hashed", flat=True))
    assert not any(one in stored or one.replace("-", "") in stored for one in codes)
    spelled = codes[0].lower().replace("-", " ")
    assert operations.use_recovery_code(user=adele, code=spelled, now=clock.now())


def test_codes_from_before_the_keyed_hash_still_pass_once(adele: User) -> None:
    devices.new_recovery_codes(adele)
    first = RecoveryCode.objects.order_by("pk")[0]
    RecoveryCode.objects.filter(pk=first.pk).update(hashed=make_password("a1b2c3-d4e5f6"))

    assert operations.use_recovery_code(user=adele, code="A1B2C3-D4E5F6", now=clock.now())
    with pytest.raises(errors.WrongRecoveryCode):
        operations.use_recovery_code(user=adele, code="a1b2c3-d4e5f6", now=clock.now())
