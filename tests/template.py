"""
The migrated database, kept in the tests' private server: a run copies it instead of migrating anew.

It is of one state of the migrations and of what they import; any change of those makes a new one.
"""

import hashlib
from typing import Any

from django.db import connections

from tests import environment
from trading.env import BASE_DIR

PREFIX = "desk_template_"
MADE_OF = (
    "*/migrations/*.py",
    "trading/lib/*.py",
    "trading/settings.py",
    "users/models/approvals.py",
    "requirements/dev.txt",
)


def copy_to(name: str) -> bool:
    """Make the database a copy of the kept one; False when there is none of this state."""
    if not environment.IS_PRIVATE:
        return False
    with _server() as cursor:
        cursor.execute("select exists (select from pg_database where datname = %s)", [_name()])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(f"drop database if exists {name} with (force)")
        cursor.execute(f"create database {name} template {_name()}")
        return True


def keep(name: str) -> None:
    """Keep a copy of the database, just migrated, instead of those of other states. Nobody may be connected to it."""
    if not environment.IS_PRIVATE:
        return
    with _server() as cursor:
        cursor.execute("select datname from pg_database where starts_with(datname, %s)", [PREFIX])
        for (old,) in cursor.fetchall():
            cursor.execute(f"drop database {old} with (force)")
        cursor.execute(f"create database {_name()} template {name}")


def _server() -> Any:
    connections["owner"].close()
    return connections["owner"]._nodb_cursor()


def _name() -> str:
    digest = hashlib.sha256()
    for pattern in MADE_OF:
        for path in sorted(BASE_DIR.glob(pattern)):
            digest.update(str(path.relative_to(BASE_DIR)).encode() + path.read_bytes())
    return PREFIX + digest.hexdigest()[:16]
