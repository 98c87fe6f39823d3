"""The notification log: what the desk said to whom, what became of it, and sending again what was given up."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from alerting import letters, notices
from alerting import resending as sending_again
from alerting.models import Channel, OutboundMessage
from alerting.notices import Criteria
from trading.lib import clock, http
from trading.lib.errors import Conflict
from users import access, capabilities
from users.access import console
from users.listing import listing
from users.queries import events_about

DEAD = "dead"
CONFLICT = 409
TABS: dict[str, str | Promise] = {
    "": lazy("All"),
    "waiting": lazy("Waiting"),
    "sent": lazy("Sent"),
    DEAD: lazy("Given up"),
}


@listing("alerting:notifications", lazy("Notifications"), "state", "channel", "q")
@require_safe
@console("notification.view")
def notifications(request: HttpRequest) -> HttpResponse:
    """List what was said, in a state, by a channel, to somebody, or on behalf of a request."""
    reader, tab = access.actor(request), request.GET.get("state", "")
    channel = request.GET.get("channel", "")
    criteria = Criteria(
        tab=tab if tab in TABS else "",
        channel=channel if channel in Channel.values else "",
        text=request.GET.get("q", "")[: notices.LONGEST_TEXT],
        before=request.GET.get("before", "")[:16],
    )
    page = notices.page(criteria, reader=reader)
    context = {
        "room": "notifications",
        "criteria": criteria,
        "channels": Channel.choices,
        "is_filtered": bool(criteria.text or criteria.channel),
        "mail_is_off": not letters.is_on(),
        "page": page,
        "tabs": _tabs(request, criteria.tab, notices.dead(reader=reader)),
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
    }
    return render(request, "alerting/notifications.html", context)


@require_safe
@console("notification.view")
def notification(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Show one message: its reader, its words, its attempts, and what was done about it.

    :raises NotFound: there is none, or not for this reader.
    """
    return _show(request, notices.one(ref, reader=access.actor(request)))


@require_POST
@console("notification.resend")
def resending(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Have a message that was given up sent again.

    :raises NotFound: there is none, or not for this reader.
    """
    actor = access.actor(request)
    try:
        sending_again.resend(ref=ref, actor=actor, now=clock.now())
    except Conflict as error:
        return _show(request, notices.one(ref, reader=actor), problem=error.sentence, status=CONFLICT)
    messages.success(request, _("%(ref)s goes out again.") % {"ref": ref})
    return redirect("alerting:notification", ref)


def _show(request: HttpRequest, message: OutboundMessage, *, problem: str = "", status: int = 200) -> HttpResponse:
    words = letters.plain(message.payload["text"]) if "text" in message.payload else ""
    context = {
        "room": "notifications",
        "message": message,
        "words": words,
        "subject": message.payload.get("subject", ""),
        "problem": problem,
        "may_resend": message.is_dead and capabilities.holds(access.actor(request), sending_again.CAPABILITY),
        "events": events_about([message.ref]),
    }
    return render(request, "alerting/notification.html", context, status=status)


def _tabs(request: HttpRequest, current: str, dead: int) -> list[dict[str, object]]:
    """The tabs with their addresses; only what was given up is counted, the others grow for ever."""
    return [
        {
            "key": state,
            "label": label,
            "url": http.url_with(request, state=state, before=None),
            "current": state == current,
            "count": dead if state == DEAD else None,
        }
        for state, label in TABS.items()
    ]
