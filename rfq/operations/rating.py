"""
One round of reference rates: what the sources said is stored, and judged per pair.

It is no act of anybody's, and happens every few seconds, so it leaves no audit event; that a pair lost its
reference, or has one again, is recorded. What decided a quote is kept with the quote.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from rfq import consensus
from rfq.consensus import Consensus, distance_bps, plain
from rfq.models import Pair, RateSource, RateTick, ReferencePolicy, ReferenceRate, ReferenceState
from trading.lib.operations import operation
from users import audit

LOOK_BACK = timedelta(minutes=10)  # a source silent for longer is none of the sources any more
CLOSEST = timedelta(seconds=1)  # a round so soon after another is not a second one
SWEPT_AT_ONCE = 10_000
Status = ReferenceRate.Status


class Mid(Protocol):
    """A mid as a source gave it."""

    @property
    def pair(self) -> str:
        """The pair's code."""

    @property
    def mid(self) -> Decimal:
        """In quote currency per USDT."""

    @property
    def at(self) -> datetime:
        """The source's own time of it."""


class SourceAnswer(Protocol):
    """What became of asking one source."""

    @property
    def source(self) -> str:
        """Its name."""

    @property
    def ticks(self) -> Sequence[Mid]:
        """What it gave."""

    @property
    def problem(self) -> str:
        """Why it did not give all; "" when it did."""


@operation
def take_rates(*, answers: Sequence[SourceAnswer], now: datetime) -> list[ReferenceRate]:
    """Store what the sources answered, and judge each pair anew, unless that was done a moment ago."""
    _complete_pairs()
    states = _lock_states()
    _note_sources(answers, now=now)
    _store(answers, {state.pair.code: state.pair for state in states}, now=now)
    due = [state for state in states if state.latest is None or state.latest.taken_at <= now - CLOSEST]
    spoken = _latest_ticks(due, now=now)
    return [_judge(state, spoken.get(state.pair_id, []), now=now) for state in due]


def add_policy(pair: Pair) -> ReferencePolicy:
    """Give a new pair the usual limits, and no reference yet. Assumes a transaction whose audit event says so."""
    ReferenceState.objects.create(pair=pair)
    return ReferencePolicy.objects.create(pair=pair)


def _complete_pairs() -> None:
    """A pair somebody made by another way has limits and a state, too."""
    if policies := [ReferencePolicy(pair=pair) for pair in Pair.objects.filter(reference_policy=None)]:
        ReferencePolicy.objects.bulk_create(policies, ignore_conflicts=True)
    if states := [ReferenceState(pair=pair) for pair in Pair.objects.filter(reference_state=None)]:
        ReferenceState.objects.bulk_create(states, ignore_conflicts=True)


def _lock_states() -> list[ReferenceState]:
    held = ReferenceState.objects.select_for_update().order_by("pk").values_list("pk", flat=True)
    # Read only now: what a row waited for points to would be missing from the statement that waited.
    rows = ReferenceState.objects.select_related("latest", "last_good", "pair__reference_policy")
    return list(rows.filter(pk__in=list(held)).order_by("pk"))


def _note_sources(answers: Iterable[SourceAnswer], *, now: datetime) -> None:
    known = {row.name: row for row in RateSource.objects.select_for_update().order_by("pk")}
    named = set()
    for answer in answers:
        row = known.get(answer.source) or RateSource(name=answer.source)
        row.asked_at, row.problem = now, answer.problem[:500]
        if answer.ticks or not answer.problem:
            row.answered_at = now
        row.save()
        named.add(answer.source)
    RateSource.objects.filter(pk__in=[row.pk for name, row in known.items() if name not in named]).delete()


def _store(answers: Iterable[SourceAnswer], pairs: Mapping[str, Pair], *, now: datetime) -> None:
    rows = [
        RateTick(pair=pairs[tick.pair], source=answer.source, mid=tick.mid, quoted_at=min(tick.at, now), seen_at=now)
        for answer in answers
        for tick in answer.ticks
        if tick.pair in pairs
    ]
    RateTick.objects.bulk_create(rows)


def _latest_ticks(states: Sequence[ReferenceState], *, now: datetime) -> dict[int, list[RateTick]]:
    """By pair, the latest tick of each source that spoke of late."""
    longest = max((state.pair.reference_policy.max_age_seconds for state in states), default=0)
    since = now - max(LOOK_BACK, timedelta(seconds=longest))
    rows = RateTick.objects.filter(pair__in=[state.pair_id for state in states], seen_at__gt=since)
    found: dict[int, list[RateTick]] = {}
    for tick in rows.order_by("pair", "source", "-quoted_at", "-pk").distinct("pair", "source"):
        found.setdefault(tick.pair_id, []).append(tick)
    return found


def _judge(state: ReferenceState, ticks: Sequence[RateTick], *, now: datetime) -> ReferenceRate:
    outcome = consensus.agree(ticks, state.pair.reference_policy, now=now)
    status, mid = outcome.status, outcome.mid
    if mid is None or not _is_jump(state, mid):
        state.claimed_mid, state.confirmations = None, 0
    elif not _is_confirmed(state, outcome, mid, now=now):
        status, mid = Status.ABSURD, None
    rate = ReferenceRate.objects.create(
        pair=state.pair,
        status=status,
        mid=mid,
        sources=[*_facts(outcome, now=now)],
        taken_at=now,
        valid_until=outcome.valid_until if status == Status.OK else None,
    )
    _record_change(state, rate, now=now)
    state.latest = rate
    if rate.status == Status.OK:
        state.last_good = rate
    state.save()
    return rate


def _is_jump(state: ReferenceState, mid: Decimal) -> bool:
    last = state.last_good.mid if state.last_good else None
    return last is not None and distance_bps(mid, last) > state.pair.reference_policy.max_jump_bps


def _is_confirmed(state: ReferenceState, outcome: Consensus, mid: Decimal, *, now: datetime) -> bool:
    """Count a jump that all sources say in this very round; whether they have said so often enough."""
    policy = state.pair.reference_policy
    if not outcome.is_unanimous or any(tick.seen_at != now for tick in outcome.used):
        state.claimed_mid, state.confirmations = None, 0
        return False
    goes_on = state.claimed_mid is not None and distance_bps(mid, state.claimed_mid) <= policy.max_jump_bps
    state.claimed_mid, state.confirmations = mid, state.confirmations + 1 if goes_on else 1
    if state.confirmations < policy.confirming_rounds:
        return False
    state.claimed_mid, state.confirmations = None, 0
    return True


def _facts(outcome: Consensus, *, now: datetime) -> Iterable[dict[str, object]]:
    """Plain values of who said what: used, an outlier, or stale; ages in seconds."""
    for use, ticks in (("used", outcome.used), ("outlier", outcome.outliers), ("stale", outcome.stale)):
        for tick in ticks:
            age = round((now - tick.quoted_at).total_seconds(), 1)
            yield {"source": tick.source, "mid": plain(tick.mid), "age": age, "use": use}


def _record_change(state: ReferenceState, rate: ReferenceRate, *, now: datetime) -> None:
    """Note in the audit log that the pair lost its reference, or has one again."""
    if state.latest is None:
        return
    was_good, is_good = (one.status == Status.OK for one in (state.latest, rate))
    if was_good == is_good:
        return
    name = "reference.restored" if is_good else "reference.lost"
    change = audit.Change(
        before={"status": state.latest.status}, after={"status": rate.status, "sources": rate.sources}
    )
    audit.record(name, actor=None, subject=state, at=now, change=change)


@operation
def sweep_rates(*, before: datetime) -> int:
    """Delete what was seen and made of it before an instant, a bounded number. No act, so no audit event."""
    old = RateTick.objects.filter(seen_at__lt=before).order_by("seen_at").values("pk")[:SWEPT_AT_ONCE]
    ticks, _by_model = RateTick.objects.filter(pk__in=old).delete()
    states = ReferenceState.objects.all()
    kept = {pk for pair in states.values_list("latest", "last_good") for pk in pair}  # or nothing
    past = ReferenceRate.objects.filter(taken_at__lt=before).exclude(pk__in=kept).order_by("taken_at")
    rates, _by_model = ReferenceRate.objects.filter(pk__in=past.values("pk")[:SWEPT_AT_ONCE]).delete()
    return ticks + rates
