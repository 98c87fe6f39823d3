"""What a reconciliation found: kept, told once, and payouts stopped for it. Whether this database is a restored one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db import connection

from settlement import autosettle
from settlement.models import ChainReading, DatabaseHome, Outflow, Reconciliation, TransferAttempt, Wallet
from settlement.operations.flag import SwitchSubject
from settlement.operations.pausing import locked, paused
from settlement.pauses import DIFFERENCE, NONCE_MOVED, RESTORED
from trading.lib import jobs
from trading.lib.operations import operation
from users import audit

TOLD_AT_MOST = 8
BLIND_AFTER = 5  # rounds in which the same could not be looked at
HOME_LOCK = 7002
# A copy in another database has another oid; one in another cluster another identifier, one rolled forward from a base
# backup another timeline, where the server lets its users see these.
MAY_SEE = """
select has_function_privilege('pg_control_system()', 'execute')
    and has_function_privilege('pg_control_checkpoint()', 'execute')
"""
OID = "select oid::text from pg_database where datname = current_database()"
IDENTITY = """
select concat_ws('/', (select system_identifier from pg_control_system()),
    (select timeline_id from pg_control_checkpoint()),
    (select oid from pg_database where datname = current_database()))
"""


class Found(Protocol):
    """A difference: which check says so, about what, and whether payouts stop for it."""

    @property
    def check(self) -> str:
        """Which check says so."""

    @property
    def ref(self) -> str:
        """What it is about."""

    @property
    def wallet(self) -> str:
        """The wallet it is about; "" when it is about the books."""

    @property
    def halts(self) -> bool:
        """Whether payouts stop."""

    def as_dict(self) -> dict[str, object]:
        """Plain values."""


class SeenOutgoing(Protocol):
    """A transfer out of a wallet, as a block has it."""

    @property
    def tx_hash(self) -> str:
        """Its transaction."""

    @property
    def log_index(self) -> int:
        """Its place in the block."""

    @property
    def block_number(self) -> int:
        """The block."""

    @property
    def to_address(self) -> str:
        """To whom."""

    @property
    def amount_minor(self) -> int:
        """How much."""


@dataclass(slots=True)
class Outcome:
    """One round of comparing; `counts` are accounts, journals and entries where the books were compared."""

    begun_at: datetime
    counts: tuple[int, int, int] | None = None
    wallets: dict[str, dict[str, object]] = field(default_factory=dict)
    differences: list[Any] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "; ".join([*map(str, self.differences), *self.unseen]) or "everything agrees"


@operation
def record_reconciliation(*, outcome: Outcome, now: datetime) -> Reconciliation:
    """
    Keep what was found; pause the wallets that differ, halt all transfers where the books do.

    A difference is told when it is new or has changed. One in the books halts when it is new: two people who know it
    may let transfers go on.
    """
    before = list(_of_same_kind(outcome).order_by("-pk")[:BLIND_AFTER])
    accounts, journals, entries = outcome.counts or (None, None, None)
    row = Reconciliation.objects.create(
        begun_at=outcome.begun_at,
        ended_at=now,
        accounts=accounts,
        journals=journals,
        entries=entries,
        wallets=outcome.wallets,
        differences=[one.as_dict() for one in outcome.differences],
        unseen=outcome.unseen,
    )
    halting = [one for one in outcome.differences if one.halts]
    stopped = _pause_differing({one.wallet for one in halting if one.wallet}, now=now)
    known = _about(before[0].differences) if before else set()
    is_new = any((one.check, one.ref) not in known for one in halting if not one.wallet)
    is_halted = is_new and _halt(row, now=now)
    _tell(row, before, stopped=stopped, is_halted=is_halted, now=now)
    return row


def _of_same_kind(outcome: Outcome) -> Any:
    return Reconciliation.objects.filter(accounts__isnull=outcome.counts is None)


def _about(differences: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["check"], one["ref"]) for one in differences}


def _pause_differing(names: set[str], *, now: datetime) -> list[str]:
    wallets = Wallet.objects.filter(name__in=names, paused_at=None).order_by("pk")
    return [paused(pk, DIFFERENCE, now=now).name for pk in wallets.values_list("pk", flat=True)]


def _halt(row: Reconciliation, *, now: datetime) -> bool:
    """Stop everything that pays; False when it is stopped already."""
    if autosettle.write(autosettle.HALT, is_on=True):
        return False
    sending = TransferAttempt.objects.exclude(sending_since=None).order_by("transfer__pk")
    after = {"is_on": True, "sending": list(sending.values_list("transfer__ref", flat=True)), "found_by": row.ref}
    change = audit.Change(before={"is_on": False}, after=after, reason=DIFFERENCE)
    audit.record("transfers.halted", actor=None, subject=SwitchSubject(autosettle.HALT), at=now, change=change)
    jobs.defer("settlement.sweep", lock="settlement.sweep")
    return True


def _tell(
    row: Reconciliation, before: Sequence[Reconciliation], *, stopped: list[str], is_halted: bool, now: datetime
) -> None:
    was = before[0].differences if before else []
    said = [f"{one['check']}: {one['ref']} {one['what']}" for one in row.differences]
    facts = {"count": len(said), "lines": said[:TOLD_AT_MOST], "wallets": stopped, "is_halted": is_halted}
    if row.differences and (row.differences != was or stopped or is_halted):
        audit.record("reconciliation.differed", actor=None, subject=row, at=now, change=audit.Change(after=facts))
    elif was and not row.differences:
        audit.record("reconciliation.agreed", actor=None, subject=row, at=now, change=audit.Change(after=facts))
    if blind := _blind(row, before):
        change = audit.Change(after={"count": len(blind), "lines": blind[:TOLD_AT_MOST]})
        audit.record("reconciliation.blind", actor=None, subject=row, at=now, change=change)


def _blind(row: Reconciliation, before: Sequence[Reconciliation]) -> list[str]:
    """What could not be looked at for so many rounds by now; told in the last of them alone."""
    if len(before) < BLIND_AFTER - 1:
        return []

    def subjects(one: Reconciliation) -> set[str]:
        return {text.partition(": ")[0] for text in one.unseen}

    always = subjects(row).intersection(*map(subjects, before[: BLIND_AFTER - 1]))
    if len(before) == BLIND_AFTER:
        always -= subjects(before[-1])
    return [text for text in row.unseen if text.partition(": ")[0] in always]


@operation
def record_outflows(*, wallet_id: int, found: Sequence[SeenOutgoing], until: int, now: datetime) -> None:
    """Keep what left a wallet, each once, and that its chain is read so far."""
    rows = [
        Outflow(
            wallet_id=wallet_id,
            tx_hash=one.tx_hash,
            log_index=one.log_index,
            block_number=one.block_number,
            to_address=one.to_address,
            amount_minor=one.amount_minor,
            seen_at=now,
        )
        for one in found
    ]
    Outflow.objects.bulk_create(rows, ignore_conflicts=True)
    ChainReading.objects.get_or_create(wallet_id=wallet_id, defaults={"first": until, "last": until})
    ChainReading.objects.filter(wallet_id=wallet_id, last__lt=until).update(last=until)


@operation
def pause_if_behind(*, wallet_id: int, used: int, now: datetime) -> Wallet:
    """Pause a wallet of which the chain has more transactions than the books have drawn nonces."""
    wallet = locked(wallet_id)
    return paused(wallet_id, NONCE_MOVED, now=now) if used > wallet.next_nonce else wallet


@operation
def notice_home(*, now: datetime) -> bool:
    """
    Whether this database is another one than it was: a restored copy. Then every wallet is paused.

    The first time it only writes down which one it is.
    """
    identity = _identity()
    last = DatabaseHome.objects.order_by("-pk").first()
    if last is not None and last.identity == identity:
        return False
    DatabaseHome.objects.create(identity=identity, seen_at=now)
    if last is None:
        return False
    _restored(identity, reason="", now=now)
    return True


@operation
def declare_restored(*, reason: str, now: datetime) -> int:
    """Say that this database was restored, whatever it looks like; how many wallets are paused for it by now."""
    identity = _identity()
    DatabaseHome.objects.create(identity=identity, is_restored=True, seen_at=now)
    return _restored(identity, reason=reason, now=now)


def _identity() -> str:
    """Which database this is. Whoever looks at the same time waits until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [HOME_LOCK])
        cursor.execute(MAY_SEE)
        cursor.execute(IDENTITY if cursor.fetchone()[0] else OID)
        return str(cursor.fetchone()[0])


def _restored(identity: str, *, reason: str, now: datetime) -> int:
    wallets = Wallet.objects.order_by("pk").values_list("pk", flat=True)
    names = [paused(pk, RESTORED, now=now).name for pk in wallets]
    change = audit.Change(after={"identity": identity, "wallets": names}, reason=reason)
    audit.record("database.restored", actor=None, subject=SwitchSubject("DATABASE"), at=now, change=change)
    return len(names)
