"""Backup, drill and restore with PostgreSQL's own programs on a real desk; only the containers are played."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from psycopg import sql

from settlement import pauses
from settlement.models import Entry, Wallet
from tests import factories
from tests.crash.running import environment
from tests.deploy.yard import DEPLOY, Yard
from tests.tiers import sampled
from trading.lib import clock
from trading.sandbox.binaries import Binaries
from trading.sandbox.localenv import ROOT
from users import operations
from users.models import AuditEvent, AuditSeal, User
from users.queries.log import BACKUP_MADE, DRILL_PASSED

OK, NOT, LOCKED, NONE = 0, 1, 75, 3

# What `docker compose exec postgres` runs: the program itself. The superuser may not log in here; the owner stands in,
# who may make databases.
IN_POSTGRES = """#!/usr/bin/env bash
arguments=() last=
for each in "${{@:2}}"; do
    [ "$last $each" != "-U postgres" ] || each={owner}
    arguments+=("$each") last=$each
done
exec "{bin}/$1" "${{arguments[@]}}"
"""
# What `docker compose run tools` runs: the image's own entrypoint.
TOOLS = """#!/usr/bin/env bash
cd {root} && exec {entrypoint} "$@"
"""


class DataYard(Yard):
    """A yard whose containers reach the database of the tests."""

    def environment(self) -> dict[str, str]:
        at = connections["owner"].settings_dict
        told = environment()  # of a process of the desk: addresses and secrets
        (self.home / "url").write_text(told.pop("DATABASE_URL"))
        (self.home / "owner_url").write_text(
            f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
        )
        told.pop("DATABASE_OWNER_URL")
        own = super().environment()
        return told | own | {
            "PATH": f"{own['PATH'].partition(':')[0]}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL_FILE": str(self.home / "url"),
            "DATABASE_OWNER_URL_FILE": str(self.home / "owner_url"),
            "PGHOST": str(at["HOST"]), "PGPORT": str(at["PORT"]), "PGPASSWORD": str(at["PASSWORD"]),
            "DESK_DATABASE": self.database, "DESK_OWNER_ROLE": str(at["USER"]),
            "DESK_APP_ROLE": str(connections["default"].settings_dict["USER"]),
        }  # fmt: skip

    @property
    def database(self) -> str:
        return str(connections["default"].settings_dict["NAME"])

    def made(self) -> list[Path]:
        """The backups, the oldest first."""
        return sorted((self.home / "backups").glob("*.dump"))

    def databases(self) -> set[str]:
        """What was made beside the tests' own database and stays."""
        with connections["owner"].cursor() as cursor:
            cursor.execute("select datname from pg_database where datname like %s", [f"{self.database}\\_%"])
            return {row[0].removeprefix(self.database) for row in cursor.fetchall()}


@pytest.fixture
def desk(tmp_path: Path, db: None) -> Iterator[DataYard]:
    """A desk that runs, and has traded."""
    yard = DataYard(tmp_path)
    at = connections["owner"].settings_dict
    for name, text in {
        "in-postgres": IN_POSTGRES.format(bin=Binaries().folder, owner=at["USER"]),
        "tools": TOOLS.format(root=ROOT, entrypoint=DEPLOY / "entrypoint"),
    }.items():
        (yard.stub / name).write_text(text)
        (yard.stub / name).chmod(0o755)
    market = factories.market()
    factories.settled(market)
    while operations.seal_audit(now=clock.now()):
        pass
    release = yard.state / "releases/20261127T100000Z-1.0"
    release.mkdir(parents=True)
    (release / "release").write_text("IMAGE=desk:1.0\nVERSION=1.0\n")
    for name in ("compose.yaml", "desk.env"):
        (release / name).write_bytes(((DEPLOY if name == "compose.yaml" else tmp_path) / name).read_bytes())
    (yard.state / "current").symlink_to(release)
    close()
    yield yard
    close()
    with connections["owner"].cursor() as cursor:
        for name in yard.databases():
            cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(yard.database + name)))
        # What took its place is a desk's, where the runtime role makes no temporary tables; other tests do.
        cursor.execute(sql.SQL("grant temporary on database {} to public").format(sql.Identifier(yard.database)))
    connections["owner"].close()


def close() -> None:
    """Leave the database alone: whoever puts another in its place ends every session in it."""
    for connection in connections.all():
        connection.close()


def sum_of_entries() -> Any:
    return sorted(Entry.objects.values_list("account", "layer", "amount"))


@pytest.mark.parametrize("first", sampled(["", "drill"], ""))
def test_backup_comes_back_with_every_wallet_paused(desk: DataYard, first: str) -> None:
    before = sum_of_entries()
    status, said = desk.run("backup")
    assert status == OK, said
    (made,) = desk.made()
    noted = AuditEvent.objects.get(name=BACKUP_MADE)
    assert noted.after["detail"].startswith(f"{made.name} sha256:")
    assert made.stat().st_mode & 0o077 == 0

    later = factories.pending_user()
    if first:
        status, said = desk.run(first)
        assert status == OK, said
        assert AuditEvent.objects.get(name=DRILL_PASSED).after["detail"].startswith(made.name)
        assert desk.databases() == set()

    assert Wallet.objects.filter(pause_reason="").exists()
    close()
    status, said = desk.run("restore", str(made), "--yes")
    assert status == OK, said
    close()
    assert sum_of_entries() == before
    assert not User.objects.filter(pk=later.pk).exists()
    assert AuditEvent.objects.filter(name__in=[BACKUP_MADE, DRILL_PASSED]).count() == 0
    assert set(Wallet.objects.values_list("pause_reason", flat=True)) == {pauses.RESTORED}
    assert AuditEvent.objects.get(name="database.restored").reason.startswith(made.name)
    (kept,) = desk.databases()
    assert kept.startswith("_before_")
    assert desk.running() == {"1.0"}
    # Its workers ended before the databases changed places, and came up after the wallets were paused.
    order = [
        next(number for number, call in enumerate(desk.calls()) if words in call)
        for words in ("manage restored", "stop web-1", " rename to ", "180 worker")
    ]
    assert order == sorted(order)


def test_drill_and_restore_find_what_is_not_whole_and_change_nothing(desk: DataYard, owner: Any) -> None:
    event = AuditEvent.objects.order_by("pk")[1].pk
    assert AuditSeal.objects.filter(event_ids__contains=[event]).exists()
    owner.execute("alter table users_auditevent disable trigger user")
    owner.execute("update users_auditevent set reason = 'better' where id = %s", [event])
    owner.execute("alter table users_auditevent enable trigger user")
    close()
    assert desk.run("backup")[0] == OK
    (made,) = desk.made()

    status, said = desk.run("drill")
    assert status == NOT, said
    assert "verify failed" in said
    assert "was edited" in said

    sums = made.with_suffix(".sums")
    sums.write_text(sums.read_text().replace("rows users_user|", "rows users_user|1"))
    status, said = desk.run("restore", str(made), "--yes")
    assert status == NOT, said
    assert "sums failed" in said

    with made.open("ab") as dump:
        dump.write(b"?")
    for command in (("drill",), ("restore", str(made), "--yes")):
        status, said = desk.run(*command)
        assert (status, "checksum failed" in said) == (NOT, True), said
    assert desk.databases() == set()
    assert not AuditEvent.objects.filter(name__in=[DRILL_PASSED, "database.restored"]).exists()
    assert not any(call.startswith("stop") for call in desk.calls())


def test_backup_is_sent_away_or_is_none(desk: DataYard) -> None:
    send = desk.home / "send"
    send.write_text('#!/bin/sh\necho "$@" >>"$DESK_STATE/sent"\n[ -e "$DESK_STATE/reached" ]\n')
    send.chmod(0o755)

    assert desk.run("backup", DESK_BACKUP_SEND=str(send))[0] == NOT
    assert not AuditEvent.objects.filter(name=BACKUP_MADE).exists()
    (desk.state / "reached").touch()
    assert desk.run("backup", DESK_BACKUP_SEND=str(send), DESK_BACKUPS_KEPT="1")[0] == OK

    (made,) = desk.made()  # the one before went
    assert {path.suffix for path in (desk.home / "backups").iterdir()} == {".about", ".dump", ".sums"}
    files = [str(made.with_suffix(end)) for end in (".dump", ".sums", ".about")]
    assert (desk.state / "sent").read_text().splitlines()[-1].split() == files


def test_database_that_is_away_is_no_backup(desk: DataYard) -> None:
    status, said = desk.run("backup", PGHOST="127.0.0.1", PGPORT="9")

    assert status == NOT
    assert "the database does not answer" in said
    assert desk.made() == []


def test_nothing_to_do_is_said(desk: DataYard, yard: Yard) -> None:
    assert desk.run("drill")[0] == NONE
    assert desk.run("restore", "gone.dump", "--yes")[0] == NONE
    (yard.state / "current").unlink()
    for command in (("backup",), ("drill",), ("restore", "gone.dump", "--yes")):
        status, said = yard.run(*command)
        assert (status, "No release runs here" in said) == (NONE, True)
