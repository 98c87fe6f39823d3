"""Whether trading goes on now: the desk, the pair, the hours, the LP's pause and cap. One refusal for each."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from rfq import hours
from rfq.errors import DeskPaused, LpCap, LpPaused, OutsideHours, PairPaused, QuoteGone
from rfq.models import LpTerms, Pair, Quote, TradingHours
from settlement.queries import unsettled
from trading.lib import prepared
from trading.lib.errors import DeskError
from users.models import Counterparty

LOOK = """
select exists (select from rfq_marketstate where paused_at is not null),
    exists (select from rfq_lpterms where lp_id = %(party)s and paused_at is not null),
    (select expires_at > clock_timestamp() from rfq_rfq where id = %(rfq)s),
    exists (select from rfq_invitation where rfq_id = %(rfq)s and lp_id = %(party)s),
    exists (select from rfq_rfq where counterparty_id = %(party)s and client_rfq_id = %(key)s and status <> 'rejected')
        or exists (select from rfq_quote where lp_id = %(party)s and idempotency_key = %(key)s and status <> 'rejected')
        or exists (
            select from rfq_quote where rfq_id = %(rfq)s and lp_id = %(party)s and status in ('entered', 'active')
        ),
    hours.time_zone, hours.windows
from (values (1)) as once left join rfq_tradinghours as hours on hours.counterparty_id = %(party)s
"""
LOCK_LP = "select from users_counterparty where id = %s for share"


@dataclass(frozen=True, slots=True)
class Gates:
    """
    What stood open when it was looked at: of the desk, of one counterparty, and of an RFQ where one was named.

    `is_paused` says of an LP that it is paused; `is_timely` that the RFQ's time was not over by the database's clock;
    `is_asked` that the LP is among those who were asked; `has_said` that something was asked or quoted before with the
    key that was named, or that the LP has a quote there at present.
    """

    is_desk_paused: bool
    is_paused: bool
    is_timely: bool
    is_asked: bool
    has_said: bool
    hours: TradingHours | None

    def require_open(self, pair: Pair) -> None:
        """
        Stop here while the desk or the pair is paused.

        :raises DeskPaused: the whole desk is.
        :raises PairPaused: this pair is.
        """
        if self.is_desk_paused:
            raise DeskPaused
        if not pair.is_enabled:
            raise PairPaused(pair=pair.code)

    def require_not_paused(self, lp: Counterparty) -> None:
        """
        Stop here while the LP is paused.

        :raises LpPaused: by itself, the desk, or its numbers.
        """
        if self.is_paused:
            raise LpPaused(lp=lp.name)

    def closing(self, now: datetime) -> datetime | None:
        """
        When the counterparty's present window closes; nothing when it may always trade.

        The answer is to be compared with the database's clock where something becomes binding.

        :raises OutsideHours: closed now; says when it opens, by the counterparty's own clock.
        """
        return closing_of(self.hours, now)


def look(counterparty: Counterparty, rfq_id: int | None = None, *, key: str | None = None) -> Gates:
    """What stands open now, after all locks are held. One query."""
    with prepared.cursor() as cursor:
        cursor.execute(LOOK, {"party": counterparty.pk, "rfq": rfq_id, "key": key})
        desk, paused, timely, asked, said, zone, windows = cursor.fetchone()
    agreed = None if windows is None else TradingHours(time_zone=zone, windows=json.loads(windows))
    return Gates(desk, paused, bool(timely), asked, said, agreed)


def closing_of(row: TradingHours | None, now: datetime) -> datetime | None:
    """
    The same for hours that were read already, or the lack of them.

    :raises OutsideHours: closed now.
    """
    if row is None:
        return None
    agreed = hours.parse(row.time_zone, row.windows)
    closes = hours.open_until(agreed, now)
    if closes is None:
        raise _outside(agreed, now)
    return closes


def _outside(agreed: hours.Hours, now: datetime) -> OutsideHours:
    opens = hours.next_opening(agreed, now)
    shown = f"{opens.astimezone(agreed.zone):%Y-%m-%d %H:%M} ({agreed.zone.key})" if opens else "–"
    return OutsideHours(opens=shown)


def why_stopped(quote: Quote, row: TradingHours | None, closes: datetime | None) -> DeskError | None:
    """Why a quote could not be taken at this moment, as far as it lies with the market. Two queries, or three."""
    pair = Pair.objects.get(pk=quote.rfq.pair_id)
    gates = look(quote.lp)
    try:
        gates.require_open(pair)
    except (DeskPaused, PairPaused) as refusal:
        return refusal
    if row is not None and closes is not None and _is_past(closes):
        return _outside(hours.parse(row.time_zone, row.windows), closes)
    return QuoteGone() if gates.is_paused else None


def _is_past(instant: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp() >= %s", [instant])
        (answer,) = cursor.fetchone()
    return bool(answer)


def hold_open(lp: Counterparty) -> None:
    """
    Let nobody pause the LP until this transaction ends. One query.

    Assumes that no RFQ is locked yet: whoever pauses an LP locks its row first.
    """
    with prepared.cursor() as cursor:
        cursor.execute(LOCK_LP, [lp.pk])


@dataclass(frozen=True, slots=True)
class Cap:
    """How much of an LP may be unsettled, with its terms' row locked."""

    lp_id: int
    amount: Decimal


def lock_cap(lp_id: int | None) -> Cap | None:
    """
    The LP's cap; its other trades wait until this transaction ends. Nothing for an LP without.

    Assumes the client locked, and neither RFQ nor quote. One query where there is a cap.
    """
    if lp_id is None:
        return None
    row = LpTerms.objects.select_for_update().filter(lp=lp_id).first()
    return Cap(lp_id, row.unsettled_cap) if row and row.unsettled_cap is not None else None


def require_within(cap: Cap | None, base_amount: Decimal) -> None:
    """
    Stop here when the trade would take what the LP has not settled above its cap. One query where there is one.

    :raises LpCap: it would.
    """
    if cap is not None and unsettled(cap.lp_id) + base_amount > cap.amount:
        raise LpCap
