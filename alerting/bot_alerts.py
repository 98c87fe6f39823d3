"""Telegram: `/alerts`, what fires now, and the button that acknowledges."""

from django.utils.translation import gettext as _

from alerting import alert_queries, alert_routes, handling
from rfq.cards import Voice
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from users import callbacks, capabilities
from users.models import CallbackToken, User

LISTED = 10


def alerts(_update: BotUpdate, actor: User) -> Reply:
    """`/alerts`: what fires now, the worst first, each with its button. Four queries at most."""
    capabilities.require(actor, "alert.view")
    found = alert_queries.firing(reader=actor)
    voice = Voice(actor, clock.now())
    rows = [alert_routes.row(alert, voice) for alert in found[:LISTED]]
    text = message("telegram/alerts.html", {"rows": rows, "more": len(found) > LISTED})
    unseen = [alert for alert in found[:LISTED] if alert.status == "firing"]
    if not capabilities.holds(actor, handling.HANDLE):
        return Reply(text=text)
    tokens = callbacks.tokens_for(actor, alert_routes.ACKNOWLEDGE, [(alert.ref, "") for alert in unseen])
    words = [_("Acknowledge %(ref)s") % {"ref": voice.ref(alert.ref)} for alert in unseen]
    buttons = [(Button(word, token),) for word, token in zip(words, tokens, strict=True)]
    return Reply(text=text, buttons=tuple(buttons))


def press_acknowledge(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on the button under an alert."""
    alert = handling.acknowledge(ref=button.subject, actor=actor, now=clock.now())
    who = alert.acknowledged_by or actor
    return Reply(toast=_("Acknowledged by %(name)s.") % {"name": who.username}, ends_buttons=True)
