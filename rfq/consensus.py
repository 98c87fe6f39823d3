"""
What several sources' mids come to: a median, or why there is none. Pure.

Numbers of the policy are limits that may be reached, not passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from rfq.models import RateTick, ReferencePolicy, ReferenceRate

BPS = Decimal(10_000)
PLACES = Decimal("1e-10")
Status = ReferenceRate.Status


@dataclass(frozen=True, slots=True)
class Consensus:
    """
    The outcome of one round for one pair.

    :param used: the ticks the mid is the median of.
    :param outliers: fresh ticks too far from the others.
    :param stale: ticks too old to count.
    :param valid_until: until when as many of the used ticks as the policy wants are fresh.
    """

    status: str
    mid: Decimal | None = None
    used: Sequence[RateTick] = ()
    outliers: Sequence[RateTick] = ()
    stale: Sequence[RateTick] = field(default=())
    valid_until: datetime | None = None

    @property
    def is_unanimous(self) -> bool:
        """Whether every source that spoke of late is used."""
        return not self.outliers and not self.stale


def median(mids: Sequence[Decimal]) -> Decimal:
    """The middle one, or the middle of the two in the middle."""
    ordered = sorted(mids)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return ((ordered[half - 1] + ordered[half]) / 2).quantize(PLACES)


def plain(mid: Decimal) -> str:
    """Write a mid with no more digits than it has."""
    return f"{mid.normalize():f}"


def distance_bps(one: Decimal, other: Decimal) -> Decimal:
    """How far the first is from the other, in basis points of the other."""
    with localcontext(prec=50):
        return abs(one - other) / other * BPS


def agree(ticks: Sequence[RateTick], policy: ReferencePolicy, *, now: datetime) -> Consensus:
    """
    Judge the latest tick of each source.

    Sources too far from the others are left out one by one, the farthest from the median first, as long as
    more than half of the fresh ones, and at least the policy's minimum, remain. When it cannot be told who is
    wrong (two sources, or as far on both sides), there is no mid.
    """
    longest = timedelta(seconds=policy.max_age_seconds)
    fresh = [tick for tick in ticks if tick.quoted_at > now - longest]
    stale = [tick for tick in ticks if tick.quoted_at <= now - longest]
    if len(fresh) < policy.minimum_sources:
        is_missing = len(ticks) < policy.minimum_sources
        return Consensus(Status.MISSING if is_missing else Status.STALE, stale=stale, outliers=fresh)
    used = _without_outliers(fresh, policy.max_disagreement_bps)
    if len(used) < policy.minimum_sources or len(used) * 2 <= len(fresh):
        return Consensus(Status.DISAGREEING, stale=stale, outliers=fresh)
    freshest = sorted((tick.quoted_at for tick in used), reverse=True)
    return Consensus(
        Status.OK,
        median([tick.mid for tick in used]),
        used=used,
        outliers=[tick for tick in fresh if tick not in used],
        stale=stale,
        valid_until=freshest[policy.minimum_sources - 1] + longest,
    )


def _without_outliers(ticks: Sequence[RateTick], limit_bps: Decimal) -> list[RateTick]:
    """What remains when those are left out that make the spread too wide; nothing when it cannot be told who."""
    used = list(ticks)
    while used:
        mids = [tick.mid for tick in used]
        middle = median(mids)
        if distance_bps(max(mids), min(mids)) <= limit_bps:
            return used
        farthest = max(abs(mid - middle) for mid in mids)
        out = [tick for tick in used if abs(tick.mid - middle) == farthest]
        if len(out) > 1 and len({tick.mid for tick in out}) > 1:
            return []
        used = [tick for tick in used if tick not in out]
    return used
