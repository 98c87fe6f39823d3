"""How well LPs answer, over a time. Each read has a fixed number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum

from rfq.models import Heartbeat, LpTerms
from rfq.queries.kept import AsOf, Report, Row, rows_of
from settlement.models import Settlement
from settlement.queries import OPEN_STATES
from trading.lib.errors import NotFound
from users.models import Counterparty, User
from users.queries.scopes import within

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
BUCKETS = ("small", "medium", "large", "block", "unknown")
HUNDRED = Decimal(100)

# A trade that was reversed counts as none: the LP was asked and has answered.
# A request in fiat has the size that its trade or its first quote gave it, the same for every LP that was asked.
# An LP that came without being asked has the instant of its quote as its invitation: it took no time to count.
FIGURES = """
    with asked as (
        select invitation.lp_id, pair.code as pair, invitation.passed_at is not null as passed,
            coalesce(rfq.base_amount, fill.base_amount, first_quote.base_amount) as size,
            fill.id is not null as filled, fill.cover_bps, fill.base_amount as traded_amount, fill.price,
            mine.*,
            extract(epoch from mine.first_at - invitation.invited_at)::numeric * 1000 as first_ms
        from rfq_invitation invitation
        join rfq_rfq rfq on rfq.id = invitation.rfq_id join rfq_pair pair on pair.id = rfq.pair_id
        left join rfq_fill fill on fill.rfq_id = rfq.id and not exists (
            select from settlement_settlement where id = fill.settlement_id and status = 'reversed'
        )
        left join lateral (
            select base_amount from rfq_quote
            where rfq_id = rfq.id and status <> 'rejected' and rfq.base_amount is null and fill.id is null
            order by id limit 1
        ) first_quote on true
        cross join lateral (
            select count(*) filter (where status <> 'rejected') as quotes,
                count(*) filter (where status = 'rejected') as rejected,
                count(*) filter (where status = 'pulled') as pulled,
                fill.id is not null and coalesce(bool_or(outcome = 'traded'), false) as traded,
                fill.id is not null and coalesce(bool_or(outcome = 'cover'), false) as cover,
                fill.id is not null and coalesce(bool_or(outcome = 'tied'), false) as tied,
                min(created_at) filter (where status <> 'rejected') as first_at,
                min(abs(all_in_price - fill.price)) filter (where outcome in ('cover', 'tied', 'away')) as distance
            from rfq_quote where rfq_id = rfq.id and lp_id = invitation.lp_id
        ) mine
        where invitation.lp_id in (select id from users_counterparty where kind = 'lp')
            and invitation.invited_at >= %(since)s
    ),
    sized as (
        select asked.*, case
            when size is null then 'unknown'
            when size < 1000 then 'small'
            when size < 10000 then 'medium'
            when size < 100000 then 'large'
            else 'block' end as bucket
        from asked
    )
    select lp_id, pair, bucket,
        count(*), count(*) filter (where quotes > 0), count(*) filter (where passed),
        sum(quotes)::bigint, sum(rejected)::bigint, sum(pulled)::bigint,
        count(*) filter (where quotes > 0 and filled), count(*) filter (where traded),
        count(*) filter (where cover), count(*) filter (where tied),
        coalesce(sum(traded_amount) filter (where traded), 0),
        percentile_cont(0.5) within group (order by first_ms) filter (where first_ms > 0),
        percentile_cont(0.95) within group (order by first_ms) filter (where first_ms > 0),
        percentile_cont(0.5) within group (order by cover_bps) filter (where traded),
        percentile_cont(0.5) within group (order by distance / price * 10000) filter (where distance is not null)
    from sized
    group by grouping sets ((lp_id), (lp_id, pair, bucket))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """
    What became of the RFQs that an LP was asked on. Counts of RFQs, except `quotes`, `rejected` and `pulled`.

    `volume` is USDT, times are milliseconds from being asked to the first quote. `cover_bps` is by how much the LP's
    trades beat the next quote, `distance_bps` by how much its other quotes were beaten; both medians.
    """

    asked: int = 0
    answered: int = 0
    passes: int = 0
    quotes: int = 0
    rejected: int = 0
    pulled: int = 0
    contested: int = 0
    traded: int = 0
    cover: int = 0
    tied: int = 0
    volume: Decimal = Decimal(0)
    first_p50_ms: float | None = None
    first_p95_ms: float | None = None
    cover_bps: float | None = None
    distance_bps: float | None = None

    @property
    def response_rate(self) -> Decimal | None:
        """Percent of the RFQs it was asked on that it quoted."""
        return _percent(self.answered, self.asked)

    @property
    def hit_rate(self) -> Decimal | None:
        """Percent of the RFQs it quoted and somebody traded that it traded itself."""
        return _percent(self.traded, self.contested)

    @property
    def cover_rate(self) -> Decimal | None:
        """Percent of the same that it lost as the next best."""
        return _percent(self.cover, self.contested)

    @property
    def tied_rate(self) -> Decimal | None:
        """Percent of the same that it lost at the same price."""
        return _percent(self.tied, self.contested)

    @property
    def reject_rate(self) -> Decimal | None:
        """Percent of all its quotes that were refused."""
        return _percent(self.rejected, self.rejected + self.quotes)


@dataclass(frozen=True, slots=True)
class Part:
    """An LP's figures on one pair and size."""

    pair: str
    bucket: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Scorecard:
    """
    One LP: all its figures, those per pair and size, and the USDT of its trades that are not settled.

    The figures are those up to `as_of`, if it says so; all else is as it is now.
    `program` says whether a program that quotes for it is heard from: none, heard or silent. `terms` has its pause and
    what pauses it by itself, if any was ever agreed.
    """

    lp: Counterparty
    terms: LpTerms | None
    program: str
    total: Figures
    unsettled: Decimal
    as_of: AsOf | None
    parts: list[Part] = field(default_factory=list)


def scorecards(*, window: str, reader: User | None, now: datetime) -> list[Scorecard]:
    """
    Read the scorecards of the LPs that the reader serves (nobody: all), by name.

    Three queries; four until a report is kept.
    """
    return _read(Counterparty.objects.filter(within(reader, "pk")), window, now)


def scorecard(ref: str, *, window: str, reader: User, now: datetime) -> Scorecard:
    """
    Read one LP's scorecard. As many queries as all take.

    :raises NotFound: there is no LP of that ref, or not for this reader.
    """
    found = _read(Counterparty.objects.filter(within(reader, "pk"), ref=ref), window, now)
    if not found:
        raise NotFound(ref=ref)
    return found[0]


def own_scorecard(lp: Counterparty, *, window: str, now: datetime) -> Scorecard:
    """Read the scorecard of an LP for its own people. As many queries as all take."""
    return _read(Counterparty.objects.filter(pk=lp.pk), window, now)[0]


def _read(parties: QuerySet[Counterparty], window: str, now: datetime) -> list[Scorecard]:
    lps = list(
        parties.filter(kind=Counterparty.Kind.LP).select_related("heartbeat", "lp_terms__paused_by").order_by("name")
    )
    unsettled = _unsettled(lps)
    totals: dict[int, Figures] = {}
    parts: dict[int, list[Part]] = {lp.pk: [] for lp in lps}
    rows, as_of = rows_of(REPORTS[window], now=now)
    for row in rows:
        lp, pair, bucket = row[:3]
        if lp not in parts:
            continue
        figures = _figures(row)
        if pair is None:
            totals[lp] = figures
        else:
            parts[lp].append(Part(pair, bucket, figures))
    for own in parts.values():
        own.sort(key=lambda part: (part.pair, BUCKETS.index(part.bucket)))
    nothing = Figures()
    return [
        Scorecard(
            lp,
            getattr(lp, "lp_terms", None),
            _program(getattr(lp, "heartbeat", None), now=now),
            totals.get(lp.pk, nothing),
            unsettled.get(lp.pk, Decimal(0)),
            as_of,
            parts[lp.pk],
        )
        for lp in lps
    ]


def _make(window: timedelta, now: datetime) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, {"since": now - window})
        return list(cursor.fetchall())


def _figures(values: Sequence[Any]) -> Figures:
    """Out of a row, which begins with LP, pair and size; a kept one has its volume as a string."""
    figures = Figures(*values[3:])
    return replace(figures, volume=Decimal(figures.volume))


# Every LP in one report; a row without pair and size is all of an LP's.
REPORTS = {name: Report(f"scorecards:{name}", partial(_make, window)) for name, window in WINDOWS.items()}


def _unsettled(lps: Iterable[Counterparty]) -> dict[int, Decimal]:
    live = Settlement.objects.filter(lp__in=[lp.pk for lp in lps], status__in=OPEN_STATES)
    return dict(live.order_by().values_list("lp").annotate(total=Sum("base_amount")))


def _program(heartbeat: Heartbeat | None, *, now: datetime) -> str:
    if heartbeat is None or heartbeat.due_at is None:
        return "none"
    return "heard" if heartbeat.due_at > now else "silent"


def _percent(part: int, whole: int) -> Decimal | None:
    return Decimal(part) * HUNDRED / whole if whole else None
