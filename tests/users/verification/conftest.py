"""A desk with a history, what a verification finds of it, and the owner's hand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests import factories
from trading.lib import clock
from users import operations
from users.models import AuditSeal, User


@pytest.fixture
def desk(db: None) -> User:
    """A desk with a history: people, roles, a suspension, a changed policy, the flag; all sealed."""
    tara = factories.user("trader", of=factories.counterparty())
    factories.carry("role.grant", factories.user("ops").ref, role="auditor")
    factories.user("approver")
    factories.carry("policy.change", "user.approve", expires_after=3600)
    rejected = factories.newcomer()
    factories.carry("user.reject", rejected.ref)
    factories.carry("user.reopen", rejected.ref)
    suspended = factories.user("trader")
    operations.suspend_user(user=suspended, actor=None, reason="A stolen phone.", now=clock.now())
    factories.carry("user.reactivate", suspended.ref)
    factories.turn_flag_on()
    factories.decide(factories.propose("user.approve", factories.newcomer().ref, roles=[]), verdict="decline")
    seal()
    return tara


def seal() -> None:
    while operations.seal_audit(now=clock.now()):
        pass


def verify(*arguments: str) -> dict[str, Any]:
    """Run the command; the exit code it ends with must be the one it prints."""
    out, code = StringIO(), 0
    try:
        call_command("audit_verify", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    report: dict[str, Any] = json.loads(out.getvalue())
    assert report["exit_code"] == code
    return report


def found(*arguments: str) -> tuple[int, str]:
    """The exit code, and all that was found."""
    report = verify(*arguments)
    return report["exit_code"], "\n".join(f"{one['kind']}: {one['where']} {one['what']}" for one in report["findings"])


@contextmanager
def unguarded(owner: Any, *tables: str) -> Iterator[None]:
    """As the owner of the tables, with their triggers off for a moment."""
    for table in tables:
        owner.execute(f"alter table {table} disable trigger user")
    yield
    for table in tables:
        owner.execute(f"alter table {table} enable trigger user")


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchors"


def cut_last_seal(owner: Any) -> None:
    """Remove the last seal and all its events: what is left is a chain without a fault."""
    last = AuditSeal.objects.order_by("-number")[0]
    with unguarded(owner, "users_auditevent", "users_auditseal"):
        owner.execute("delete from users_auditseal where number = %s", [last.number])
        owner.execute("delete from users_auditevent where id = any (%s)", [last.event_ids])
