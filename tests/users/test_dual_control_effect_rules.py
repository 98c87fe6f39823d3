"""
An effect needs its executed request: what the database refuses past one, each rule by its code.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from waffle.models import Switch

from settlement import autosettle
from tests import factories
from tests.factories import REASON, propose
from tests.probes import refused, sql
from tests.remembered import LONGEST
from tests.users.approvals import Desk, desk, execute_by_hand, forged_request, revoke, suspend
from trading.lib import clock
from users import operations
from users.models import (
    ApprovalDecision,
    ApprovalPolicy,
    ApprovalRequest,
    RoleGrant,
    TelegramLink,
    User,
)

TWO = "only by a request that two people carried"


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


# --- effects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["approver", "trader"])
def test_role_is_not_granted_past_a_request(cast: Desk, role: str) -> None:
    for user in (cast.newcomer, factories.user("ops")):
        with refused(f"DC50 .* gets {role} {TWO}"):
            RoleGrant.objects.create(user=user, role=role, granted_at=clock.now())


def test_granted_role_is_the_one_decided(cast: Desk) -> None:
    user = factories.user("auditor")
    request = propose("role.grant", user.ref, role="ops")

    with refused("DC50"):
        execute_by_hand(request, cast.approver)
        RoleGrant.objects.create(user=user, role="admin", granted_at=clock.now())


def test_revoked_role_stays_revoked(cast: Desk) -> None:
    revoke(cast.proposer, "ops")

    for change in ("revoked_at = null", "revoked_at = now()"):
        with refused("DC51"):
            sql(f"update users_rolegrant set {change} where revoked_at is not null")  # noqa: S608
    with refused("may only change"):
        sql("update users_rolegrant set role = 'admin'")


def test_role_is_dated_by_the_database(db: None) -> None:
    user = factories.user("ops")

    assert abs(RoleGrant.objects.get(user=user).granted_at - clock.now()) < LONGEST + timedelta(minutes=1)


def test_role_is_not_planted_before_the_first_two(db: None) -> None:
    newcomer = factories.pending_user()

    with refused("DC54"):
        RoleGrant.objects.create(user=newcomer, role="approver", granted_at=clock.now())


def test_ended_account_stays_ended_and_a_second_one_takes_two(cast: Desk) -> None:
    user = factories.user("trader")
    operations.link_telegram(user=user, telegram_id=1, now=clock.now())
    sql("update users_telegramlink set ended_at = now()")

    with refused("DC52"):
        sql("update users_telegramlink set ended_at = null")
    with refused("DC53"):
        TelegramLink.objects.create(user=user, telegram_id=1, linked_at=clock.now())
    request = propose("telegram.relink", user.ref, telegram_id=2)
    with refused("DC53"):
        execute_by_hand(request, cast.approver)
        TelegramLink.objects.create(user=user, telegram_id=3, linked_at=clock.now())


def next_version(of: ApprovalPolicy, **changes: object) -> ApprovalPolicy:
    fields = {field.name: getattr(of, field.name) for field in ApprovalPolicy._meta.fields if field.name != "id"}
    return ApprovalPolicy.objects.create(**(fields | {"version": of.version + 1} | changes))


def test_policy_is_not_loosened_past_a_request(cast: Desk) -> None:
    policy = operations.current_policy("user.approve")

    with refused("DC61"):
        next_version(policy, proposer_roles=["ops"], approver_role="lp")
    for version in (1, 3, 0):
        with refused("DC60"):
            next_version(policy, version=version)


def test_policy_becomes_the_one_decided_once(cast: Desk) -> None:
    policy = operations.current_policy("user.approve")
    request = propose("policy.change", "user.approve", expires_after=3600)
    hour = timedelta(hours=1)

    for changes in ({}, {"expires_after": hour, "approver_role": "lp"}, {"expires_after": hour, "threshold": 5}):
        with refused("DC62"):
            execute_by_hand(request, cast.approver)
            next_version(policy, **changes)
    with refused("DC61"):
        execute_by_hand(request, cast.approver)
        next_version(next_version(policy, expires_after=hour))


def test_switch_is_not_turned_on_past_a_request(cast: Desk) -> None:
    flag = autosettle.FLAG
    with refused(f"DC70 {flag} is turned on {TWO}"):
        sql(
            "insert into waffle_switch (name, active, note, created, modified) values (%s, true, '', now(), now())",
            flag,
        )
    Switch.objects.create(name=flag, active=False)
    Switch.objects.create(name="other", active=True)
    for statement in ("set active = true where name = %s", "set name = %s where name = 'other'"):
        with refused("DC70|waffle_switch_name"):
            sql(f"update waffle_switch {statement}", flag)
    with pytest.raises(DatabaseError, match="DC70"):
        call_command("waffle_switch", flag, "on")
    with refused("DC70"):
        Switch.objects.filter(name=flag).update(active=True)
    assert not Switch.objects.get(name=flag).active


def test_waffle_command_creates_no_switch_that_is_on(cast: Desk) -> None:
    with pytest.raises(DatabaseError, match="DC70"):
        call_command("waffle_switch", autosettle.FLAG, "on", create=True)
    assert not Switch.objects.filter(name=autosettle.FLAG, active=True).exists()


WITHOUT_EFFECT: list[tuple[str, dict[str, object]]] = [
    ("user.approve", {"roles": ["ops"]}),
    ("user.reject", {}),
    ("role.grant", {"role": "ops"}),
    ("telegram.relink", {"telegram_id": 9}),
    ("policy.change", {"expires_after": 3600}),
]


@pytest.mark.parametrize(("act", "payload"), WITHOUT_EFFECT, ids=[case[0] for case in WITHOUT_EFFECT])
def test_execution_without_its_effect_does_not_commit(cast: Desk, act: str, payload: dict[str, object]) -> None:
    waiting, active = cast.newcomer.ref, factories.user("auditor").ref
    subject = {"user.approve": waiting, "user.reject": waiting, "policy.change": "flag.on"}.get(act, active)
    request = propose(act, subject, by=None, **payload)

    with refused("DC45"):
        execute_by_hand(request, cast.approver)


def test_let_in_without_the_roles_that_were_decided_does_not_commit(cast: Desk, request_: ApprovalRequest) -> None:
    with refused("DC45"):
        execute_by_hand(request_, cast.approver)
        sql("update users_user set status = 'active' where id = %s", cast.newcomer.pk)


@pytest.mark.parametrize(("party", "role"), [("client", "approver"), ("lp", "ops"), ("", "trader"), ("client", "lp")])
def test_role_fits_the_login_that_holds_it(cast: Desk, party: str, role: str) -> None:
    of = factories.counterparty(party) if party else None
    newcomer = factories.newcomer(of=of)
    request = forged_request(cast, subject_ref=newcomer.ref, payload={"roles": [role]})

    with refused("DC55"):
        execute_by_hand(request, cast.approver)
        RoleGrant.objects.create(user=newcomer, role=role, granted_at=clock.now())


EFFECTS: list[tuple[str, dict[str, object], Callable[[User], object], str]] = [
    (
        "role.grant",
        {"role": "ops"},
        lambda user: RoleGrant.objects.create(user=user, role="ops", granted_at=clock.now()),
        "DC50",
    ),
    (
        "telegram.relink",
        {"telegram_id": 9},
        lambda user: TelegramLink.objects.create(user=user, telegram_id=9, linked_at=clock.now()),
        "DC53",
    ),
]


@pytest.mark.parametrize(("act", "payload", "effect", "code"), EFFECTS, ids=[effect[0] for effect in EFFECTS])
def test_effect_of_an_executed_request_counts_in_its_transaction_only(
    cast: Desk, act: str, payload: dict[str, object], effect: Callable[[User], object], code: str
) -> None:
    user = factories.user("auditor")
    TelegramLink.objects.create(user=user, telegram_id=8, linked_at=clock.now(), ended_at=clock.now())
    request = propose(act, user.ref, by=None, **payload)
    with transaction.atomic():
        execute_by_hand(request, cast.approver)
        effect(user)
    RoleGrant.objects.filter(user=user, role="ops").update(revoked_at=clock.now())
    TelegramLink.objects.filter(user=user, ended_at=None).update(ended_at=clock.now())

    with refused(code):
        effect(user)


def test_flag_is_turned_on_in_its_transaction_only(cast: Desk) -> None:
    factories.turn_flag_on()
    Switch.objects.update(active=False)

    with refused("DC70"):
        Switch.objects.update(active=True)


def test_user_is_reactivated_in_its_transaction_only(cast: Desk) -> None:
    user = factories.user("trader")
    suspend(user)
    factories.carry("user.reactivate", user.ref)
    suspend(user)

    with refused("DC43"):
        sql("update users_user set status = 'active' where id = %s", user.pk)


def test_columns_are_stamped_from_the_decision_whatever_was_written(cast: Desk, request_: ApprovalRequest) -> None:
    with transaction.atomic():
        execute_by_hand(request_, cast.approver)
        User.objects.filter(pk=cast.newcomer.pk).update(
            status="active",
            approval_reason="forged, although it is quite long",
            approval_requested_by=cast.newcomer,
            secondary_approver=cast.proposer,
            secondary_approved_at="2020-01-01T00:00Z",
        )
        RoleGrant.objects.create(user=cast.newcomer, role="ops", granted_at=clock.now())

    user, decision = User.objects.get(pk=cast.newcomer.pk), ApprovalDecision.objects.get()
    assert (user.approval_reason, user.approval_requested_by) == (REASON, cast.proposer)
    assert (user.secondary_approver, user.secondary_approved_at) == (cast.approver, decision.decided_at)
    assert user.approval_request == request_
