"""
The one statement that trades a quote: it is taken, its RFQ is filled, and its siblings learn how they ended.

Everything that has a deadline is compared with the database's wall clock inside it, after all locks
are held: the quote's life, the RFQ's, the LP's promise to be heard from, the client's trading hours, and the
pair's reference rate. Pauses of the desk, the pair and the LP are looked at there, too.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rfq.models import Quote, Rfq
from rfq.models.trading import Side
from trading.lib import prepared

# A sibling that was past its time is expired, not beaten; the best of those beaten is the cover.
TAKE = """
    with instant as materialized (select clock_timestamp() as at),
    taken as (
        select quote.id, quote.all_in_price, instant.at
        from rfq_quote quote
        join rfq_rfq rfq on rfq.id = quote.rfq_id
        join rfq_referencestate state on state.pair_id = rfq.pair_id
        join rfq_referencerate rate on rate.id = state.latest_id and rate.status = 'ok'
        left join rfq_heartbeat heartbeat on heartbeat.lp_id = quote.lp_id
        cross join instant
        where quote.id = %(quote)s and quote.status = 'active' and quote.valid_until > instant.at
            and rfq.status = 'quoted' and rfq.expires_at > instant.at and rate.valid_until > instant.at
            and coalesce(heartbeat.due_at > instant.at, true)
            and coalesce(%(closes)s::timestamptz > instant.at, true)
            and rfq_goes_on(rfq.pair_id, quote.lp_id)
    ),
    beaten as (
        select quote.id, quote.all_in_price,
            row_number() over (order by quote.all_in_price * %(sign)s, quote.id) as place
        from rfq_quote quote, taken
        where quote.rfq_id = %(rfq)s and quote.status = 'active' and quote.id <> taken.id
            and quote.valid_until > taken.at
    ),
    filled as (
        update rfq_rfq rfq set status = 'filled', updated_at = %(now)s
        from taken where rfq.id = %(rfq)s and rfq.status = 'quoted'
    )
    update rfq_quote quote set
        status = case
            when quote.id = taken.id then 'traded'
            when quote.valid_until > taken.at then 'done_away'
            else 'expired' end,
        outcome = case
            when quote.id = taken.id then 'traded'
            when beaten.id is null and quote.valid_until > taken.at then 'away'
            when beaten.id is null then ''
            when beaten.all_in_price = taken.all_in_price then 'tied'
            when beaten.place = 1 then 'cover'
            else 'away' end,
        updated_at = %(now)s
    from taken, rfq_quote self
    left join beaten on beaten.id = self.id
    where self.id = quote.id and quote.rfq_id = %(rfq)s and quote.status in ('active', 'entered')
    returning quote.id = taken.id, taken.at, beaten.place = 1, quote.all_in_price
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A quote that was traded: the database's instant of it, and the best all-in price that lost, if any."""

    at: datetime
    cover_price: Decimal | None


def take(quote: Quote, *, closes: datetime | None, now: datetime) -> Taken | None:
    """
    Trade the quote if it is still firm, fill its RFQ and end its siblings; nothing at all if not.

    Assumes the RFQ locked.

    :param closes: when the client's present trading hours end, if they do.
    """
    sign = 1 if quote.rfq.side == Side.BUY else -1
    values: dict[str, int | datetime | None] = {
        "quote": quote.pk,
        "rfq": quote.rfq_id,
        "sign": sign,
        "closes": closes,
        "now": now,
    }
    with prepared.cursor() as cursor:
        cursor.execute(TAKE, values)
        rows = cursor.fetchall()
    if not rows:
        return None
    quote.rfq.status, quote.rfq.updated_at = Rfq.Status.FILLED, now
    cover = next((price for _is_taken, _at, is_cover, price in rows if is_cover), None)
    return Taken(at=rows[0][1], cover_price=cover)
