"""What the frame of every signed-in page shows: how much is open in each room."""

from django import template

import rfq.queries
import settlement.queries
from trading.lib import clock

register = template.Library()


@register.simple_tag
def nav_counts() -> dict[str, int]:
    """Count what is open: RFQs that can trade, settlements that are not over. Two queries."""
    return {
        "rfqs": rfq.queries.live_counts(now=clock.now()).live,
        "settlements": settlement.queries.open_count(),
    }
