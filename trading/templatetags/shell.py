"""What the frame of every signed-in page shows: which rooms there are for the reader, how much is open in each."""

from django import template
from django.http import HttpRequest

import rfq.queries
import rfq.queries.disputes
import settlement.queries
from settlement import balances
from settlement.balances import Holding
from trading.lib import clock
from users import capabilities
from users.listing import LISTS
from users.models import Counterparty, User
from users.queries import filters
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


@register.simple_tag
def list_tools(request: HttpRequest) -> dict[str, object]:
    """
    What a list page offers: the reader's saved filters, saving the present one, taking a copy away.

    One query; nothing at all on a page that is no list.
    """
    page = request.resolver_match.view_name if request.resolver_match else ""
    if page not in LISTS or not isinstance(request.user, User):
        return {}
    query = LISTS[page].filter_of(request.META.get("QUERY_STRING", ""))
    rows = filters.of_user(request.user, page=page)
    may_export = LISTS[page].table is not None and capabilities.holds(request.user, "history.export")
    return {"page": page, "query": query, "rows": rows, "here": LISTS[page].url(query), "may_export": may_export}
