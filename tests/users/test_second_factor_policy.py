"""Which roles take a passkey: laid down once, changed by two, asked by the operations and by the database."""

from typing import Any

import pytest

from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.factories import REASON
from tests.probes import refused, sql
from tests.users.approvals import write_decision
from tests.users.authenticator import Authenticator, enrol, proof
from trading.lib import clock
from trading.lib.errors import NotFound
from users import operations, verification
from users.errors import AlreadyOpen, MayNotPropose, PasskeyNeeded
from users.models import (
    ApprovalRequest,
    AuditEvent,
    Role,
    SecondFactorPolicy,
    StepUp,
    TokenFamily,
    TotpDevice,
    User,
)
from users.operations import passkeys, profile
from users.own_acts.base import BadPayload
from users.own_acts.second_factors import SameFactor
from users.queries.passkeys import is_bound

ROLES = {"ops", "approver", "admin", "auditor"}


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


def required() -> set[str]:
    return set(SecondFactorPolicy.objects.current().filter(passkey_required=True).values_list("role", flat=True))


def test_the_setting_lays_down_the_first_version_once(db: None, settings: Any) -> None:
    settings.IS_SANDBOX, settings.PASSKEY_ROLES = False, ["approver", "admin"]
    operations.lay_down_policies(now=clock.now())
    settings.PASSKEY_ROLES = []
    operations.lay_down_policies(now=clock.now())

    assert required() == {"approver", "admin"}
    assert set(SecondFactorPolicy.objects.values_list("role", "version")) == {(role, 1) for role in ROLES}


def test_a_sandbox_needs_no_passkeys(db: None, settings: Any) -> None:
    settings.IS_SANDBOX, settings.PASSKEY_ROLES = True, ["approver", "admin"]
    operations.lay_down_policies(now=clock.now())

    assert required() == set()


def test_two_people_change_it_and_it_is_recorded(adele: User) -> None:
    factories.need_passkey("auditor")
    factories.carry("second_factor.change", "auditor", passkey_required=False)

    assert required() == set()
    assert SecondFactorPolicy.objects.filter(role="auditor").count() == 3
    event = AuditEvent.objects.filter(name="second_factor.changed").latest("pk")
    assert event.before == {"passkey_required": True, "version": 2}
    assert (event.after["role"], event.after["passkey_required"], event.after["version"]) == ("auditor", False, 3)
    assert event.secondary_approver is not None


@pytest.mark.parametrize(
    ("role", "payload", "refusal"),
    [
        ("approver", {"passkey_required": False}, SameFactor),
        ("approver", {"passkey_required": "yes"}, BadPayload),
        ("approver", {}, BadPayload),
        ("approver", {"passkey_required": True, "more": 1}, BadPayload),
        ("trader", {"passkey_required": True}, NotFound),
        ("nobody", {"passkey_required": True}, NotFound),
    ],
)
def test_what_makes_no_sense_is_not_proposed(
    db: None, role: str, payload: dict[str, Any], refusal: type[Exception]
) -> None:
    factories.founders()
    with pytest.raises(refusal):
        factories.propose("second_factor.change", role, **payload)


def test_operations_do_not_change_it(adele: User) -> None:
    olga = scene.person("olga", Role.OPS)
    with pytest.raises(MayNotPropose):
        factories.propose("second_factor.change", "ops", by=olga, passkey_required=True)


def test_one_change_is_open_at_a_time(adele: User) -> None:
    first, second = factories.founders()
    request = factories.propose("second_factor.change", "auditor", passkey_required=True)

    with pytest.raises(AlreadyOpen):
        factories.propose("second_factor.change", "auditor", by=second, passkey_required=True)

    assert factories.decide(request, by=second).status == "executed"
    assert request.requested_by == first


def test_the_database_takes_no_other_version(adele: User) -> None:
    version = """
        insert into users_secondfactorpolicy (role, version, passkey_required, made_at)
        values ('approver', %s, true, now())
    """

    with refused("DC65"):
        sql(version, 2)
    with refused("DC64"):
        sql(version, 4)
    with refused("permission denied"):
        sql("update users_secondfactorpolicy set passkey_required = true")
    with refused("permission denied"):
        sql("delete from users_secondfactorpolicy")


def test_the_database_refuses_a_decision_without_a_passkey(adele: User, asked: ApprovalRequest) -> None:
    factories.need_passkey("approver")
    digest = bytes(asked.digest)

    for method in (StepUp.Method.TOTP, StepUp.Method.SANDBOX, StepUp.Method.PASSKEY):  # they have no passkey
        step_up = StepUp.objects.create(user=adele, method=method, digest=digest, verified_at=clock.now())
        with refused("DC29"):
            write_decision(asked, adele, step_up)

    enrol(adele)
    by_code = StepUp.objects.create(user=adele, method="totp", digest=digest, verified_at=clock.now())
    with refused("DC29"):
        write_decision(asked, adele, by_code)
    by_passkey = StepUp.objects.create(user=adele, method="passkey", digest=digest, verified_at=clock.now())
    assert write_decision(asked, adele, by_passkey).pk


def test_others_decide_with_a_code_as_before(adele: User, asked: ApprovalRequest) -> None:
    factories.need_passkey("auditor")
    digest = bytes(asked.digest)

    step_up = operations.step_up(user=adele, token=code(scene.TOTP_KEY), digest=digest, now=clock.now())
    done = operations.decide(
        request_ref=asked.ref,
        verdict="approve",
        reason=REASON,
        digest=digest,
        actor=adele,
        proof=step_up,
        now=clock.now(),
    )

    assert done.status == "executed"


def test_tokens_end_and_none_are_given(adele: User) -> None:
    made = operations.issue_tokens(user=adele, address=None, now=clock.now())
    factories.need_passkey("approver")

    assert TokenFamily.objects.get(pk=made.family.pk).ended_at is not None
    with pytest.raises(PasskeyNeeded):
        operations.issue_tokens(user=adele, address=None, now=clock.now())
    with refused("DC77"):
        TokenFamily.objects.create(user=adele, began_at=clock.now(), expires_at=clock.now())


def test_a_code_proves_nothing_for_who_has_a_passkey_and_needs_it(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    factories.need_passkey("approver")
    typed = operations.NewPassword(scene.PASSWORD, "a new horse battery staple", code(scene.TOTP_KEY))

    with pytest.raises(PasskeyNeeded):
        operations.prove_afresh(
            user=adele, scope=passkeys.SIGN_IN, token=code(scene.TOTP_KEY), answer="", now=clock.now()
        )
    with pytest.raises(PasskeyNeeded):
        operations.renew_recovery_codes(actor=adele, token=code(scene.TOTP_KEY), now=clock.now())
    with pytest.raises(PasskeyNeeded):
        operations.change_password(actor=adele, typed=typed, address=None, keep="", now=clock.now())
    assert TotpDevice.objects.get(user=adele).last_step == -1

    answer = proof(authenticator, adele, profile.RECOVERY)
    assert len(operations.renew_recovery_codes(actor=adele, token="", answer=answer, now=clock.now())) == 10
    typed = operations.NewPassword(typed.current, typed.new, passkey=proof(authenticator, adele, profile.PASSWORD))
    assert operations.change_password(actor=adele, typed=typed, address=None, keep="", now=clock.now()) == adele


def test_after_a_recovery_code_a_code_of_the_app_makes_another_passkey(adele: User) -> None:
    enrol(adele)
    factories.need_passkey("approver")
    given: dict[str, Any] = {"scope": "passkeys:add", "token": code(scene.TOTP_KEY), "answer": ""}

    with pytest.raises(PasskeyNeeded):
        operations.begin_passkey(user=adele, now=clock.now(), **given)
    options = operations.begin_passkey(user=adele, now=clock.now(), recovered=True, **given)
    operations.add_passkey(user=adele, answer=Authenticator().make(options), name="new", now=clock.now())

    assert adele.passkey_set.count() == 2


def test_verification_finds_a_version_nobody_carried(adele: User, owner: Any) -> None:
    assert list(verification.people.check()) == []
    owner.execute("alter table users_secondfactorpolicy disable trigger user")
    owner.execute(
        "insert into users_secondfactorpolicy (role, version, passkey_required, made_at) values ('ops', 3, true, now())"
    )
    owner.execute("alter table users_secondfactorpolicy enable trigger user")

    found = [finding.what for finding in verification.people.check()]

    assert "version 3 of its second factor was not carried by two people" in found
    assert "has a gap in the versions of its second factor" in found


def test_who_is_bound_is_who_holds_the_role_now(adele: User) -> None:
    factories.need_passkey("approver")
    assert is_bound(adele)

    operations.revoke_role(user=adele, role=Role.APPROVER, actor=None, reason=REASON, now=clock.now())

    assert not is_bound(adele)
