"""
The gate: whether settlements pay by themselves, and whether anything is paid at all.

Its one reader takes a shared lock inside the transaction that would move money; a flip takes the
same lock exclusively, so nothing is claimed after "off" or "halt" has committed. A switch that is
absent or cannot be read means off.
"""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import connection
from waffle.models import Switch

from trading.lib import prepared

FLAG = "AUTO_SETTLEMENT_ENABLED"
HALT = "TRANSFERS_HALTED"
LOCK = 7001
OFF, HALTED = "auto_settlement_off", "transfers_halted"


@dataclass(frozen=True, slots=True)
class Gate:
    """
    What may happen to money at this moment.

    `threshold` is USDT: from there on two people release. `is_full` says that too much waits, or for too long.
    """

    is_on: bool
    is_halted: bool
    threshold: Decimal
    is_full: bool

    @property
    def moves_by_itself(self) -> bool:
        """Whether a settlement that nobody released may be paid."""
        return self.is_on and not self.is_halted

    @property
    def obstacle(self) -> str:
        """The reason a settlement gives that the gate stops; "" when it is open."""
        if self.is_halted:
            return HALTED
        return "" if self.is_on else OFF


def read() -> Gate:
    """Read the gate, and keep it so until this transaction ends. One round trip."""
    with prepared.cursor() as cursor:
        cursor.execute("select * from settlement_gate()")
        return gate_of(*cursor.fetchone())


def gate_of(is_on: bool, is_halted: bool, threshold: Decimal, is_full: bool) -> Gate:  # noqa: FBT001 - columns of a row
    """Make a gate of what `settlement_gate()` gives, in its order: on only where the environment allows it, too."""
    return Gate(bool(is_on and settings.AUTO_SETTLEMENT_ALLOWED), is_halted, threshold, is_full)


def write(name: str, *, is_on: bool) -> bool:
    """Flip one of the two switches; the answer is whether it was on. Assumes a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    switch, _created = Switch.objects.get_or_create(name=name, defaults={"active": False})
    before = bool(switch.active)
    if before != is_on:
        Switch.objects.filter(pk=switch.pk).update(active=is_on)
    return before


def is_set(name: str) -> bool:
    """Look at a switch without keeping it; what moves money asks `read`. One query."""
    return Switch.objects.filter(name=name, active=True).exists()
