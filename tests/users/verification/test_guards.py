"""Guards of the database that somebody touched."""

from typing import Any

import pytest
from django.db import connection

from tests.users.verification.conftest import found
from users.models import User
from users.verification.guards import expected_functions, expected_triggers


@pytest.mark.parametrize(
    ("tampering", "undo", "words"),
    [
        (
            "alter table users_user disable trigger guard",
            "alter table users_user enable trigger guard",
            "users_user has its trigger guard disabled",
        ),
        (
            "alter table users_auditevent enable replica trigger append_only",
            "alter table users_auditevent enable trigger append_only",
            "users_auditevent has its trigger append_only disabled",
        ),
        (
            "alter trigger born on users_approvaldecision rename to unborn",
            "alter trigger unborn on users_approvaldecision rename to born",
            "users_approvaldecision has lost its trigger born",
        ),
        (
            "grant update on users_auditevent to {app}",
            "revoke update on users_auditevent from {app}",
            "users_auditevent may be changed by {app} (update)",
        ),
        (
            "grant update (reason) on users_approvaldecision to {app}",
            "revoke update (reason) on users_approvaldecision from {app}",
            "users_approvaldecision may be changed by {app} in the column reason",
        ),
        (
            "grant delete on users_auditseal to public",
            "revoke delete on users_auditseal from public",
            "users_auditseal may be changed by everybody (delete)",
        ),
        (
            "grant insert on settlement_balance to {app}",
            "revoke insert on settlement_balance from {app}",
            "settlement_balance may be changed by {app} (insert)",
        ),
        (
            "grant create on schema public to {app}",
            "revoke create on schema public from {app}",
            "may make things in the schema",
        ),
        (
            "alter table users_user drop constraint user_nobody_is_superuser",
            "alter table users_user add constraint user_nobody_is_superuser check (not is_superuser)",
            "users_user has lost its constraint user_nobody_is_superuser",
        ),
    ],
)
def test_guards_that_were_touched_are_found(desk: User, owner: Any, tampering: str, undo: str, words: str) -> None:
    app = connection.settings_dict["USER"]
    owner.execute(tampering.format(app=app))
    try:
        code, what = found()
    finally:
        owner.execute(undo.format(app=app))

    assert code == 13
    assert words.format(app=app) in what
    assert found() == (0, "")


def test_a_function_that_was_replaced_is_found(desk: User, owner: Any) -> None:
    owner.execute("select pg_get_functiondef('users_user_guard'::regproc)")
    (true,) = owner.fetchone()
    owner.execute(
        "create or replace function users_user_guard() returns trigger language plpgsql as $$ begin return new; end $$"
    )
    try:
        assert found() == (13, "guards: function users_user_guard is not what its migration made")
    finally:
        owner.execute(true)
    assert found() == (0, "")


def test_expectations_follow_the_migrations() -> None:
    statements = [
        "create trigger a before insert on t for each row execute function f('x>y', 'z');",
        "create function f() returns trigger as $$ create trigger hidden on t $$;",
        "drop trigger a on t; create constraint trigger b after update of s on t execute function g();",
        "create or replace function f() returns trigger as $$ second $$;",
    ]

    assert list(expected_triggers(statements)) == [("t", "b")]
    assert expected_triggers(statements[:1])["t", "a"].arguments == ("x>y", "z")
    assert expected_functions(statements) == {"f": " second "}
