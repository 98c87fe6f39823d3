"""
The reference a price is judged by. No fresh one, no trade: the pair fails closed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rfq.consensus import plain
from rfq.errors import NoReference, PriceBand
from rfq.models import Pair, ReferencePolicy, ReferenceRate, ReferenceState
from trading.lib.clock import DatabaseClock
from trading.lib.money import round_down, round_up

BPS = Decimal(10_000)
Status = ReferenceRate.Status

WHY: dict[str, str | Promise] = {
    Status.MISSING: _("too few sources give a price"),
    Status.STALE: _("the prices of its sources are too old"),
    Status.DISAGREEING: _("its sources disagree"),
    Status.ABSURD: _("its sources jumped, and that is not confirmed yet"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A mid one may rely on now, in quote currency per USDT, and where it is from."""

    mid: Decimal
    taken_at: datetime
    sources: list[dict[str, object]]

    def snapshot(self) -> dict[str, object]:
        """The same as plain values, to be kept with what was decided by it."""
        return {"mid": plain(self.mid), "taken_at": self.taken_at.isoformat(), "sources": self.sources}


def loaded_reference(pair: Pair, *, now: datetime) -> Reference:
    """
    The reference of a pair read with `reference_state__latest`. No query.

    :raises NoReference: there is none one may rely on; the sentence says why.
    """
    state: ReferenceState | None = getattr(pair, "reference_state", None)
    latest = state.latest if state else None
    status = latest.status_at(now) if latest else Status.MISSING
    if latest is None or latest.mid is None or status != Status.OK:
        raise NoReference(pair=pair.code, why=WHY[status])
    return Reference(latest.mid, latest.taken_at, latest.sources)


def why_lapsed(pair: Pair) -> NoReference | None:
    """Why the pair's reference cannot be relied on by the database's clock; nothing when it can. One query."""
    if ReferenceState.objects.filter(pair=pair, latest__valid_until__gt=DatabaseClock()).exists():
        return None
    return NoReference(pair=pair.code, why=WHY[Status.STALE])


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pair's reference stands now, for people to look at."""

    pair: Pair
    status: str
    latest: ReferenceRate | None
    last_good: ReferenceRate | None
    age: int | None
    low: Decimal | None
    high: Decimal | None

    @property
    def is_good(self) -> bool:
        """Whether the pair can be traded, as far as its reference goes."""
        return self.status == Status.OK

    @property
    def why(self) -> str:
        """Why it cannot be traded, in words."""
        return str(WHY.get(self.status, ""))


def standings(*, now: datetime) -> list[Standing]:
    """How the references of all pairs stand. One query."""
    related = ("reference_policy", "reference_state__latest", "reference_state__last_good")
    return [_standing(pair, now=now) for pair in Pair.objects.select_related(*related).order_by("code")]


def _standing(pair: Pair, *, now: datetime) -> Standing:
    state: ReferenceState | None = getattr(pair, "reference_state", None)
    policy: ReferencePolicy | None = getattr(pair, "reference_policy", None)
    latest, last_good = (state.latest, state.last_good) if state else (None, None)
    low, high = band(latest.mid, policy, tick=pair.tick) if latest and latest.mid and policy else (None, None)
    return Standing(
        pair=pair,
        status=latest.status_at(now) if latest else Status.MISSING,
        latest=latest,
        last_good=last_good,
        age=int((now - last_good.taken_at).total_seconds()) if last_good else None,
        low=low,
        high=high,
    )


def band(mid: Decimal, policy: ReferencePolicy, *, tick: Decimal) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price the policy allows around a mid, on the pair's tick."""
    with localcontext(prec=50):
        share = policy.band_bps / BPS
        return round_up(mid * (1 - share), tick), round_down(mid * (1 + share), tick)


def check_band(price: Decimal, reference: Reference, policy: ReferencePolicy) -> None:
    """
    Refuse a price that is too far from the reference. Needs the policy's `pair` loaded.

    :raises PriceBand: it is; the sentence names the range.
    """
    low, high = band(reference.mid, policy, tick=policy.pair.tick)
    if not low <= price <= high:
        raise PriceBand(price=price, pair=policy.pair.code, low=low, high=high)
