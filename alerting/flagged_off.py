"""Operations hear that deliveries wait for people: once in a window, with the number of what was held back since."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Count, Min

from alerting.models import Alert, OutboundMessage
from alerting.readers import Routing, readers
from settlement import autosettle
from settlement.models import Settlement
from trading.lib.chat import message
from trading.lib.operations import operation
from users import audit
from users.models import Role, User

log = logging.getLogger(__name__)
NAME = "flagged_off"


class Verdict(StrEnum):
    """What came of looking: told, held back because it was told a while ago, or nothing to tell."""

    TOLD = "told"
    HELD_BACK = "held_back"
    QUIET = "quiet"


@operation
def look_at_flagged_off(*, now: datetime) -> Verdict:
    """
    Tell operations how many deliveries are flagged off, if as many as `FLAGGED_OFF_ALERT_FROM` are.

    At most once in `FLAGGED_OFF_ALERT_SECONDS`, however many look at the same time; who looks sooner only counts.
    """
    Alert.objects.get_or_create(name=NAME)
    alert = Alert.objects.select_for_update().get(name=NAME)
    number, oldest = _waiting()
    if number < settings.FLAGGED_OFF_ALERT_FROM or oldest is None:
        return Verdict.QUIET
    window = timedelta(seconds=settings.FLAGGED_OFF_ALERT_SECONDS)
    if alert.told_at is not None and now < alert.told_at + window:
        alert.held_back += 1
        alert.held_back_since += 1
        alert.save(update_fields=["held_back", "held_back_since"])
        log.info("%s deliveries are flagged off; told at %s, so held back", number, alert.told_at)
        return Verdict.HELD_BACK
    facts = {"count": number, "oldest": oldest.isoformat(), "held_back": alert.held_back_since} | _switches()
    alert.told_at, alert.told, alert.held_back_since = now, alert.told + 1, 0
    alert.save(update_fields=["told_at", "told", "held_back_since"])
    audit.record("alert.flagged_off", actor=None, subject=alert, at=now, change=audit.Change(after=facts))
    log.warning("%s deliveries are flagged off, the oldest since %s", number, oldest)
    return Verdict.TOLD


def _waiting() -> tuple[int, datetime | None]:
    rows = Settlement.objects.filter(status=Settlement.Status.FLAGGED_OFF)
    found = rows.aggregate(number=Count("pk"), oldest=Min("created_at"))
    return found["number"], found["oldest"]


def _switches() -> dict[str, bool]:
    is_on = settings.AUTO_SETTLEMENT_ALLOWED and autosettle.is_set(autosettle.FLAG)
    return {"is_on": is_on, "is_halted": autosettle.is_set(autosettle.HALT)}


def told(routing: Routing) -> Iterator[OutboundMessage]:
    """All of operations: the number alone, so whoever serves whom does not matter."""
    facts = routing.event.after
    oldest = datetime.fromisoformat(facts["oldest"])
    for reader in readers(User.objects.filter(role_grants__role=Role.OPS, role_grants__revoked_at=None)):
        yield routing.text(
            reader,
            lambda voice: message("telegram/flagged_off.html", {**facts, "oldest": voice.clock(oldest)}),
        )
