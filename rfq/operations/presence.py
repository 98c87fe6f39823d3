"""An LP's program says that it is there; when it falls silent, its quotes go."""

from datetime import datetime, timedelta

from rfq.errors import Frozen, NoHeartbeat
from rfq.models import Heartbeat
from rfq.operations.pulling import pull_all
from rfq.operations.quoting import lp_of
from trading.lib import jobs
from trading.lib.clock import DatabaseClock
from trading.lib.jobs import Later
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User

SHORTEST, LONGEST = 5, 300
LAPSED, STOPPED = "heartbeat_lapsed", "heartbeat_stopped"


@operation
def beat(*, ttl_seconds: int, actor: User, now: datetime) -> Heartbeat:
    """
    The LP's program is there, and promises to say so again in time.

    While a promise is broken, none of the LP's quotes can be accepted; then they are pulled. Only the
    first beat and a broken promise are recorded as events, not each beat.

    :param ttl_seconds: within how many seconds the next beat comes, 5 to 300.
    :raises NotAnLp: the actor quotes for no LP.
    :raises Frozen: the LP may not trade at present.
    :raises NoHeartbeat: outside 5 to 300 seconds.
    """
    capabilities.require(actor, "rfq.quote")
    lp = lp_of(actor)
    if lp.status != Counterparty.Status.ACTIVE:
        raise Frozen(counterparty=lp.name)
    if not SHORTEST <= ttl_seconds <= LONGEST:
        raise NoHeartbeat(minimum=SHORTEST, maximum=LONGEST)
    Heartbeat.objects.get_or_create(lp=lp, defaults={"last_at": now})
    heartbeat = _lock(lp)
    if is_overdue(heartbeat):
        _lapse(heartbeat, now=now)
    begins = heartbeat.due_at is None
    heartbeat.last_at, heartbeat.due_at = now, now + timedelta(seconds=ttl_seconds)
    heartbeat.save(update_fields=["last_at", "due_at"])
    if begins:
        change = audit.Change(after={"ttl_seconds": ttl_seconds}, capability="rfq.quote")
        audit.record("lp.heartbeat_began", actor=actor, subject=lp, at=now, change=change)
        jobs.defer("rfq.watch_heartbeat", lp_id=lp.pk, later=Later(at=heartbeat.due_at))
    return heartbeat


@operation
def stop_beating(*, actor: User, now: datetime) -> Heartbeat:
    """
    The LP's program goes in good order: its quotes are pulled, and nothing is expected of it any more.

    :raises NotAnLp: the actor quotes for no LP.
    """
    capabilities.require(actor, "rfq.quote")
    lp = lp_of(actor)
    Heartbeat.objects.get_or_create(lp=lp, defaults={"last_at": now})
    heartbeat = _lock(lp)
    if heartbeat.due_at is not None:
        _end(heartbeat, STOPPED, actor=actor, now=now)
    return heartbeat


@operation
def watch_heartbeat(*, lp_id: int, now: datetime) -> None:
    """Pull the quotes of an LP whose promise is broken, or look again when the next one is due."""
    heartbeat = Heartbeat.objects.select_related("lp").select_for_update(of=("self",)).get(lp=lp_id)
    if is_overdue(heartbeat):
        _lapse(heartbeat, now=now)
    elif heartbeat.due_at is not None:
        jobs.defer("rfq.watch_heartbeat", lp_id=lp_id, later=Later(at=heartbeat.due_at))


def is_overdue(heartbeat: Heartbeat) -> bool:
    """Whether the promise is broken, by the database's clock. One query."""
    return Heartbeat.objects.filter(pk=heartbeat.pk, due_at__lte=DatabaseClock()).exists()


def _lock(lp: Counterparty) -> Heartbeat:
    return Heartbeat.objects.select_related("lp").select_for_update(of=("self",)).get(lp=lp)


def _lapse(heartbeat: Heartbeat, *, now: datetime) -> None:
    _end(heartbeat, LAPSED, actor=None, now=now)


def _end(heartbeat: Heartbeat, reason: str, *, actor: User | None, now: datetime) -> None:
    heartbeat.due_at = None
    heartbeat.save(update_fields=["due_at"])
    capability = "rfq.quote" if actor else ""
    pulled = pull_all(heartbeat.lp, reason=reason, actor=actor, capability=capability, now=now)
    change = audit.Change(after={"quotes_pulled": pulled}, capability=capability)
    audit.record(f"lp.{reason}", actor=actor, subject=heartbeat.lp, at=now, change=change)
