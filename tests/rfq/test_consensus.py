"""What several mids come to: the median of those that agree, or why there is none."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfq import consensus
from rfq.consensus import Consensus
from rfq.models import RateTick, ReferencePolicy
from tests.factories import NOON

POLICY = ReferencePolicy(max_disagreement_bps=Decimal(100), max_age_seconds=30, minimum_sources=2)


def ticks(*mids: str, age: float = 1) -> list[RateTick]:
    return [
        RateTick(source=f"s{number}", mid=Decimal(mid), quoted_at=NOON - timedelta(seconds=age), seen_at=NOON)
        for number, mid in enumerate(mids)
    ]


def agree(found: list[RateTick], policy: ReferencePolicy = POLICY) -> Consensus:
    return consensus.agree(found, policy, now=NOON)


@pytest.mark.parametrize(
    ("mids", "mid"),
    [
        (("0.92", "0.922"), "0.921"),
        (("0.92", "0.925", "0.921"), "0.921"),
        (("0.92", "0.923", "0.921", "0.922"), "0.9215"),
        (("1000000", "1000001"), "1000000.5"),
        (("0.0000000001", "0.0000000001"), "0.0000000001"),
    ],
)
def test_the_mid_is_the_median(mids: tuple[str, ...], mid: str) -> None:
    outcome = agree(ticks(*mids))

    assert (outcome.status, outcome.mid) == ("ok", Decimal(mid))
    assert len(outcome.used) == len(mids)
    assert outcome.is_unanimous


@pytest.mark.parametrize(
    ("mids", "out", "mid"),
    [
        (("0.92", "0.921", "0.95"), ["s2"], "0.9205"),
        (("0.5", "0.92", "0.921"), ["s0"], "0.9205"),
        (("0.92", "0.921", "9", "0.0001", "0.9205"), ["s2", "s3"], "0.9205"),
        (("0.92", "0.921", "0.9205", "7", "7"), ["s3", "s4"], "0.9205"),
    ],
)
def test_outliers_are_left_out_while_a_majority_agrees(mids: tuple[str, ...], out: list[str], mid: str) -> None:
    outcome = agree(ticks(*mids))

    assert (outcome.status, outcome.mid) == ("ok", Decimal(mid))
    assert sorted(tick.source for tick in outcome.outliers) == out
    assert not outcome.is_unanimous


@pytest.mark.parametrize(
    "mids",
    [
        ("0.92", "0.93"),  # two: nobody knows which
        ("0.91", "0.92", "0.93"),  # as far on both sides
        ("0.92", "0.9201", "0.99", "0.9901"),  # two and two
        ("0.92", "0.9201", "0.99", "1.2"),  # two of four are no majority
        ("0.5", "0.7", "0.95"),
    ],
)
def test_who_is_wrong_cannot_be_told_so_there_is_no_mid(mids: tuple[str, ...]) -> None:
    outcome = agree(ticks(*mids))

    assert (outcome.status, outcome.mid, outcome.valid_until) == ("disagreeing", None, None)


def test_disagreement_may_reach_its_limit_and_not_pass_it() -> None:
    assert agree(ticks("1.0000", "1.0100")).status == "ok"
    assert agree(ticks("1.0000", "1.0101")).status == "disagreeing"


def test_stale_ticks_do_not_count() -> None:
    outcome = agree([*ticks("0.92", "0.921"), *ticks("0.9", age=30)])

    assert (outcome.status, outcome.mid) == ("ok", Decimal("0.9205"))
    assert [tick.mid for tick in outcome.stale] == [Decimal("0.9")]
    assert not outcome.is_unanimous


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], "missing"),
        (ticks("0.92"), "missing"),
        ([*ticks("0.92"), *ticks("0.92", age=31)], "stale"),
        (ticks("0.92", "0.92", age=30), "stale"),
    ],
)
def test_too_few_are_missing_or_stale(found: list[RateTick], status: str) -> None:
    assert agree(found).status == status


def test_more_sources_may_be_asked_for() -> None:
    policy = ReferencePolicy(max_disagreement_bps=Decimal(100), max_age_seconds=30, minimum_sources=3)

    assert agree(ticks("0.92", "0.92"), policy).status == "missing"
    assert agree(ticks("0.92", "0.92", "0.92"), policy).status == "ok"
    assert agree(ticks("0.92", "0.92", "9"), policy).status == "disagreeing"


def test_it_holds_until_too_few_of_its_ticks_are_fresh() -> None:
    found = [*ticks("0.92", age=29), *ticks("0.92", age=10), *ticks("0.92", age=2)]

    assert agree(found).valid_until == NOON + timedelta(seconds=20)


mids = st.lists(st.decimals("0.0001", "1000000", places=6, allow_nan=False), max_size=7)


@given(mids)
def test_a_mid_is_always_within_what_a_majority_says(values: list[Decimal]) -> None:
    outcome = agree(ticks(*[str(value) for value in values]))

    if outcome.status != "ok":
        assert (outcome.mid, list(outcome.used)) == (None, [])
        return
    used = [tick.mid for tick in outcome.used]
    assert outcome.mid is not None
    assert min(used) <= outcome.mid <= max(used)
    assert len(used) >= 2
    assert len(used) * 2 > len(values)
    assert (max(used) - min(used)) * 10_000 <= min(used) * 100
    assert len(used) + len(outcome.outliers) == len(values)


@given(mids, st.randoms())
def test_the_order_of_sources_does_not_matter(values: list[Decimal], chance: object) -> None:
    found = ticks(*[str(value) for value in values])
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert (agree(found).status, agree(found).mid) == (agree(shuffled).status, agree(shuffled).mid)
