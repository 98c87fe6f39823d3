"""Reads of the notification log: what the desk said to whom, and what became of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from alerting.models import Channel, OutboundMessage
from trading.lib.errors import NotFound
from users.models import User
from users.queries.scopes import within

PAGE_SIZE = 50
LONGEST_TEXT = 100
REF = re.compile(r"MSG-(\d{4,12})")
Status = OutboundMessage.Status
MAIL = OutboundMessage.Method.MAIL
TABS: Mapping[str, Sequence[str]] = {
    "": (),
    "waiting": (Status.WAITING, Status.SENDING),
    "sent": (Status.SENT,),
    "dead": (Status.FAILED, Status.UNREACHABLE),
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which messages: in a tab, by a channel, by a text (ref, username or request id), older than a ref."""

    tab: str = ""
    channel: str = ""
    text: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first, and the ref where the older ones begin."""

    rows: list[OutboundMessage]
    older: str


def page(criteria: Criteria, *, reader: User) -> Page:
    """Read messages to people whom the reader serves, newest first. One query."""
    rows = _seen_by(reader)
    if wanted := TABS[criteria.tab]:
        rows = rows.filter(status__in=wanted)
    if criteria.channel == Channel.MAIL:
        rows = rows.filter(method=MAIL)
    elif criteria.channel == Channel.TELEGRAM:
        rows = rows.exclude(method=MAIL)
    if text := criteria.text.strip():
        rows = rows.filter(_matching(text))
    if criteria.before:
        rows = rows.filter(pk__lt=_number(criteria.before))
    found = list(rows.order_by("-pk")[: PAGE_SIZE + 1])
    return Page(found[:PAGE_SIZE], found[PAGE_SIZE - 1].ref if len(found) > PAGE_SIZE else "")


def one(ref: str, *, reader: User) -> OutboundMessage:
    """
    Read one message. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    found = _seen_by(reader).filter(pk=_number(ref)).first()
    if found is None:
        raise NotFound
    return found


def dead(*, reader: User) -> int:
    """Count what was given up, to people whom the reader serves. One query."""
    return _seen_by(reader).filter(status__in=TABS["dead"]).count()


def _seen_by(reader: User) -> QuerySet[OutboundMessage]:
    """All of it; who serves some counterparties only sees what was said to their people, and to themselves."""
    rows = OutboundMessage.objects.select_related("user__person", "event")
    scope = within(reader, "user__counterparty")
    return rows.filter(scope | Q(user=reader)) if scope else rows


def _matching(text: str) -> Q:
    if REF.fullmatch(text.upper()):
        return Q(pk=_number(text.upper()))
    return Q(user__username=text.lower()) | Q(request_id=text)


def _number(ref: str) -> int:
    """The number in a ref; none is known by 0."""
    found = REF.fullmatch(ref)
    return int(found[1]) if found else 0
