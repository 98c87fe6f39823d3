"""A copy of the list of disputes: what it has, and which rows an address chooses."""

from django.db.models import QuerySet
from django.http import QueryDict

from rfq.models import Dispute
from rfq.queries import disputes as queries
from rfq.queries.disputes import Criteria
from users.listing import Table
from users.models import User

COLUMNS = (
    *("ref", "trade", "rfq", "party", "kind", "status", "assigned_to", "outcome", "text", "resolution"),
    *("opened_at", "assigned_at", "closed_at"),
)


def criteria_of(data: QueryDict, reader: User) -> Criteria:
    """Read the list's filters; a tab or kind nobody knows is as good as none."""
    tab, kind = data.get("tab", ""), data.get("kind", "")
    return Criteria(
        reader=reader,
        tab=tab if tab in queries.TABS else queries.TABS[0],
        kind=kind if kind in Dispute.Kind.values else "",
        text=data.get("q", "")[:100],
        before=data.get("before", "")[:16],
    )


def _rows(data: QueryDict, reader: User) -> QuerySet[Dispute]:
    return queries.matching(criteria_of(data, reader))


def _line(row: Dispute) -> tuple[object, ...]:
    handler = row.assigned_to.username if row.assigned_to else None
    about = (row.ref, row.fill.ref, row.fill.rfq.ref, row.party.name, row.kind, row.status, handler)
    return (*about, row.outcome, row.text, row.resolution, row.opened_at, row.assigned_at, row.closed_at)


DISPUTES = Table(COLUMNS, _rows, _line)
