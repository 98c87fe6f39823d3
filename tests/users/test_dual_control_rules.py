"""
What the database refuses the runtime role on people and evidence, whatever way it comes: each rule by its code.

Nothing here goes through an operation that could refuse first.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction
from django.db.models import ProtectedError

from tests import factories
from tests.factories import REASON, decide, propose
from tests.probes import refused, sql
from tests.users.approvals import (
    INSERT_LOGIN,
    Desk,
    desk,
    suspend,
    write_decision,
)
from trading.lib import clock
from users.models import (
    ApprovalDecision,
    ApprovalPolicy,
    ApprovalRequest,
    AuditEvent,
    StepUp,
    User,
)

TWO = "only by a request that two people carried"


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


def status(user: User) -> str:
    return User.objects.values_list("status", flat=True).get(pk=user.pk)


# --- users -----------------------------------------------------------------------------------


def by_sql(user: User, other: User) -> None:
    sql("update users_user set status = 'active' where id = %s", user.pk)


def by_update(user: User, other: User) -> None:
    User.objects.filter(pk=user.pk).update(status="active")


def by_save(user: User, other: User) -> None:
    user.status = "active"
    user.save()


def by_bulk_update(user: User, other: User) -> None:
    user.status = "active"
    User.objects.bulk_update([user], ["status"])


def by_move(user: User, other: User) -> None:
    user.move("active", at=clock.now())


def with_evidence(user: User, other: User) -> None:
    User.objects.filter(pk=user.pk).update(
        status="active",
        approval_reason=REASON,
        approval_requested_by=other,
        secondary_approver=other,
        secondary_approved_at=clock.now(),
    )


def with_a_foreign_request(user: User, other: User) -> None:
    User.objects.filter(pk=user.pk).update(
        status="active",
        approval_reason=REASON,
        approval_requested_by=other,
        secondary_approver=factories.founders()[0],
        secondary_approved_at=clock.now(),
        approval_request=ApprovalRequest.objects.get(subject_ref=user.ref),
    )


WAYS = [by_sql, by_update, by_save, by_bulk_update, by_move, with_evidence, with_a_foreign_request]


@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_activated_past_a_request(
    cast: Desk, request_: ApprovalRequest, way: Callable[[User, User], None]
) -> None:
    with refused(f"DC43 .* becomes active {TWO}"):
        way(cast.newcomer, cast.approver)
    assert status(cast.newcomer) == "pending"


@pytest.mark.parametrize(("before", "wanted"), [("pending", "rejected"), ("suspended", "active")])
def test_no_other_step_either(cast: Desk, before: str, wanted: str) -> None:
    user = cast.newcomer if before == "pending" else factories.user("ops")
    if before == "suspended":
        suspend(user)

    with refused(f"DC43 .* becomes {wanted} {TWO}"):
        sql("update users_user set status = %s where id = %s", wanted, user.pk)


def test_user_is_not_born_active(cast: Desk) -> None:
    fields = {
        field.name: getattr(cast.approver, field.name) for field in User._meta.fields if field.name != "is_active"
    }
    copy = fields | {"id": None, "ref": "USR-COPY", "username": "copy", "approval_request": None}

    with refused("DC40 nobody is born with evidence"):
        User.objects.create(**copy)
    bare = {
        "approval_reason": "",
        "approval_requested_by": None,
        "secondary_approver": None,
        "secondary_approved_at": None,
    }
    with refused("has no step >active"):
        User.objects.create(**(copy | bare))


FORGED = [
    ("approval_reason", "another reason that nobody ever gave"),
    ("approval_requested_by_id", None),
    ("secondary_approver_id", None),
    ("secondary_approved_at", "2020-01-01"),
    ("approval_request_id", None),
]


@pytest.mark.parametrize(("column", "value"), FORGED, ids=[column for column, _ in FORGED])
def test_evidence_on_a_user_is_not_forged(cast: Desk, column: str, value: str | None) -> None:
    user = factories.user("trader")

    with refused("DC42 evidence is stamped by a decision only"):
        sql(f"update users_user set {column} = %s where id = %s", value, user.pk)  # noqa: S608
    with refused("DC42"):
        sql(f"update users_user set status = 'suspended', {column} = %s where id = %s", value, user.pk)  # noqa: S608


WHO = [
    "person_id = (select id from users_person order by id limit 1)",
    "kind = 'service'",
    "username = 'x'",
    "ref = 'X'",
]


@pytest.mark.parametrize("change", WHO)
def test_who_a_user_is_does_not_change(cast: Desk, change: str) -> None:
    for user in (cast.newcomer, factories.user("ops")):
        with refused("DC41 who a user is does not change"):
            sql(f"update users_user set {change} where id = %s", user.pk)  # noqa: S608


def test_whom_an_active_user_trades_for_does_not_change(cast: Desk) -> None:
    theirs, other = factories.counterparty(), factories.counterparty()
    user = factories.user("trader", of=theirs)

    with refused("DC41"):
        User.objects.filter(pk=user.pk).update(counterparty=other)
    User.objects.filter(pk=cast.newcomer.pk).update(counterparty=other)  # nobody has decided on this one yet


def test_nobody_becomes_a_superuser(cast: Desk) -> None:
    with refused("DC41"):
        sql("update users_user set is_superuser = true")
    fields = {"username": "root", "is_superuser": True, "person": cast.newcomer.person}
    with refused("user_nobody_is_superuser"):
        User.objects.create(**fields)


def test_would_be_superuser_does_not_decide(cast: Desk, request_: ApprovalRequest) -> None:
    trader = factories.user("trader")
    trader.is_superuser = True  # as an interface would see it, had somebody set it

    with refused("DC25"):
        write_decision(request_, trader)


def test_loaddata_lets_nobody_in(cast: Desk, tmp_path: Path) -> None:
    cast.newcomer.status = "active"
    fixture = tmp_path / "users.json"
    with transaction.atomic():  # it reads with a cursor that outlives its statement
        fixture.write_text(serializers.serialize("json", [cast.newcomer]))

    for role in ("default", "owner"):
        with suppress(DatabaseError):  # the runtime role's fixtures are not even looked at
            call_command("loaddata", fixture, database=role, verbosity=0)
        assert status(cast.newcomer) == "pending"
    with pytest.raises(DatabaseError, match="DC43"):
        call_command("loaddata", fixture, database="owner", verbosity=0)
    connections["owner"].close()


# --- what is never rewritten -----------------------------------------------------------------

EVIDENCE = ["users_approvaldecision", "users_approvalpolicy", "users_stepup", "users_auditevent"]


def test_runtime_role_rewrites_no_evidence(request_: ApprovalRequest) -> None:
    decide(request_)

    for table in EVIDENCE:
        for statement in (f"update {table} set id = id", f"delete from {table}", f"truncate {table} cascade"):  # noqa: S608
            with refused("permission denied"):
                sql(statement)
    for statement in ("delete from users_approvalrequest", "truncate users_approvalrequest cascade"):
        with refused("never changed or removed|permission denied"):
            sql(statement)


def test_models_rewrite_no_evidence(request_: ApprovalRequest) -> None:
    decide(request_)

    for model in (ApprovalDecision, AuditEvent):
        with refused("permission denied"):
            model._default_manager.all().delete()
    for protected in (ApprovalPolicy, ApprovalRequest, StepUp, User):
        with pytest.raises(ProtectedError):
            protected._default_manager.all().delete()


def test_not_even_the_owner_rewrites_it(request_: ApprovalRequest, owner: Any) -> None:
    decide(request_)

    for table in [*EVIDENCE, "users_approvalrequest"]:
        with pytest.raises(DatabaseError, match="never changed or removed"):
            owner.execute(f"delete from {table}")  # noqa: S608


SWITCHES = [
    "alter table users_user disable trigger guard",
    "alter table users_user disable trigger all",
    "alter table users_approvaldecision disable trigger user",
    "drop trigger guard on users_user",
    "set session_replication_role = replica",
    "set local session_replication_role = 'replica'",
    "create or replace function users_user_guard() returns trigger language plpgsql as 'begin return new; end'",
    "drop function users_user_guard() cascade",
    "alter table users_user drop constraint user_decided_by_two",
    "grant update on users_approvaldecision to current_user",
    "set role desk_owner",
    "create table public.users_x (id int)",
]


@pytest.mark.parametrize("statement", SWITCHES)
def test_rules_are_not_switched_off(cast: Desk, statement: str) -> None:
    with refused("must be owner|permission denied|must have|does not exist|no privileges"):
        sql(statement)
        if statement.startswith("grant"):  # PostgreSQL only warns
            sql("update users_approvaldecision set id = id")


def test_table_of_the_attackers_own_fools_no_rule(cast: Desk) -> None:
    with refused("DC43"):
        sql("create temp table users_approvalrequest as select * from public.users_approvalrequest")
        sql("set local search_path = pg_temp, public")
        sql("update public.users_user set status = 'active' where id = %s", cast.newcomer.pk)


# --- the first two ---------------------------------------------------------------------------


def let_in(user: User, on_the_word_of: User) -> None:
    User.objects.filter(pk=user.pk).update(
        status="active",
        approval_reason=REASON,
        approval_requested_by=on_the_word_of,
        secondary_approver=on_the_word_of,
        secondary_approved_at=clock.now(),
    )


def test_nobody_is_the_first_alone(db: None) -> None:
    one, other = factories.pending_user(), factories.pending_user()

    with refused("DC44"):
        let_in(one, other)
    with refused("DC43"):
        let_in(one, one)
    with refused("user_decided_by_two|DC43"):
        sql("update users_user set status = 'active' where id = %s", one.pk)


def test_first_two_are_two_persons(db: None) -> None:
    one = factories.pending_user()
    pk = sql(INSERT_LOGIN, "USR-TWIN", "twin", one.person_id)
    twin = User.objects.get(pk=pk)

    with refused("DC44"):
        let_in(one, twin)
        let_in(twin, one)


def test_first_two_are_not_three(db: None) -> None:
    one, other, third = (factories.newcomer() for _ in range(3))

    with refused("DC43"):
        let_in(one, other)
        let_in(other, one)
        let_in(third, one)


def test_there_are_first_two_once_only(cast: Desk) -> None:
    one, other = factories.newcomer(), factories.newcomer()

    with refused("DC43"):
        let_in(one, other)
        let_in(other, one)
    for founder in (cast.proposer, cast.approver):
        suspend(founder)
    with refused("DC43"):
        let_in(one, other)


def test_older_view_has_no_first_two_either(db: None) -> None:
    one, other = factories.newcomer(), factories.newcomer()

    with refused("DC00"):
        sql("set transaction isolation level repeatable read")
        let_in(one, other)
