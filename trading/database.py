"""Two database roles: the owner migrates, the runtime role works and owns nothing."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from psycopg import sql

OWNER = "owner"


class OwnerMigrates:
    """Database router: schema changes go through the owner's connection, where there is one."""

    def allow_migrate(self, db: str, *_args: Any, **_hints: Any) -> bool | None:
        """Only the owner's alias migrates."""
        return db == OWNER if OWNER in settings.DATABASES else None


def apply_grants() -> None:
    """
    Give the runtime role what it needs and nothing more.

    Every table may be read and written, except that rows of `append_only` models can only be
    added, and rows of `kept_by_triggers` models only read. Does nothing when one role does both.
    """
    if OWNER not in settings.DATABASES:
        return
    runtime = sql.Identifier(settings.DATABASES["default"]["USER"])
    owner = connections[OWNER]
    with owner.cursor() as cursor:
        present = set(owner.introspection.table_names(cursor))
        for statement in _grants():
            cursor.execute(sql.SQL(statement).format(runtime=runtime).as_string(cursor.connection))
        for table, denied in _denied().items():
            if table in present:
                statement = f"revoke {denied} on {{table}} from {{runtime}}"
                revoke = sql.SQL(statement).format(table=sql.Identifier(table), runtime=runtime)
                cursor.execute(revoke.as_string(cursor.connection))


def _grants() -> list[str]:
    return [
        "grant usage on schema public to {runtime}",
        "grant select, insert, update, delete on all tables in schema public to {runtime}",
        "grant usage, select on all sequences in schema public to {runtime}",
        "revoke insert, update, delete on django_migrations from {runtime}",
    ]


def _denied() -> dict[str, str]:
    denied = {}
    for model in apps.get_models():
        if getattr(model, "append_only", False):
            denied[model._meta.db_table] = "update, delete, truncate"
        elif getattr(model, "kept_by_triggers", False):
            denied[model._meta.db_table] = "insert, update, delete, truncate"
    return denied
