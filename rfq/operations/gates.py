"""Whether trading goes on now: the desk, the pair, the hours, the LP's pause and cap. One refusal for each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from rfq import hours
from rfq.errors import DeskPaused, LpCap, LpPaused, OutsideHours, PairPaused, QuoteGone
from rfq.models import LpTerms, MarketState, Pair, Quote, TradingHours
from settlement.queries import unsettled
from trading.lib.errors import DeskError
from users.models import Counterparty

LOCK_LP = "select from users_counterparty where id = %s for share"


def require_open(pair: Pair) -> None:
    """
    Stop here while the desk or the pair is paused. One query.

    :raises DeskPaused: the whole desk is.
    :raises PairPaused: this pair is.
    """
    if MarketState.objects.filter(paused_at__isnull=False).exists():
        raise DeskPaused
    if not pair.is_enabled:
        raise PairPaused(pair=pair.code)


def require_trading_hours(counterparty: Counterparty, now: datetime) -> datetime | None:
    """
    When the counterparty's present window closes; nothing when it may always trade. One query.

    The answer is to be compared with the database's clock where something becomes binding.

    :raises OutsideHours: closed now; says when it opens, by the counterparty's own clock.
    """
    return closing_of(TradingHours.objects.filter(counterparty=counterparty).first(), now)


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
    """Why a quote could not be taken at this moment, as far as it lies with the market. Two queries."""
    pair = Pair.objects.get(pk=quote.rfq.pair_id)
    try:
        require_open(pair)
    except (DeskPaused, PairPaused) as refusal:
        return refusal
    if row is not None and closes is not None and _is_past(closes):
        return _outside(hours.parse(row.time_zone, row.windows), closes)
    if LpTerms.objects.filter(lp=quote.lp_id, paused_at__isnull=False).exists():
        return QuoteGone()
    return None


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
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LP, [lp.pk])


def require_lp_open(lp: Counterparty) -> None:
    """
    Stop here while the LP is paused. One query.

    :raises LpPaused: by itself, the desk, or its numbers.
    """
    if LpTerms.objects.filter(lp=lp, paused_at__isnull=False).exists():
        raise LpPaused(lp=lp.name)


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
