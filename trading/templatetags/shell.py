"""What the frame of every signed-in page shows: which rooms there are for the reader, how much is open in each."""

from django import template

import rfq.queries
import rfq.queries.disputes
import settlement.queries
from settlement import balances
from settlement.balances import Holding
from trading.lib import clock
from users import capabilities
from users.models import Counterparty, User
from users.queries.approvals import waiting_count

register = template.Library()


@register.simple_tag
def nav_counts(
    user: User,
    live_rfqs: int | str = "",
    open_settlements: int | str = "",
    waiting: int | str = "",
    open_disputes: int | str = "",
) -> dict[str, int | str]:
    """
    Count what is open: live RFQs, settlements and disputes that are not over, what waits for the reader's decision.

    One query for each the view left out.
    """
    now = clock.now()
    if live_rfqs == "":
        live_rfqs = rfq.queries.live_counts(reader=user, now=now).live
    if open_settlements == "":
        open_settlements = settlement.queries.open_count(reader=user)
    if waiting == "":
        waiting = waiting_count(user, now=now)
    if open_disputes == "":
        open_disputes = rfq.queries.disputes.counts(user).live
    return {"rfqs": live_rfqs, "settlements": open_settlements, "approvals": waiting, "disputes": open_disputes}


@register.simple_tag
def holdings(client: Counterparty) -> list[Holding]:
    """List a client's balances and credit lines. One query."""
    return balances.of_client(client)


@register.simple_tag
def may(user: User, capability: str) -> bool:
    """Whether the reader's roles allow it: what they do not allow is not offered."""
    return capabilities.holds(user, capability)
