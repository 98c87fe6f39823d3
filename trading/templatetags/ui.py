"""
How the console shows icons, numbers, times, hashes and states.

Data never passes through `mark_safe`: `format_html` escapes it. Numbers stay left-to-right in a
`<bdi>`, their fraction muted; times are relative, their exact UTC one hover or focus away.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from trading.lib import clock
from trading.lib.digits import localised
from trading.lib.looks import Look, look_of, reason_words
from users import acts
from users.models import Role
from users.models.people import Density
from users.models.sessions import IDLE

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400
SHORT_HEAD, SHORT_TAIL = 6, 4
THEMES = {"light", "dark"}


@register.simple_tag
def icon(name: str, css: str = "i", label: str = "") -> SafeString:
    """Draw an icon of the sprite; without a label it is decoration and hidden from readers."""
    href = f"{_sprite()}#{name}"
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', css, label, href)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', css, href)


@cache
def _sprite() -> str:
    """Where the icons are: a page draws a hundred, and the address changes with a new version alone."""
    return static("icons.svg")


@register.simple_tag
def amount(value: Decimal | int | None, places: int = 6) -> SafeString:
    """Write an amount with exactly `places` decimals (six is USDT); nothing is a dash."""
    if value is None:
        return format_html('<span class="none">{}</span>', "—")
    whole, _, fraction = f"{value:,.{places}f}".partition(".")
    if fraction:
        return format_html('<bdi class="num" dir="ltr">{}<span class="dec">.{}</span></bdi>', whole, fraction)
    return format_html('<bdi class="num" dir="ltr">{}</bdi>', whole)


@register.simple_tag
def number(value: Decimal | float | None, places: int = 0) -> SafeString:
    """Write a plain number (a count, basis points), left-to-right, not muted."""
    if value is None:
        return format_html('<span class="none">{}</span>', "—")
    return format_html('<bdi class="num" dir="ltr">{}</bdi>', f"{value:,.{places}f}")


@register.simple_tag
def when(at: datetime | None) -> SafeString:
    """Write an instant as its age; the exact UTC is in the title."""
    if at is None:
        return format_html('<span class="none">{}</span>', "—")
    return format_html('<time datetime="{}" title="{}">{}</time>', _iso(at), _exact(at), age(at))


@register.simple_tag
def instant(at: datetime | None) -> SafeString:
    """Write an instant both ways: exact UTC, and how long ago that is."""
    if at is None:
        return format_html('<span class="none">{}</span>', "—")
    return format_html(
        '<time datetime="{}"><bdi class="num" dir="ltr">{}</bdi></time> <span class="m">({})</span>',
        _iso(at),
        _exact(at),
        age(at),
    )


@register.simple_tag
def fact(value: object) -> object:
    """A line's value in a list of facts: an instant as everywhere, all else as it is."""
    return instant(value) if isinstance(value, datetime) else value


@register.simple_tag
def clock_time(at: datetime | None) -> SafeString:
    """Write an instant of today as its UTC time of day."""
    if at is None:
        return format_html('<span class="none">{}</span>', "—")
    day_time = f"{at:%H:%M:%S}"
    return format_html(
        '<time datetime="{}" title="{}"><bdi class="num" dir="ltr">{}</bdi></time>', _iso(at), _exact(at), day_time
    )


@register.simple_tag
def page_time() -> SafeString:
    """Write when this page was made, in UTC."""
    now = clock.now()
    return format_html(
        '<time datetime="{}"><bdi class="num" dir="ltr">{} UTC</bdi></time>',
        _iso(now),
        f"{now:%H:%M:%S}",
    )


def age(at: datetime) -> str:
    """Say how long ago, or in how long, in the reader's words and digits."""
    seconds = int((clock.now() - at).total_seconds())
    if abs(seconds) < MINUTE:
        return gettext("just now")
    if seconds < 0:
        return gettext("in %(time)s") % {"time": _span(-seconds)}
    return gettext("%(time)s ago") % {"time": _span(seconds)}


def _span(seconds: int) -> str:
    if seconds >= DAY:
        count = seconds // DAY
        words = ngettext("%(count)s day", "%(count)s days", count)
    elif seconds >= HOUR:
        count = seconds // HOUR
        words = ngettext("%(count)s h", "%(count)s h", count)
    else:
        count = seconds // MINUTE
        words = ngettext("%(count)s min", "%(count)s min", count)
    return words % {"count": localised(str(count))}


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _exact(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


@register.filter
def short(value: str | None) -> str:
    """Shorten an address or hash: its first six and last four characters."""
    if not value or len(value) <= SHORT_HEAD + SHORT_TAIL + 1:
        return value or ""
    return f"{value[:SHORT_HEAD]}…{value[-SHORT_TAIL:]}"


@register.simple_tag
def look(machine: str, status: str) -> Look:
    """Find how a state of `machine` ("rfq", "quote", "settlement", "transfer" …) is shown."""
    return look_of(machine, status)


@register.simple_tag
def reason(code: str) -> str:
    """Say a reason code in words."""
    return reason_words(code)


@register.filter
def act_title(name: str) -> str:
    """Name an act under dual control; one no app declares any more is shown by its own name."""
    return str(acts.act_of(name).title) if name in acts.names() else name


@register.filter
def language_label(code: str) -> str:
    """Name a language as its speakers do; one that is not spoken here is shown by its code."""
    return dict(settings.LANGUAGES).get(code, code)


@register.filter
def role_label(role: str) -> str:
    """Name a role in the reader's language."""
    return str(Role(role).label)


@register.filter
def span(duration: timedelta) -> str:
    """Say exactly how long something lasts, in the largest unit that leaves no rest, with the reader's digits."""
    seconds = int(duration.total_seconds())
    if seconds % DAY == 0:
        return _span(seconds)
    if seconds % HOUR == 0:
        count = seconds // HOUR
        return ngettext("%(count)s h", "%(count)s h", count) % {"count": localised(str(count))}
    count = seconds // MINUTE
    return ngettext("%(count)s min", "%(count)s min", count) % {"count": localised(str(count))}


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """Light, dark, or nothing for the system's: what this browser was switched to, else what the profile says."""
    request: HttpRequest | None = context.get("request")
    reader = getattr(request, "reader", None)
    switched = request.COOKIES.get(settings.THEME_COOKIE_NAME, "") if request else ""
    chosen = switched or (reader.theme if reader else "")
    return chosen if chosen in THEMES else ""


@register.simple_tag(takes_context=True)
def density(context: dict[str, Any]) -> str:
    """How close rows stand for the reader: nothing unless the profile says otherwise than usual."""
    reader = getattr(context.get("request"), "reader", None)
    return reader.density if reader and reader.density != Density.COMPACT else ""


@register.simple_tag
def idle_seconds() -> int:
    """After how many seconds without activity the session ends."""
    return int(IDLE.total_seconds())


@register.simple_tag(takes_context=True)
def other_languages(context: dict[str, Any]) -> list[dict[str, str]]:
    """List the languages of the console the page is not in."""
    current = context.get("LANGUAGE_CODE") or get_language() or "en"
    names = {"en": "English", "fa": "فارسی"}
    return [{"code": code, "name": name} for code, name in names.items() if not current.startswith(code)]
