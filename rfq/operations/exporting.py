"""Noting who takes the history away, before they get it."""

from dataclasses import dataclass
from datetime import datetime

from rfq.queries.history import Choice, Extent, extent
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import User
from users.operations.lists import MOST_ROWS, TooMuchHistory


@dataclass(frozen=True, slots=True)
class History:
    """What an export is about: the RFQs and fills as a whole."""

    ref: str = "history"


@operation
def record_history_export(*, choice: Choice, actor: User, now: datetime) -> Extent:
    """
    Note that somebody takes a copy of RFQs or fills away, and how much that is.

    :raises MissingCapability: the actor may not take the history away.
    :raises TooMuchHistory: more rows than one copy holds.
    """
    capabilities.require(actor, "history.export")
    measured = extent(choice, reader=actor)
    if measured.rows > MOST_ROWS:
        raise TooMuchHistory(rows=measured.rows, most=MOST_ROWS)
    after = {
        "kind": choice.kind,
        "filters": _filters(choice),
        "rows": measured.rows,
        "up_to_id": measured.last,
    }
    change = audit.Change(after=after, capability="history.export")
    audit.record("history.exported", actor=actor, subject=History(), at=now, change=change)
    return measured


def _filters(choice: Choice) -> dict[str, str]:
    criteria = choice.criteria
    said = {
        "state": criteria.state,
        "side": criteria.side,
        "q": criteria.text,
        "since": choice.since.isoformat() if choice.since else "",
        "until": choice.until.isoformat() if choice.until else "",
    }
    return {name: value for name, value in said.items() if value}
