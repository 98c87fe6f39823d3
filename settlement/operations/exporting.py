"""Noting who takes a copy of the books away, before they get it."""

from dataclasses import dataclass
from datetime import datetime

from trading.lib.operations import operation
from users import audit, capabilities
from users.models import AuditEvent, User


@dataclass(frozen=True, slots=True)
class Ledger:
    """What an export is about: one account, or the books as a whole."""

    ref: str


@operation
def record_ledger_export(*, of: str, filters: dict[str, str], actor: User, now: datetime) -> AuditEvent:
    """
    Note that somebody takes a copy of an account's entries or of the trial balance away.

    :param of: the account's code, or what else it is.
    :param filters: what the copy is limited to.
    :raises MissingCapability: the actor may not look at the ledger, or not take history away.
    """
    capabilities.require(actor, "ledger.view")
    capabilities.require(actor, "history.export")
    change = audit.Change(after={"of": of, "filters": filters}, capability="history.export")
    return audit.record("ledger.exported", actor=actor, subject=Ledger(of[:32]), at=now, change=change)
