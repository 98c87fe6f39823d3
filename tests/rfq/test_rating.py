"""Rounds of reference rates: stored, judged, lost, found again, swept."""

from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from rfq import operations, pricing, references, tasks
from rfq.errors import NoReference, PriceBand
from rfq.models import Pair, RateSource, RateTick, ReferencePolicy, ReferenceRate, ReferenceState
from rfq.operations import rating
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer, Fetcher
from settlement.models import Asset
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import NOON
from tests.rfq.test_rate_sources import FakeSource
from trading.lib import clock
from trading.lib.jobs import defer
from users.models import AuditEvent


@pytest.fixture
def pair(db: None) -> Pair:
    euro = Asset.objects.create(code="EUR", kind=Asset.Kind.FIAT, scale=2)
    return operations.open_pair(quote_asset=euro, price_scale=4, now=clock.now())


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def said(*mids: str, when: datetime, pair: str = "USDT/EUR") -> list[Answer]:
    """One source per mid; an empty one fails."""
    return [
        Answer(f"s{number}", (Tick(pair, Decimal(mid), when),) if mid else (), "" if mid else "is away")
        for number, mid in enumerate(mids)
    ]


def take(*mids: str, seconds: float = 0, age: float = 0) -> ReferenceRate:
    """A round in which each source says this."""
    answers = said(*mids, when=at(seconds - age))
    (made,) = operations.take_rates(answers=answers, now=at(seconds))
    return made


def reference_for(pair: Pair, *, now: datetime) -> references.Reference:
    """As whoever trades reads it."""
    return references.loaded_reference(Pair.objects.select_related("reference_state__latest").get(pk=pair.pk), now=now)


def refusal(pair: Pair, seconds: float) -> str:
    with pytest.raises(NoReference) as told:
        reference_for(pair, now=at(seconds))
    assert told.value.code == "no_reference"
    return told.value.sentence


# --- what a round makes ------------------------------------------------------------------------


def test_opening_a_pair_gives_it_limits_and_no_reference_yet(pair: Pair) -> None:
    policy = ReferencePolicy.objects.get(pair=pair)

    assert (policy.band_bps, policy.max_age_seconds, policy.minimum_sources) == (Decimal(200), 30, 2)
    assert refusal(pair, 0) == (
        "USDT/EUR cannot be traded right now: too few sources give a price. Nothing was done; try again in a moment."
    )


def test_a_round_stores_ticks_and_the_median(pair: Pair) -> None:
    made = take("0.92", "0.922", age=2)

    assert (made.status, made.mid, made.taken_at, made.valid_until) == ("ok", Decimal("0.921"), NOON, at(28))
    assert made.sources == [
        {"source": "s0", "mid": "0.92", "age": 2.0, "use": "used"},
        {"source": "s1", "mid": "0.922", "age": 2.0, "use": "used"},
    ]
    assert [(tick.source, tick.quoted_at, tick.seen_at) for tick in RateTick.objects.order_by("pk")] == [
        ("s0", at(-2), NOON),
        ("s1", at(-2), NOON),
    ]
    found = reference_for(pair, now=at(27))
    assert found.snapshot() == {"mid": "0.921", "taken_at": NOON.isoformat(), "sources": made.sources}


def test_the_reference_takes_one_query(pair: Pair, round_trips: Any) -> None:
    take("0.92", "0.922")

    with round_trips() as counted:
        reference_for(pair, now=NOON)
    assert counted.total == 1


def test_it_may_be_read_with_the_pair(pair: Pair, round_trips: Any) -> None:
    take("0.92", "0.922")
    read = Pair.objects.select_related("reference_state__latest", "reference_policy").get(pk=pair.pk)

    with round_trips() as counted:
        assert references.loaded_reference(read, now=NOON).mid == Decimal("0.921")
    assert counted.total == 0


def test_a_stored_tick_counts_while_it_is_fresh_though_its_source_is_down(pair: Pair) -> None:
    take("0.92", "0.922")

    assert take("0.92", "", seconds=20).mid == Decimal("0.921")
    assert take("0.92", "", seconds=30).status == "stale"
    assert RateSource.objects.get(name="s1").problem == "is away"
    assert RateSource.objects.get(name="s1").answered_at == NOON


def test_pairs_nobody_asked_about_and_sources_no_longer_there_leave_nothing(pair: Pair) -> None:
    take("0.92", "0.922", "0.921")
    answers = said("0.92", "0.921", when=at(5)) + said("3.67", when=at(5), pair="USDT/AED")[:1]

    operations.take_rates(answers=[*answers[:2], Answer("s1", answers[2].ticks)], now=at(5))

    assert set(RateSource.objects.values_list("name", flat=True)) == {"s0", "s1"}
    assert RateTick.objects.filter(seen_at=at(5)).count() == 2


def test_a_pair_made_by_another_way_gets_limits_too(pair: Pair) -> None:
    dirham = Asset.objects.create(code="AED", kind=Asset.Kind.FIAT, scale=2)
    other = Pair.objects.create(code="USDT/AED", quote_asset=dirham, price_scale=4)

    operations.take_rates(answers=said("3.67", "3.671", when=NOON, pair="USDT/AED"), now=NOON)

    assert reference_for(other, now=NOON).mid == Decimal("3.6705")
    assert "too few sources" in refusal(pair, 0)


# --- failing closed, and recovering ------------------------------------------------------------


def test_it_is_not_used_past_its_time_though_nobody_judges_any_more(pair: Pair) -> None:
    take("0.92", "0.922")

    assert reference_for(pair, now=at(29.9)).mid == Decimal("0.921")
    assert "too old" in refusal(pair, 30)


@pytest.mark.parametrize(
    ("mids", "status", "words"),
    [
        (("", ""), "missing", "too few sources give a price"),
        (("0.92", ""), "missing", "too few sources give a price"),
        (("0.92", "0.95"), "disagreeing", "its sources disagree"),
    ],
)
def test_no_reference_says_why(pair: Pair, mids: tuple[str, ...], status: str, words: str) -> None:
    assert take(*mids).status == status
    assert words in refusal(pair, 0)


def test_sources_that_agree_again_are_a_reference_at_once(pair: Pair) -> None:
    take("0.92", "0.95")

    assert take("0.92", "0.921", seconds=5).status == "ok"
    assert reference_for(pair, now=at(5)).mid == Decimal("0.9205")


def test_a_jump_is_absurd_until_all_sources_say_so_often_enough(pair: Pair) -> None:
    take("0.92", "0.92")

    statuses = [take("1.2", "1.2", seconds=5 * step).status for step in range(1, 8)]

    assert statuses == ["absurd"] * 5 + ["ok"] * 2
    assert reference_for(pair, now=at(35)).mid == Decimal("1.2")


def test_an_absurd_reference_is_refused(pair: Pair) -> None:
    take("0.92", "0.92")
    take("1.2", "1.2", seconds=5)

    assert "jumped" in refusal(pair, 5)


def test_a_jump_back_is_good_at_once_and_the_count_begins_anew(pair: Pair) -> None:
    take("0.92", "0.92")
    for step in range(1, 6):
        take("1.2", "1.2", seconds=5 * step)

    assert take("0.921", "0.921", seconds=30).status == "ok"
    assert take("1.2", "1.2", seconds=35).status == "absurd"
    assert ReferenceState.objects.get().confirmations == 1


@pytest.mark.parametrize(
    "disturbed",
    [
        ("1.2", "1.2", "0.92"),  # one does not follow
        ("1.2", "1.2", ""),  # one is silent, and what it said is what it was
        ("1.5", "1.5", "1.5"),  # somewhere else altogether
        ("1.2", "1.35", "1.2"),
    ],
)
def test_what_is_not_said_by_all_confirms_nothing(pair: Pair, disturbed: tuple[str, ...]) -> None:
    take("0.92", "0.92", "0.92")
    for step in range(1, 6):
        assert take("1.2", "1.2", "1.2", seconds=5 * step).status == "absurd"

    assert take(*disturbed, seconds=30).status != "ok"
    assert take("1.2", "1.2", "1.2", seconds=35).status == "absurd"


def test_the_same_ticks_again_confirm_nothing(pair: Pair) -> None:
    take("0.92", "0.92")
    take("1.2", "1.2", seconds=5)

    for step in range(2, 6):
        operations.take_rates(answers=[], now=at(5 * step))

    assert ReferenceState.objects.get().confirmations == 0


def test_a_step_as_large_as_allowed_is_no_jump(pair: Pair) -> None:
    take("1.00", "1.00")

    assert take("1.03", "1.03", seconds=5).status == "ok"
    assert take("1.0610", "1.0610", seconds=10).status == "absurd"


# --- evidence ----------------------------------------------------------------------------------


def test_losing_and_finding_a_reference_is_recorded_once(pair: Pair) -> None:
    for seconds, other in ((0, "0.92"), (5, "0.92"), (10, "0.99"), (15, "0.99"), (20, "0.92"), (25, "0.92")):
        take("0.92", other, seconds=seconds)

    events = AuditEvent.objects.filter(name__startswith="reference.").order_by("pk")
    assert [(event.name, event.subject_ref, event.after["status"]) for event in events] == [
        ("reference.lost", "USDT/EUR", "disagreeing"),
        ("reference.restored", "USDT/EUR", "ok"),
    ]


# --- the band ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "is_fine"), [("0.9016", 1), ("0.9384", 1), ("0.9015", 0), ("0.9385", 0)])
def test_a_price_may_reach_the_end_of_the_band(pair: Pair, price: str, *, is_fine: int) -> None:
    take("0.92", "0.92")
    reference = reference_for(pair, now=NOON)
    policy = ReferencePolicy.objects.select_related("pair").get(pair=pair)

    if is_fine:
        references.check_band(Decimal(price), reference, policy)
        return
    with pytest.raises(PriceBand) as told:
        references.check_band(Decimal(price), reference, policy)
    assert (told.value.code, told.value.sentence) == (
        "price_band",
        f"{price} is too far from the market. A price of USDT/EUR is now between 0.9016 and 0.9384.",
    )


def test_spreads_are_positive_where_the_client_pays() -> None:
    for price, side, spread in (
        ("0.9219", "buy", "20.6522"),
        ("0.9181", "sell", "20.6522"),
        ("0.9181", "buy", "-20.6522"),
        ("0.92", "sell", "0"),
    ):
        assert pricing.spread_bps(Decimal(price), mid=Decimal("0.92"), side=side) == Decimal(spread)


# --- two at once, and later --------------------------------------------------------------------


def test_two_workers_at_once_judge_once(pair: Pair) -> None:
    take("0.92", "0.92")
    gate = Barrier(2)

    def round_of(one: str) -> list[ReferenceRate]:
        gate.wait(10)
        return operations.take_rates(answers=said(one, one, when=at(5)), now=at(5))

    outcomes = at_once([lambda: round_of("1.2"), lambda: round_of("1.2")])

    assert sorted(len(outcome) for outcome in outcomes) == [0, 1]  # type: ignore[arg-type]
    assert ReferenceRate.objects.filter(taken_at=at(5)).count() == 1
    assert RateTick.objects.filter(seen_at=at(5)).count() == 4
    assert ReferenceState.objects.get().confirmations == 1


def test_a_late_worker_does_not_turn_time_back(pair: Pair) -> None:
    take("0.92", "0.92", seconds=10)

    assert operations.take_rates(answers=said("0.9", "0.9", when=NOON), now=NOON) == []
    assert reference_for(pair, now=at(10)).mid == Decimal("0.92")


def test_old_rates_are_swept_but_the_ones_in_use(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(6):
        take("0.92", "0.92", seconds=5 * step)
    take("0.92", "0.99", seconds=30)
    monkeypatch.setattr(rating, "SWEPT_AT_ONCE", 4)

    swept = 0
    while some := operations.sweep_rates(before=at(1000)):
        swept += some

    assert swept == 14 + 5
    assert not RateTick.objects.exists()
    assert sorted(ReferenceRate.objects.values_list("taken_at", flat=True)) == [at(25), at(30)]


def test_young_rates_are_kept(pair: Pair) -> None:
    take("0.92", "0.92")

    assert operations.sweep_rates(before=NOON) == 0
    assert RateTick.objects.count() == 2


# --- the jobs ----------------------------------------------------------------------------------


def test_the_job_asks_the_sources_and_takes_what_they_say(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    sources = [FakeSource(name, Tick("USDT/EUR", Decimal("0.92"), now)) for name in ("one", "two")]
    broken = FakeSource("three", RuntimeError("broken"))
    monkeypatch.setattr(tasks, "fetcher", Fetcher(lambda: [*sources, broken]))
    defer("rfq.take_rates", timestamp=0)

    jobs.run_all()

    assert reference_for(pair, now=clock.now()).mid == Decimal("0.92")
    assert {source.name: source.problem for source in RateSource.objects.all()} == {
        "one": "",
        "two": "",
        "three": "RuntimeError: broken",
    }


def test_the_job_that_sweeps_keeps_so_many_days(pair: Pair, settings: Any) -> None:
    settings.RATES_KEPT_DAYS = 2
    for days in (3, 1):
        when = clock.now() - timedelta(days=days)
        operations.take_rates(answers=said("0.92", "0.92", when=when), now=when)

    defer("rfq.sweep_rates", timestamp=0)
    jobs.run_all()

    assert RateTick.objects.count() == 2


def test_a_market_of_the_tests_can_be_traded(db: None) -> None:
    market = factories.market()

    assert reference_for(market.pair, now=clock.now()).mid == Decimal("0.92")
