"""The limits of settlement as they hold now: one row, the newest version."""

import re
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from settlement.models import SettlementPolicy

SUBJECT = "SETTLEMENT"
HIGHEST = {"backlog_batch": 500, "most_waiting": 100_000, "oldest_hours": 24 * 30, "sla_minutes": 60 * 24 * 7}
PLAIN_AMOUNT = re.compile(r"[1-9][0-9]{0,11}(\.[0-9]{1,6})?", re.ASCII)
FIELDS: dict[str, str | Promise] = {
    "release_threshold": _("Two people release from (USDT)"),
    "backlog_batch": _("Released in one batch at most"),
    "most_waiting": _("No new trades when so many wait"),
    "oldest_hours": _("No new trades when one waits for so many hours"),
    "sla_minutes": _("Late when not settled within so many minutes"),
}


def current() -> SettlementPolicy:
    """Read the newest version; the schema brings the first. One query."""
    return SettlementPolicy.objects.latest("version")


def values_of(policy: SettlementPolicy) -> dict[str, object]:
    """Write a version as details and evidence have it."""
    values = {name: getattr(policy, name) for name in FIELDS}
    return {**values, "release_threshold": f"{policy.release_threshold.normalize():f}"}


def amount_of(written: object) -> Decimal | None:
    """Read an amount of the details: a text of plain digits, six decimals at most; nothing when it is none."""
    if not isinstance(written, str) or not PLAIN_AMOUNT.fullmatch(written):
        return None
    return Decimal(written)
