"""Passkeys: what passes, once and for what; what does not; who must use one; how one goes."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.concurrency.threads import at_once
from tests.console import scene
from tests.console.codes import code
from tests.factories import REASON
from tests.probes import refused, sql
from tests.users.authenticator import Authenticator, enrol, proof
from trading import checks
from trading.lib import clock
from users import operations
from users.errors import NoDevice, PasskeyNeeded, WrongCode
from users.models import (
    ApprovalRequest,
    AuditEvent,
    Passkey,
    PasskeyAttestation,
    PasskeyChallenge,
    Role,
    StepUp,
    TotpDevice,
    User,
)
from users.operations import passkeys
from users.operations.passkeys import ChallengeGone, LastPasskey, NoPasskey, PasskeyCopied, PasskeyRefused

SIGN_IN = passkeys.SIGN_IN


@pytest.fixture
def adele(db: None) -> User:
    """An approver with an authenticator app."""
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    return user


@pytest.fixture
def asked(adele: User) -> ApprovalRequest:
    """Somebody asks for a newcomer to be let in."""
    return factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])


def digest_of(request: ApprovalRequest) -> bytes:
    return bytes(request.digest)


def prove(user: User, answer: str, scope: str = SIGN_IN) -> Passkey:
    return passkeys.prove(user=user, scope=scope, answer=answer, now=clock.now())


def begin(user: User, **given: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"token": code(scene.TOTP_KEY), "answer": ""} | given
    return operations.begin_passkey(user=user, scope="passkeys:add", now=clock.now(), **wanted)


def add(user: User, answer: str) -> Passkey:
    return operations.add_passkey(user=user, answer=answer, name="phone", now=clock.now())


def decide(request: ApprovalRequest, by: User, step_up: StepUp) -> ApprovalRequest:
    return operations.decide(
        request_ref=request.ref,
        verdict="approve",
        reason=REASON,
        digest=digest_of(request),
        actor=by,
        proof=step_up,
        now=clock.now(),
    )


def test_a_fresh_code_adds_a_passkey_that_then_proves_who_one_is(adele: User) -> None:
    authenticator, passkey = enrol(adele)

    assert prove(adele, proof(authenticator, adele, SIGN_IN)) == passkey
    passkey.refresh_from_db()
    assert (passkey.name, passkey.sign_count) == ("phone", 1)
    assert passkey.last_used_at is not None
    assert PasskeyAttestation.objects.filter(credential=passkey).count() == 1
    event = AuditEvent.objects.get(name="passkey.added")
    assert (event.actor, event.subject_ref, event.after["passkey"]) == (adele, adele.ref, "phone")


def test_the_browser_is_told_to_verify_the_person_always(adele: User) -> None:
    making = begin(adele)
    add(adele, Authenticator().make(making))
    proving = operations.begin_proof(user=adele, scope=SIGN_IN, now=clock.now())

    assert making["authenticatorSelection"]["userVerification"] == "required"
    assert proving["userVerification"] == "required"
    assert proving["rpId"] == "localhost"


def test_without_a_fresh_proof_no_passkey_is_made(adele: User) -> None:
    right = {code(scene.TOTP_KEY, steps_ahead=steps) for steps in (-1, 0, 1)}
    wrong = next(token for token in ("000000", "111111", "222222", "333333") if token not in right)

    with pytest.raises(WrongCode):
        begin(adele, token=wrong)

    assert not PasskeyChallenge.objects.exists()


def test_a_passkey_made_without_verification_is_refused(adele: User) -> None:
    with pytest.raises(PasskeyRefused):
        add(adele, Authenticator().make(begin(adele), verified=False))
    assert not Passkey.objects.exists()


def test_a_registration_is_good_once(adele: User) -> None:
    answer = Authenticator().make(begin(adele))
    add(adele, answer)

    with pytest.raises(ChallengeGone):
        add(adele, answer)
    assert Passkey.objects.count() == 1


def test_a_passkey_of_somebody_else_is_not_registered_again(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    other = scene.person("other", Role.OPS)
    scene.authenticator(other)

    with pytest.raises(PasskeyRefused):
        add(other, authenticator.make(begin(other)))


def test_nobody_without_an_authenticator_app_adds_one(adele: User) -> None:
    answer = Authenticator().make(begin(adele))
    factories.carry("device.reset", adele.ref)

    with pytest.raises(ChallengeGone):
        add(adele, answer)
    with pytest.raises(NoDevice):
        begin(adele)


@pytest.mark.parametrize("fault", [{"verified": False}, {"origin": "https://desk.example.evil"}])
def test_a_proof_without_verification_or_from_elsewhere_is_refused(adele: User, fault: dict[str, Any]) -> None:
    authenticator, _passkey = enrol(adele)

    with pytest.raises(PasskeyRefused):
        prove(adele, proof(authenticator, adele, SIGN_IN, **fault))


@pytest.mark.parametrize("answer", ["", "{", "[]", "{}", '{"response": {"clientDataJSON": "e30"}}', '{"response": 1}'])
def test_nonsense_is_refused(adele: User, answer: str) -> None:
    with pytest.raises(PasskeyRefused):
        prove(adele, answer)


def test_somebody_elses_passkey_and_another_key_are_refused(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    other = scene.person("other", Role.OPS)
    stranger, _other = enrol(other)
    with pytest.raises(PasskeyRefused):
        prove(adele, proof(stranger, adele, SIGN_IN))

    stranger.id = authenticator.id
    with pytest.raises(PasskeyRefused):
        prove(adele, proof(stranger, adele, SIGN_IN))


def test_a_challenge_is_answered_once_even_in_parallel(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    answer = proof(authenticator, adele, SIGN_IN)

    def once() -> bool:
        try:
            prove(adele, answer)
        except ChallengeGone:
            return False
        return True

    assert sorted(at_once([once] * 8), key=bool) == [False] * 7 + [True]


def test_a_challenge_that_was_answered_wrongly_is_used_up(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    options = operations.begin_proof(user=adele, scope=SIGN_IN, now=clock.now())

    with pytest.raises(PasskeyRefused):
        prove(adele, authenticator.answer(options, verified=False))
    with pytest.raises(ChallengeGone):
        prove(adele, authenticator.answer(options))


def test_a_challenge_lives_five_minutes(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    now = clock.now()
    answer = authenticator.answer(operations.begin_proof(user=adele, scope=SIGN_IN, now=now))

    with pytest.raises(ChallengeGone):
        passkeys.prove(user=adele, scope=SIGN_IN, answer=answer, now=now + timedelta(minutes=5))


def test_a_counter_that_goes_back_is_refused_and_recorded(adele: User) -> None:
    authenticator, passkey = enrol(adele)
    prove(adele, proof(authenticator, adele, SIGN_IN))
    authenticator.count = 0

    with pytest.raises(PasskeyCopied):
        prove(adele, proof(authenticator, adele, SIGN_IN))

    event = AuditEvent.objects.get(name="passkey.counter_went_back")
    assert (event.subject_ref, event.after["passkey"], event.after["counter"]) == (adele.ref, "phone", 1)
    passkey.refresh_from_db()
    assert passkey.sign_count == 1


def test_a_passkey_decides_what_it_was_asked_for(adele: User, asked: ApprovalRequest) -> None:
    authenticator, _passkey = enrol(adele)
    digest = digest_of(asked)
    answer = proof(authenticator, adele, passkeys.scope_of_decision(digest))

    step_up = operations.step_up_by_passkey(user=adele, answer=answer, digest=digest, now=clock.now())

    assert (step_up.method, bytes(step_up.digest)) == ("passkey", digest)
    assert decide(asked, adele, step_up).status == "executed"


def test_a_passkey_asked_for_one_digest_decides_no_other(adele: User, asked: ApprovalRequest) -> None:
    authenticator, _passkey = enrol(adele)
    other = hashlib.sha256(b"another request").digest()
    answer = proof(authenticator, adele, passkeys.scope_of_decision(other))

    with pytest.raises(ChallengeGone):
        operations.step_up_by_passkey(user=adele, answer=answer, digest=digest_of(asked), now=clock.now())

    assert not StepUp.objects.filter(user=adele).exists()


def test_a_sign_in_is_no_decision_and_a_decision_no_sign_in(adele: User, asked: ApprovalRequest) -> None:
    authenticator, _passkey = enrol(adele)
    with pytest.raises(ChallengeGone):
        prove(adele, proof(authenticator, adele, SIGN_IN), passkeys.scope_of_decision(digest_of(asked)))
    with pytest.raises(ChallengeGone):
        prove(adele, proof(authenticator, adele, passkeys.scope_of_decision(digest_of(asked))))


def test_who_has_none_is_given_no_challenge(adele: User) -> None:
    with pytest.raises(NoPasskey):
        operations.begin_proof(user=adele, scope=SIGN_IN, now=clock.now())


def test_where_the_role_needs_a_passkey_a_code_decides_nothing(adele: User, asked: ApprovalRequest) -> None:
    factories.need_passkey("approver")
    digest, token = digest_of(asked), code(scene.TOTP_KEY)

    with pytest.raises(PasskeyNeeded):
        operations.step_up(user=adele, token=token, digest=digest, now=clock.now())
    assert TotpDevice.objects.get(user=adele).last_step == -1

    by_code = StepUp.objects.create(user=adele, method="totp", digest=digest, verified_at=clock.now())
    with pytest.raises(PasskeyNeeded):
        decide(asked, adele, by_code)
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "pending"

    authenticator, _passkey = enrol(adele)
    answer = proof(authenticator, adele, passkeys.scope_of_decision(digest))
    by_passkey = operations.step_up_by_passkey(user=adele, answer=answer, digest=digest, now=clock.now())
    assert decide(asked, adele, by_passkey).status == "executed"


def test_where_the_role_needs_a_passkey_no_code_makes_or_removes_another(adele: User) -> None:
    authenticator, passkey = enrol(adele)
    factories.need_passkey("approver")

    with pytest.raises(PasskeyNeeded):
        begin(adele)
    with pytest.raises(LastPasskey):
        remove(adele, passkey, answer=proof(authenticator, adele, "remove"))

    options = begin(adele, token="", answer=proof(authenticator, adele, "passkeys:add"))
    add(adele, Authenticator().make(options))
    with pytest.raises(PasskeyNeeded):
        remove(adele, passkey, token=code(scene.TOTP_KEY))
    remove(adele, passkey, answer=proof(authenticator, adele, "remove"))
    assert Passkey.objects.filter(user=adele).count() == 1


def remove(user: User, passkey: Passkey, *, token: str = "", answer: str = "") -> None:
    operations.remove_passkey(actor=user, pk=passkey.pk, scope="remove", token=token, answer=answer, now=clock.now())


def test_renaming_and_removing_are_recorded_and_touch_only_ones_own(adele: User) -> None:
    _authenticator, passkey = enrol(adele)
    other = scene.person("other", Role.OPS)
    scene.authenticator(other)

    with pytest.raises(NoPasskey):
        operations.rename_passkey(actor=other, pk=passkey.pk, name="mine", now=clock.now())
    with pytest.raises(NoPasskey):
        remove(other, passkey, token=code(scene.TOTP_KEY))
    operations.rename_passkey(actor=adele, pk=passkey.pk, name="old phone", now=clock.now())
    remove(adele, passkey, token=code(scene.TOTP_KEY))

    assert not Passkey.objects.exists()
    renamed, removed = (AuditEvent.objects.get(name=f"passkey.{done}") for done in ("renamed", "removed"))
    assert (renamed.before["passkey"], renamed.after["passkey"]) == ("phone", "old phone")
    assert removed.before["passkey"] == "old phone"


def test_a_wrong_code_removes_nothing(adele: User) -> None:
    _authenticator, passkey = enrol(adele)
    with pytest.raises(WrongCode):
        remove(adele, passkey, token="000000" if code(scene.TOTP_KEY) != "000000" else "111111")
    assert Passkey.objects.get() == passkey


def test_two_people_who_reset_second_factors_take_the_passkeys_too(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    answer = proof(authenticator, adele, SIGN_IN)
    request = factories.propose("device.reset", adele.ref)

    factories.decide(request)

    assert not Passkey.objects.filter(user=adele).exists()
    assert "phone" in AuditEvent.objects.get(name="device.reset").before["devices"]
    with pytest.raises(ChallengeGone):
        prove(adele, answer)


def test_the_database_lets_no_counter_go_back_and_no_key_change(adele: User) -> None:
    authenticator, passkey = enrol(adele)
    prove(adele, proof(authenticator, adele, SIGN_IN))

    for because, change in (
        ("DC75", "sign_count = 0"),
        ("may only change", "public_key = 'x'"),
        ("may only change", "user_id = user_id + 1"),
    ):
        with refused(because):
            sql(f"update users_passkey set {change} where id = %s", passkey.pk)  # noqa: S608


def test_the_database_keeps_the_last_second_factor(adele: User, owner: Any) -> None:
    _authenticator, passkey = enrol(adele)
    owner.execute("alter table users_totpdevice disable trigger user")
    owner.execute("delete from users_totpdevice where user_id = %s", [adele.pk])
    owner.execute("alter table users_totpdevice enable trigger user")

    with refused("DC76"):
        passkey.delete()
    assert Passkey.objects.filter(pk=passkey.pk).exists()


def test_a_misspelt_role_in_the_policy_is_an_error(settings: Any) -> None:
    for wrong in ("admn", "trader"):
        settings.PASSKEY_ROLES = ["approver", wrong]
        assert [wrong in error.msg for error in checks.passkey_roles()] == [True]
    settings.PASSKEY_ROLES = ["approver", "admin"]
    assert checks.passkey_roles() == []
