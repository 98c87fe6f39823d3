"""Noting who takes a copy of a list away, before they get it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict
from trading.lib.operations import operation
from users import audit, capabilities
from users.listing import LISTS
from users.models import User
from users.operations.filters import UnknownList

MOST_ROWS = 50_000


class TooMuchHistory(Conflict):
    """More rows than one copy holds."""

    code = "too_much_history"
    text = _("That is {rows} rows; one copy holds {most}. Choose fewer days, or filter the list first.")


@dataclass(frozen=True, slots=True)
class Lists:
    """What such a copy is about."""

    ref: str = "history"


@operation
def record_list_export(*, page: str, query: str, actor: User, now: datetime) -> int:
    """
    Note that somebody takes a copy of a list away, and how much that is; the answer is the id of its newest row.

    :param page: the name of the list's address.
    :param query: what of the address filters the list.
    :raises UnknownList: there is no such list, or no copy of it.
    :raises MissingCapability: the actor may not see the list, or not take history away.
    :raises TooMuchHistory: more rows than one copy holds.
    """
    found = LISTS.get(page)
    if found is None or found.table is None:
        raise UnknownList
    capabilities.require(actor, found.capability)
    capabilities.require(actor, "history.export")
    rows = found.table.rows(QueryDict(query), actor)
    measured = rows.order_by().aggregate(rows=Count("pk", distinct=True), last=Max("pk"))
    if measured["rows"] > MOST_ROWS:
        raise TooMuchHistory(rows=measured["rows"], most=MOST_ROWS)
    after = {"list": page, "filters": query, "rows": measured["rows"], "up_to_id": measured["last"] or 0}
    change = audit.Change(after=after, capability="history.export")
    audit.record("history.exported", actor=actor, subject=Lists(), at=now, change=change)
    return int(measured["last"] or 0)
