"""What migrations need beyond Django's own operations: triggers, each with its way back."""

import re
from collections.abc import Iterable, Mapping

from django.db.migrations.operations.special import RunSQL


def append_only(*tables: str) -> list[RunSQL]:
    """Refuse UPDATE, DELETE and TRUNCATE on the tables, whoever asks. Needs `desk_append_only()`."""
    return [_append_only(table) for table in tables]


def _append_only(table: str) -> RunSQL:
    return RunSQL(
        f"""
        create trigger append_only before update or delete on {table}
            for each row execute function desk_append_only();
        create trigger append_only_truncate before truncate on {table}
            for each statement execute function desk_append_only();
        """,
        f"""
        drop trigger append_only on {table};
        drop trigger append_only_truncate on {table};
        """,
    )


def transitions(table: str, initial: Iterable[str], allowed: Mapping[str, Iterable[str]]) -> RunSQL:
    """Let `status` start and change only as given. Needs `desk_transition()`; tests compare it with the model."""
    arguments = ", ".join(f"'{word}'" for word in transition_words(initial, allowed))
    return RunSQL(
        f"""
        create trigger transition before insert or update of status on {table}
            for each row execute function desk_transition({arguments});
        """,
        f"drop trigger transition on {table};",
    )


def transition_words(initial: Iterable[str], allowed: Mapping[str, Iterable[str]]) -> list[str]:
    """The trigger's arguments: ``>pending`` for a birth, ``pending>active`` for a step; sorted."""
    births = [f">{status}" for status in initial]
    return sorted(births + [f"{old}>{new}" for old, news in allowed.items() for new in news])


def only_changes(table: str, *columns: str) -> RunSQL:
    """Freeze every column of the table except these. Needs `desk_only_changes()`."""
    arguments = ", ".join(f"'{column}'" for column in columns)
    return RunSQL(
        f"""
        create trigger only_changes before update on {table}
            for each row execute function desk_only_changes({arguments});
        """,
        f"drop trigger only_changes on {table};",
    )


def never_deleted(*tables: str) -> list[RunSQL]:
    """Refuse DELETE and TRUNCATE on the tables. Needs `desk_append_only()`."""
    return [_never_deleted(table) for table in tables]


def _never_deleted(table: str) -> RunSQL:
    return RunSQL(
        f"""
        create trigger never_deleted before delete on {table}
            for each row execute function desk_append_only();
        create trigger never_truncated before truncate on {table}
            for each statement execute function desk_append_only();
        """,
        f"""
        drop trigger never_deleted on {table};
        drop trigger never_truncated on {table};
        """,
    )


def function_back(*signatures: str) -> str:
    """The way back from `create function`, in the order given."""
    return "".join(f"drop function {signature};" for signature in signatures)


def replaced(new: str, old: str) -> RunSQL:
    """
    Put another body into functions that an earlier migration made; the way back puts the earlier one in again.

    :param new: ``create or replace function ...`` statements.
    :param old: the earlier migration's SQL; only the functions that `new` replaces are taken from it.
    """
    names = re.findall(r"create or replace function (\w+)", new)
    back = [_function(old, name) for name in names]
    return RunSQL(new, "\n".join(back))


def _function(statements: str, name: str) -> str:
    found = re.search(rf"create (?:or replace )?function ({name}\(.*?\$\$.*?\$\$;)", statements, re.DOTALL)
    if found is None:
        raise ValueError(f"no function {name} there")
    return f"create or replace function {found[1]}"


def transitions_changed(
    table: str,
    *,
    before: tuple[Iterable[str], Mapping[str, Iterable[str]]],
    after: tuple[Iterable[str], Mapping[str, Iterable[str]]],
) -> RunSQL:
    """Let `status` start and change otherwise than an earlier migration's `transitions` said: (initial, allowed)."""
    old, new = transitions(table, *before), transitions(table, *after)
    return RunSQL(f"{old.reverse_sql}{new.sql}", f"{new.reverse_sql}{old.sql}")


def only_changes_changed(table: str, *, before: Iterable[str], after: Iterable[str]) -> RunSQL:
    """Leave other columns of the table changeable than an earlier migration's `only_changes` did."""
    old, new = only_changes(table, *before), only_changes(table, *after)
    return RunSQL(f"{old.reverse_sql}{new.sql}", f"{new.reverse_sql}{old.sql}")
