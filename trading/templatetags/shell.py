"""What the frame of every signed-in page shows: how much is open in each room."""

from django import template

import rfq.queries
import settlement.queries
from trading.lib import clock

register = template.Library()


@register.simple_tag
def nav_counts(live_rfqs: int | str = "", open_settlements: int | str = "") -> dict[str, int | str]:
    """Count what is open: live RFQs, settlements that are not over. One query for each the view left out."""
    if live_rfqs == "":
        live_rfqs = rfq.queries.live_counts(now=clock.now()).live
    if open_settlements == "":
        open_settlements = settlement.queries.open_count()
    return {"rfqs": live_rfqs, "settlements": open_settlements}
