import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.setup.conftest import MakeCluster
from trading.sandbox import localenv, postgres, processes, provision
from trading.sandbox.binaries import find
from trading.sandbox.localenv import ROOT, SetupError
from trading.sandbox.postgres import Cluster, Role, desk_roles

pytestmark = pytest.mark.processes


def start(cluster: Cluster) -> tuple[str, str]:
    port = localenv.free_port()
    cluster.prepare()
    cluster.start(port)
    return cluster.url(cluster.roles[0], port), cluster.url(cluster.roles[1], port)


def one(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row
    return row[0]


def test_owner_may_migrate_and_the_app_role_owns_nothing(make_cluster: MakeCluster) -> None:
    owner, app = start(make_cluster())

    assert (
        one(owner, "select pg_get_userbyid(datdba) from pg_database where datname = current_database()") == "desk_owner"
    )
    assert one(owner, "select rolcreatedb from pg_roles where rolname = current_user") is True
    assert (
        one(app, "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user") is False
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(app) as connection:
        connection.execute("create table mine (id int)")


def test_nobody_logs_in_as_superuser_or_without_the_password(make_cluster: MakeCluster) -> None:
    owner, _ = start(make_cluster())

    for stranger in (owner.replace("desk_owner:", "postgres:"), owner.replace("owner-secret", "guess")):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(stranger)


def test_data_survive_a_stop_and_a_second_start(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    owner, _ = start(cluster)
    with psycopg.connect(owner) as connection:
        connection.execute("create table kept as select 7 as number")
    cluster.stop()

    owner, _ = start(cluster)

    assert one(owner, "select number from kept") == 7


def test_killed_server_starts_again_with_its_data(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(throw_away=False)
    owner, _ = start(cluster)
    with psycopg.connect(owner) as connection:
        connection.execute("create table kept as select 7 as number")
    pid = cluster.server_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    cluster.stop()

    owner, _ = start(cluster)

    assert one(owner, "select number from kept") == 7


def test_stale_lock_with_the_number_of_a_living_stranger_is_no_obstacle(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    start(cluster)
    pid = cluster.server_pid()
    assert pid
    lock = cluster.data / "postmaster.pid"
    held = lock.read_text()
    os.kill(pid, signal.SIGKILL)
    cluster.stop()
    account = {"user": cluster.account.uid} if cluster.account else {}
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **account)  # type: ignore[call-overload]
    lock.write_text(held.replace(str(pid), str(stranger.pid), 1))

    try:
        start(cluster)
    finally:
        stranger.kill()
        stranger.wait()

    assert cluster.server_pid() not in {None, stranger.pid}


def test_half_made_data_folder_is_made_anew(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    (cluster.data / "base").mkdir(parents=True)

    owner, _ = start(cluster)

    assert one(owner, "select 1") == 1


def test_new_passwords_of_a_new_desk_env_are_taken_over(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    start(cluster)
    cluster.stop()

    owner, app = start(make_cluster(*desk_roles("new-owner", "new-app")))

    assert (one(owner, "select 1"), one(app, "select 1")) == (1, 1)


def test_folder_is_claimed_by_one_at_a_time(make_cluster: MakeCluster) -> None:
    first, second = make_cluster(), make_cluster()

    assert first.claim()
    assert not second.claim(wait=False)
    first.release()
    assert second.claim(wait=False)
    second.release()


def test_taken_port_is_told_in_one_sentence(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.prepare()
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SetupError, match="could not create any TCP/IP sockets"),
    ):
        cluster.start(taken.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_server_ends_when_its_parent_is_killed(make_cluster: MakeCluster, workplace: Path) -> None:
    cluster = make_cluster()
    script = (
        "import sys, pathlib, time; from trading.sandbox import localenv, postgres\n"
        "c = postgres.Cluster(pathlib.Path(sys.argv[1]), postgres.desk_roles('a', 'b'), throw_away=True)\n"
        "c.prepare(); c.start(localenv.free_port()); print(c.server_pid(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(workplace / "postgres")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert processes.wait_gone(pid, 10)
    assert cluster.server_pid() is None


def test_named_folder_without_postgres_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGBIN", str(tmp_path))

    with pytest.raises(SetupError, match="PGBIN"):
        find()


class TestOwnServer:
    """DATABASE_URL names a server: the runtime role is made there."""

    ADMIN = Role("admin", "admin-secret", "createrole createdb")
    PLAIN = Role("plain", "plain-secret")

    @pytest.fixture
    def server(self, make_cluster: MakeCluster) -> Cluster:
        cluster = make_cluster(self.ADMIN, self.PLAIN)
        self.port = localenv.free_port()
        cluster.prepare()
        cluster.start(self.port)
        return cluster

    def test_runtime_role_is_made_once_and_may_connect(self, server: Cluster) -> None:
        admin = server.url(self.ADMIN, self.port) + "?application_name=setup"

        first = provision.provision(admin, "secret one")
        again = provision.provision(admin, "secret/two@")

        assert first[0] == again[0] == admin
        assert one(again[1], "select current_user") == "desk_app"
        assert one(again[1], "show application_name") == "setup"

    def test_role_that_may_not_make_roles_is_told_what_to_do(self, server: Cluster) -> None:
        with pytest.raises(SetupError, match=r"give it CREATEROLE, or .* set DATABASE_OWNER_URL"):
            provision.provision(server.url(self.PLAIN, self.port), "secret")

    def test_both_addresses_given_are_taken_as_they_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://app@nowhere/desk")
        monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner@nowhere/desk")

        with postgres.for_tests() as urls:
            assert urls == ("postgresql://owner@nowhere/desk", "postgresql://app@nowhere/desk")

    def test_unreachable_server_is_told(self) -> None:
        with pytest.raises(SetupError, match="DATABASE_URL cannot be used"):
            provision.provision(f"postgresql://a:b@127.0.0.1:{localenv.free_port()}/desk", "secret")
