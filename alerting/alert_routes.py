"""Who is told of an alert: the people of the roles its notice names, as far as they serve whom it is about."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from alerting import alert_words
from alerting.models import Alert, OutboundMessage
from alerting.readers import Reader, Route, Routing, readers
from rfq.cards import Voice
from trading.lib import numbers
from trading.lib.chat import message
from users import callbacks, capabilities
from users.models import User
from users.queries.scopes import not_serving

ACKNOWLEDGE = "alert.acknowledge"
SIGNS = {"info": "🔵", "warning": "⚠️", "critical": "🔴"}
OVER = "resolved"


def told(routing: Routing) -> Iterator[OutboundMessage]:
    """One message for each reader; while it fires with a button for those who may acknowledge it."""
    alert = Alert.objects.get(ref=routing.event.subject_ref)
    for reader in _audience(alert, routing.event.after["roles"]):
        written = routing.text(reader, lambda voice: text(alert, routing.event.after, voice))
        if routing.event.name == "alert.told" and reader.chat_id and capabilities.holds(reader.user, "alert.handle"):
            with translation.override(reader.user.language):
                written.payload["buttons"] = [[list(button(reader.user, alert.ref))]]
        yield written


def _audience(alert: Alert, roles: list[str]) -> list[Reader]:
    users = User.objects.filter(role_grants__role__in=roles, role_grants__revoked_at=None).distinct()
    found = list(readers(users))
    outside = not_serving([reader.user for reader in found], alert.counterparty_id)
    return [reader for reader in found if reader.user.pk not in outside]


def button(user: User, ref: str) -> tuple[str, str]:
    """The button that acknowledges, in the active language."""
    return _("Acknowledge"), callbacks.token_for(user, ACKNOWLEDGE, ref)


def text(alert: Alert, after: Mapping[str, Any], voice: Voice) -> str:
    """What a notice says: as it was when it was given, not as it is when it is delivered."""
    language = voice.user.language
    writer = alert_words.Writer(
        lambda number: voice.ref(numbers.format_price(number, 0, language)), voice.clock, voice.ref
    )
    kind = after.get("kind", OVER)
    context = {
        "sign": "✅" if kind == OVER else SIGNS[after["severity"]],
        "title": alert_words.title(alert.type),
        "subject": after["subject"],
        "kind": kind,
        "lines": list(alert_words.lines(after["values"], writer)),
        "ref": alert.ref,
        "severity": alert.get_severity_display(),
        "at": voice.clock(alert.resolved_at if kind == OVER and alert.resolved_at else alert.opened_at),
        "held_back": after.get("held_back", 0),
    }
    return message("telegram/alert.html", context)


def row(alert: Alert, voice: Voice) -> dict[str, str]:
    """One alert as a line of a list."""
    return {
        "sign": SIGNS[alert.severity],
        "title": alert_words.title(alert.type),
        "subject": alert.subject,
        "at": voice.clock(alert.opened_at),
        "status": alert.get_status_display(),
        "ref": alert.ref,
    }


ROUTES: dict[str, Route] = {"alert.told": told, "alert.resolved": told}
