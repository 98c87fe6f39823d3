"""Every migration has its way back; the database's rules are the models'; the runtime role owns nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from tests import tiers
from tests.conftest import LEFT_BEHIND
from trading.lib.schema import transition_words
from trading.lib.states import StateMachine

NEWEST = 8  # migrations go back and there in the gate
OURS = ("users", "settlement", "rfq", "alerting")
MACHINES = [model for model in apps.get_models() if issubclass(model, StateMachine)]
ARGUMENTS = """
    select tgargs from pg_trigger
    where tgrelid = %s::regclass and tgname = 'transition' and tgenabled = 'O'
"""


def rows(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall()


def test_models_have_all_their_migrations(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# --- there and back --------------------------------------------------------------------------


@contextmanager
def own_database(template: str) -> Iterator[None]:
    """A database that the owner's alias points to: a copy of `template`."""
    owner = connections["owner"]
    name, before = "test_desk_migrations", owner.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(LEFT_BEHIND)  # nobody may be in a database while it is copied
    connection.close()
    owner.close()
    with owner._nodb_cursor() as cursor:
        cursor.execute(f"drop database if exists {name} with (force)")
        cursor.execute(f"create database {name} template {template}")
    owner.settings_dict["NAME"] = name
    try:
        yield
    finally:
        owner.close()
        owner.settings_dict["NAME"] = before
        with owner._nodb_cursor() as cursor:
            cursor.execute(f"drop database {name} with (force)")


@pytest.fixture
def empty_database(db: None) -> Iterator[None]:
    with own_database("template1"):
        yield


@pytest.fixture
def migrated_database(db: None) -> Iterator[None]:
    with own_database(connections["owner"].settings_dict["NAME"]):
        yield


def left_over() -> set[str]:
    """Our tables, functions and triggers that exist in the owner's database."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S', 'i')"
            " union select proname from pg_proc where pronamespace = 'public'::regnamespace"
        )
        names = {str(row[0]) for row in cursor.fetchall()}
    return {name for name in names if name.startswith((*(f"{app}_" for app in OURS), "desk_"))}


def taken_back() -> list[tuple[str, str | None]]:
    """Where each app is taken back to: before the newest migrations, before all of them in the long run."""
    executor = MigrationExecutor(connections["owner"])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    ours = [(migration.app_label, migration.name) for migration, _backwards in plan if migration.app_label in OURS]
    left: dict[str, str | None] = dict.fromkeys(OURS)
    return list((left | dict([] if tiers.IS_LONG else ours[:-NEWEST])).items())


def test_every_app_migrates_back_and_there(migrated_database: None) -> None:
    owner = connections["owner"]
    whole, applied = left_over(), MigrationRecorder(owner).applied_migrations()
    assert len(whole) > 100

    MigrationExecutor(owner).migrate(taken_back())
    gone = applied.keys() - MigrationRecorder(owner).applied_migrations().keys()
    assert len([app for app, _name in gone if app in OURS]) >= NEWEST
    if tiers.IS_LONG:
        assert left_over() == set()

    MigrationExecutor(owner).migrate(MigrationExecutor(owner).loader.graph.leaf_nodes())
    assert left_over() == whole


def test_no_step_of_ours_is_without_its_way_back(db: None) -> None:
    loader = MigrationExecutor(connection).loader

    irreversible = [
        f"{app}.{name}: {operation.describe()}"
        for (app, name), migration in loader.disk_migrations.items()
        for operation in migration.operations
        if app in OURS and not operation.reversible
    ]
    assert irreversible == []


# --- the same rules on both sides ------------------------------------------------------------


def test_state_machines_are_found() -> None:
    assert len(MACHINES) >= 10


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_transitions_of_model_and_trigger_are_the_same(db: None, model: type[StateMachine]) -> None:
    found = rows(ARGUMENTS, model._meta.db_table)

    assert len(found) == 1, "no enabled transition trigger"
    assert bytes(found[0][0]).decode().rstrip("\0").split("\0") == transition_words(
        model.first_statuses(), model.TRANSITIONS
    )


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_every_status_can_be_reached_and_no_other_is_named(model: type[StateMachine]) -> None:
    known = set(model.Status.values)  # type: ignore[attr-defined]
    nexts = {status for steps in model.TRANSITIONS.values() for status in steps}

    assert set(model.TRANSITIONS) <= known
    assert model.first_statuses() | nexts == known


# --- the runtime role ------------------------------------------------------------------------

MAY = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def grants(table: str) -> set[str]:
    checks = ", ".join(f"has_table_privilege('{table}', '{one}')" for one in MAY)
    return {name for name, has in zip(MAY, rows(f"select {checks}")[0], strict=True) if has}


def test_runtime_role_may_do_what_the_models_say(db: None) -> None:
    for model in apps.get_models():
        if not model._meta.managed or model._meta.db_table == "django_migrations":
            continue
        if getattr(model, "append_only", False):
            expected = {"SELECT", "INSERT"}
        elif getattr(model, "kept_by_triggers", False):
            expected = {"SELECT"}
        else:
            expected = {"SELECT", "INSERT", "UPDATE", "DELETE"}
        assert grants(model._meta.db_table) == expected, model.__name__
    assert grants("django_migrations") == {"SELECT"}


def test_append_only_models_have_their_triggers_and_the_other_way_round(db: None) -> None:
    guarded = {row[0] for row in rows("select tgrelid::regclass::text from pg_trigger where tgname = 'append_only'")}
    kept = {model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)}

    assert guarded == kept | {"settlement_settlementtransition", "settlement_bookedreference"}


def test_no_trigger_is_switched_off(db: None) -> None:
    assert rows("select tgname from pg_trigger where not tgisinternal and tgenabled <> 'O'") == []


def test_runtime_role_owns_nothing_and_is_nobody_special(db: None) -> None:
    owned = rows(
        "select relname::text from pg_class where relowner = current_user::regrole"
        " union all select proname::text from pg_proc where proowner = current_user::regrole"
        " union all select nspname::text from pg_namespace where nspowner = current_user::regrole"
        " union all select datname::text from pg_database where datdba = current_user::regrole"
    )
    special = rows(
        "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication,"
        " exists (select from pg_auth_members where member = pg_roles.oid)"
        " from pg_roles where rolname = current_user"
    )

    assert owned == []
    assert special == [(False, False)]


def test_functions_of_the_rules_pin_their_search_path(db: None) -> None:
    loose = rows(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and (proname like any (array['desk_%%', 'settlement_%%', 'users_%%', 'rfq_%%', 'alerting_%%']))"
        " and (prorettype = 'trigger'::regtype or prosecdef)"
        " and not coalesce(array_to_string(proconfig, ',') like '%%public, pg_temp%%', false)"
    )

    assert loose == []


# --- people from before dual control ---------------------------------------------------------

BEFORE = """
insert into users_person (id, ref, full_name, created_at) values (1, 'PER-1', 'One', now()), (2, 'PER-2', 'Two', now());
insert into users_user (id, password, is_superuser, ref, username, kind, status, language, time_zone, created_at,
    updated_at, person_id)
select id, '!', false, 'USR-' || id, 'user-' || id, 'human', 'pending', 'en', 'UTC', now(), now(), id from users_person;
update users_user set status = 'active' where id = 1;
insert into users_rolegrant (user_id, role, granted_at) values (1, 'approver', now());
"""


def test_who_was_let_in_by_one_person_waits_for_two(empty_database: None) -> None:
    owner = connections["owner"]
    MigrationExecutor(owner).migrate([("users", "0002_rules")])
    with owner.cursor() as cursor:
        cursor.execute(BEFORE)

    MigrationExecutor(owner).migrate([("users", "0005_dual_control_effects")])

    with owner.cursor() as cursor:
        cursor.execute("select username, status, approval_reason from users_user order by id")
        assert cursor.fetchall() == [("user-1", "pending", ""), ("user-2", "pending", "")]
        cursor.execute("select count(*) from users_rolegrant where revoked_at is null")
        assert cursor.fetchone() == (0,)
        cursor.execute("select tgenabled::text from pg_trigger where not tgisinternal and tgenabled <> 'O'")
        assert cursor.fetchall() == []
    MigrationExecutor(owner).migrate([("users", "0002_rules")])
    MigrationExecutor(owner).migrate([("users", "0005_dual_control_effects")])
