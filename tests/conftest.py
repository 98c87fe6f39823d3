"""
Tests commit for real: deferred triggers fire, transaction ids differ, other connections see it.

What a test wrote is swept away after it by a function only the owner of the test database has.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test.utils import setup_databases, teardown_databases

from tests import remembered, template
from trading.env import BASE_DIR
from trading.sandbox.bench.trips import counting

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")  # which of the processes that share a run
# The first limits of settlement, withdrawals and wallets, and the first alert rules, come with the schema; later go.
RESET = """
create or replace function test_reset(kept text[], limits text[]) returns void language plpgsql
    security definer set search_path = pg_catalog, public as $$
declare
    name text;
    filled boolean;
    is_later boolean;
    dirty text[] := '{}';
begin
    for name in
        select tablename from pg_tables where schemaname = 'public' and tablename <> all (kept)
        order by tablename = 'procrastinate_jobs', tablename
    loop
        execute format('select exists (select from %I)', name) into filled;
        if filled then
            dirty := dirty || name;
        end if;
    end loop;
    set constraints all deferred;
    foreach name in array dirty loop
        execute format('alter table %I disable trigger user', name);
        execute format('delete from %I', name);
    end loop;
    set constraints all immediate;
    foreach name in array dirty loop
        execute format('alter table %I enable trigger user', name);
    end loop;
    foreach name in array limits loop
        execute format('select exists (select from %I where version > 1)', name) into is_later;
        if is_later then
            execute format('alter table %I disable trigger user', name);
            execute format('delete from %I where version > 1', name);
            execute format('alter table %I enable trigger user', name);
        end if;
    end loop;
end $$;
"""


@pytest.fixture(scope="session", autouse=True)
def static_files(django_test_environment: None) -> None:
    """Collected and hashed, as in production; once for what there is, however many processes and runs share it."""
    place = settings.STATIC_ROOT
    place.mkdir(exist_ok=True)
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made_of, known = place / ".made-of", _what_is_collected()
        if not made_of.exists() or made_of.read_text() != known:
            call_command("collectstatic", interactive=False, verbosity=0)
            made_of.write_text(known)


def _what_is_collected() -> str:
    digest = hashlib.sha256((BASE_DIR / "trading/settings.py").read_bytes())
    digest.update((BASE_DIR / "requirements/dev.txt").read_bytes())
    for finder in get_finders():
        for name, storage in finder.list([]):
            digest.update(f"{name} {storage.size(name)} {storage.get_modified_time(name)}".encode())
    return digest.hexdigest()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Argon2 as in production, at its smallest size: most of the suite's time would go into being slow on purpose."""
    with pytest.MonkeyPatch.context() as smallest:
        smallest.setattr(Argon2PasswordHasher, "time_cost", 1)
        smallest.setattr(Argon2PasswordHasher, "memory_cost", 8)
        smallest.setattr(Argon2PasswordHasher, "parallelism", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def cursors_end_with_their_transaction() -> Iterator[None]:
    """Behind a pool that lends transactions, a cursor that outlives its own is on somebody else's connection."""
    made = DatabaseWrapper.chunked_cursor

    def only_within(self: DatabaseWrapper) -> Any:
        assert self.in_atomic_block, "`.iterator()` outside of a transaction: read in pages, or open one"
        return made(self)

    with pytest.MonkeyPatch.context() as guarded:
        guarded.setattr(DatabaseWrapper, "chunked_cursor", only_within)
        yield


# A worker's threads end some time after it; a session of theirs would keep the database from going.
LEFT_BEHIND = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
"""


# Longer than in production: on a machine with much else to do, somebody in a long queue waits longer than 5 seconds.
PATIENT = "-c statement_timeout=120s -c lock_timeout=60s -c idle_in_transaction_session_timeout=300s"


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Make the test database as the owner and work in it as the runtime role."""
    for alias in ("default", "owner"):
        settings_dict = connections[alias].settings_dict
        settings_dict["TEST"]["NAME"] = "_".join(filter(None, ["test", settings_dict["NAME"], WORKER]))
    connections["default"].settings_dict["OPTIONS"]["options"] = PATIENT
    with django_db_blocker.unblock():
        name = connections["owner"].settings_dict["TEST"]["NAME"]
        is_copied = template.copy_to(name)
        made = setup_databases(
            0,
            interactive=False,
            keepdb=is_copied,
            aliases={"default": False, "owner": False},
            serialized_aliases=set(),
        )
        if not is_copied:
            template.keep(name)
        with connections["owner"].cursor() as cursor:
            cursor.execute(RESET)
            cursor.execute(remembered.SCHEMA)
        connections["owner"].close()
        connections.settings["default"]["CONN_MAX_AGE"] = 0  # threads of servers end with every test
    yield
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(LEFT_BEHIND)
        connections["default"].close()
        teardown_databases(made, 0)


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database, empty but for reference rows."""
    with django_db_blocker.unblock():
        yield
        if connection.connection is not None and connection.in_atomic_block:
            pytest.fail("the test left a transaction open")
        with connection.cursor() as cursor:
            cursor.execute("select test_reset(%s, %s)", [remembered.KEPT, remembered.LIMITS])


@pytest.fixture
def transactional_db(db: None) -> None:
    """The same: every test commits."""


@pytest.fixture
def owner(db: None) -> Iterator[Any]:
    """A cursor as the role that owns the tables: for what even it must not be able to do."""
    with connections["owner"].cursor() as cursor:
        yield cursor
    connections["owner"].close()


@pytest.fixture
def round_trips() -> Any:
    """Count how often the connection waits for the server: every ReadyForQuery it receives."""
    return partial(counting, connection)
