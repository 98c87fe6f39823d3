"""What a search across rooms finds of alerts and of what was said. At most one query each."""

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alerting import alert_queries, alert_words, notices
from alerting.models import Alert
from trading.lib.hits import MOST, Hit, Source, is_ref
from users.models import User


def _alerts(text: str, reader: User) -> Iterator[Hit]:
    """By the beginning of a ref; of those that fire also by what they are called or about."""
    ref = text.upper()
    titled = [kind for kind in alert_words.TITLES if text.lower() in alert_words.title(kind).lower()]
    live = Q(type__in=titled) | Q(subject__icontains=text)
    wanted = Q(ref__startswith=ref) if is_ref(text, "ALT") else Q(live, status__in=Alert.LIVE)
    for row in alert_queries.seen_by(reader).filter(wanted).order_by("-pk")[:MOST]:
        note = " · ".join(filter(None, (row.subject, row.ref)))
        yield Hit("alerting:alert", (row.ref,), alert_words.title(row.type), note, row.ref == ref)


def _messages(text: str, reader: User) -> Iterator[Hit]:
    if not notices.REF.fullmatch(text.upper()):
        return
    for row in notices.page(notices.Criteria(text=text), reader=reader).rows:
        note = row.user.username if row.user else ""
        yield Hit("alerting:notification", (row.ref,), row.ref, note, is_exact=True)


SOURCES = (
    Source(_("Alerts"), "alert.view", _alerts),
    Source(_("Notifications"), "notification.view", _messages),
)
