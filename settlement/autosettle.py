"""
The flag `AUTO_SETTLEMENT_ENABLED`: whether settlements pay by themselves.

Its one reader takes a shared lock inside the transaction that would move money; the flip takes the
same lock exclusively, so nothing is claimed after "off" has committed. Absent means off.
"""

from django.conf import settings
from django.db import connection
from waffle.models import Switch

FLAG = "AUTO_SETTLEMENT_ENABLED"
LOCK = 7001


def is_enabled() -> bool:
    """Whether money may move by itself: the environment allows it and the switch is on. One round trip."""
    with connection.cursor() as cursor:
        cursor.execute("select settlement_auto_enabled()")
        (is_on,) = cursor.fetchone()
    return bool(is_on and settings.AUTO_SETTLEMENT_ALLOWED)


def write(*, is_on: bool) -> bool:
    """Flip the switch; the answer is whether it was on. Assumes a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    switch, _created = Switch.objects.get_or_create(name=FLAG, defaults={"active": False})
    before = bool(switch.active)
    if before != is_on:
        Switch.objects.filter(pk=switch.pk).update(active=is_on)
    return before
