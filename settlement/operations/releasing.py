"""What waits, and how it goes on: taken back while the gate is shut, released by one, by two, or by the batch."""

from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from settlement import autosettle, ledger, legs
from settlement.ledger import Posting
from settlement.models import Settlement
from settlement.operations import undone
from settlement.operations.paying import obstacle_of, stop
from settlement.operations.waiting import wake
from trading.lib import jobs
from trading.lib.errors import Conflict, NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User
from users.operations.scopes import require_served
from users.policies import require_meaningful

Status = Settlement.Status
SWEPT_AT_ONCE = 200
LOOKED_AT = 1_000  # of the backlog, for one batch: what cannot be paid must not keep the rest from going on
RELEASE = "settlement.release"


class AboveReleaseThreshold(Conflict):
    """Two people decide this one."""

    code = "above_release_threshold"
    text = _("{ref} is of {threshold} USDT or more: propose its release, and somebody else decides.")


class NotReleasable(Conflict):
    """It does not wait for a release (any more)."""

    code = "not_releasable"
    text = _("{ref} does not wait for a release: it is {status}.")


class CannotBePaid(Conflict):
    """Released, it would stop again at once."""

    code = "cannot_be_paid"
    text = _("{ref} cannot be paid at present ({obstacle}). Mend that first.")


def locked(ref: str) -> Settlement:
    """
    Lock a settlement. Assumes a transaction.

    :raises NotFound: there is none.
    """
    rows = Settlement.objects.select_related("client", "lp", "quote_asset", "destination")
    found = rows.select_for_update(of=("self",)).filter(ref=ref).first()
    if found is None:
        raise NotFound(ref=ref)
    return found


@operation
def release_settlement(*, ref: str, actor: User, reason: str, now: datetime) -> Settlement:
    """
    Send a small flagged-off settlement on its way, flag or no flag; larger ones are proposed (`settlement.release`).

    :raises MissingCapability: the actor lacks `settlement.release`.
    :raises AboveReleaseThreshold: two people must decide this one.
    :raises NotReleasable: it is no longer flagged off.
    :raises CannotBePaid: it would stop again at once.
    :raises MeaninglessReason: the reason says too little.
    """
    capabilities.require(actor, RELEASE)
    reason = require_meaningful(reason)
    settlement = locked(ref)
    require_served(actor, settlement.client_id)
    gate = autosettle.read()
    if settlement.status != Status.FLAGGED_OFF:
        raise NotReleasable(ref=ref, status=settlement.get_status_display())
    if settlement.base_amount >= gate.threshold:
        raise AboveReleaseThreshold(ref=ref, threshold=f"{gate.threshold.normalize():f}")
    require_payable(settlement, gate, now=now)
    change = audit.Change(before={"status": settlement.status}, reason=reason, capability=RELEASE)
    send_on(settlement, why="released", now=now)
    audit.record("settlement.released", actor=actor, subject=settlement, at=now, change=change)
    return settlement


def require_payable(settlement: Settlement, gate: autosettle.Gate, *, now: datetime) -> None:
    """
    Look again at what stopped it, or would.

    :raises CannotBePaid: transfers are halted, no wallet has the money, the address is not usable.
    """
    obstacle = autosettle.HALTED if gate.is_halted else obstacle_of(settlement, now=now)
    if obstacle:
        raise CannotBePaid(ref=settlement.ref, obstacle=obstacle)


def send_on(settlement: Settlement, *, why: str, now: datetime) -> None:
    """Approve a settlement that people released, and have it paid. Assumes it locked."""
    settlement.move(Status.APPROVED, at=now, reason=why, detail="", is_released=True)
    jobs.defer("settlement.pay", settlement_id=settlement.pk, lock=settlement.ref)


def backlog(threshold: Decimal) -> QuerySet[Settlement]:
    """List what a batch may release: flagged off and small, oldest first."""
    return Settlement.objects.filter(status=Status.FLAGGED_OFF, base_amount__lt=threshold).order_by("pk")


def release_batch(*, number: int, gate: autosettle.Gate, now: datetime) -> tuple[list[str], dict[str, str]]:
    """
    Release the oldest small ones, each looked at again. Assumes the transaction that two people decided.

    Returns the refs of those that go on, and of those that cannot, with what stands in their way.
    """
    rows = backlog(gate.threshold).select_related("client", "lp", "quote_asset", "destination")
    released: list[str] = []
    left: dict[str, str] = {}
    for settlement in rows.select_for_update(of=("self",), skip_locked=True)[:LOOKED_AT]:
        if len(released) == number:
            break
        obstacle = obstacle_of(settlement, now=now)
        if obstacle:
            left[settlement.ref] = obstacle
            continue
        send_on(settlement, why="backlog_released", now=now)
        released.append(settlement.ref)
    return released, left


@operation
def sweep(*, now: datetime) -> int:
    """Take approved settlements back while the gate is shut, oldest first, so many at once; the answer is how many."""
    gate = autosettle.read()
    if gate.moves_by_itself:
        return 0
    waiting = Settlement.objects.filter(status=Status.APPROVED).order_by("pk")
    if not gate.is_halted:
        waiting = waiting.filter(is_released=False)
    rows = list(waiting.select_for_update(skip_locked=True)[:SWEPT_AT_ONCE])
    for settlement in rows:
        stop(settlement, Status.FLAGGED_OFF, gate.obstacle, now=now)
    if len(rows) == SWEPT_AT_ONCE:
        jobs.defer("settlement.sweep", lock="settlement.sweep")
    return len(rows)


def cancel(settlement: Settlement, *, now: datetime) -> None:
    """
    Let the client's money go and undo what LP and desk owe each other. Assumes it locked, and two who decided.

    What was delivered before the chain undid it is booked back.
    """
    if settlement.settled_at is None:
        lines = legs.client_release(settlement) + legs.lp_accrual_undone(settlement)
        ledger.post(Posting(f"cancel:{settlement.ref}", "cancel", settlement.ref, lines))
    else:
        undone.reverse(settlement)
    settlement.move(Status.CANCELLED, at=now, reason="cancelled", detail="")
    wake(settlement.client)
