"""How often a caller may call: counted in PostgreSQL, in one statement, each caller in a row of its own."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from trading.lib import prepared
from trading.lib.errors import Forbidden
from users.models import CallCount

WINDOW_SECONDS = 60
SWEPT_AT_ONCE = 1000
COUNT = """
insert into users_callcount as one (caller, began_at, number) values (%s, %s, 1)
on conflict (caller) do update set
    number = case when one.began_at = excluded.began_at then one.number + 1 else 1 end,
    began_at = greatest(one.began_at, excluded.began_at)
returning number
"""


class TooManyRequests(Forbidden):
    """The caller called too often in this minute: HTTP 429."""

    code = "rate_limited"
    text = _("Too many requests. Wait {seconds} s, then go on more slowly.")


def count(caller: str, *, limit: int, now: datetime) -> None:
    """
    Count one call in the present minute.

    :param caller: who it is, ``key:KEY-7KQ2M4TX`` or ``address:192.0.2.7``.
    :param limit: how many a minute allows.
    :raises TooManyRequests: there were more; `seconds` until the next minute begins.
    """
    began = now.replace(second=0, microsecond=0)
    with prepared.cursor() as cursor:
        cursor.execute(COUNT, [caller, began])
        (number,) = cursor.fetchone()
    if number > limit:
        raise TooManyRequests(seconds=WINDOW_SECONDS - now.second)


def sweep(*, now: datetime) -> int:
    """Forget callers of earlier windows, a bounded number; the answer is how many."""
    old = CallCount.objects.filter(began_at__lt=now - timedelta(seconds=10 * WINDOW_SECONDS)).values("pk")
    swept, _by_model = CallCount.objects.filter(pk__in=old[:SWEPT_AT_ONCE]).delete()
    return swept
