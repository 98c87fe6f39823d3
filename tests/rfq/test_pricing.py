"""From the LP's price to amounts: exact examples, and what holds for every price and amount."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfq.pricing import Deal, Wanted, all_in, deal
from trading.lib.money import USDT, Unit

EUR, AED, JPY = Unit("EUR", 2), Unit("AED", 2), Unit("JPY", 0)
TICK = Decimal("0.0001")


def priced(
    side: str, *, base: str = "", quote: str = "", price: str, bps: str = "20", tick: Decimal = TICK, fiat: Unit = EUR
) -> Deal | None:
    wanted = Wanted(side, Decimal(base) if base else None, Decimal(quote) if quote else None)
    return deal(wanted, price=Decimal(price), markup_bps=Decimal(bps), tick=tick, fiat=fiat)


def amounts(made: Deal | None) -> tuple[str, ...]:
    assert made
    return tuple(
        str(amount)
        for amount in (made.all_in_price, made.base_amount, made.quote_amount, made.lp_quote_amount, made.markup_amount)
    )


# --- examples --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        # 0.92 * 1.002 = 0.92184 up; 10000 / 0.9219 down; base * 0.92 and base * 0.0019 to the nearest
        (priced("buy", quote="10000", price="0.92"), ("0.9219", "10847.163466", "10000", "9979.39", "20.61")),
        # 0.92 * 0.998 = 0.91816 down; 10000 / 0.9181 up
        (priced("sell", quote="10000", price="0.92"), ("0.9181", "10892.059689", "10000", "10020.69", "20.69")),
        # 1000 * 0.9219 is exact
        (priced("buy", base="1000", price="0.92"), ("0.9219", "1000", "921.90", "920.00", "1.90")),
        (priced("sell", base="1000", price="0.92"), ("0.9181", "1000", "918.10", "920.00", "1.90")),
        # no mark-up: the client pays the LP's price, rounded against it
        (priced("buy", base="0.333333", price="0.92", bps="0"), ("0.9200", "0.333333", "0.31", "0.31", "0.00")),
        (priced("sell", base="0.333333", price="0.92", bps="0"), ("0.9200", "0.333333", "0.30", "0.31", "0.00")),
        # a currency without decimals
        (
            priced("buy", base="10", price="155.25", bps="0", tick=Decimal("0.01"), fiat=JPY),
            ("155.25", "10", "1553", "1552", "0"),
        ),
    ],
)
def test_examples(made: Deal | None, expected: tuple[str, ...]) -> None:
    assert amounts(made) == expected


@pytest.mark.parametrize(
    "made",
    [
        priced("sell", base="1000", price="0.0001", bps="1"),  # the all-in price is rounded down to nothing
        priced("sell", base="0.000001", price="0.92"),  # the client would get nothing
        priced("buy", base="0.000001", price="0.92"),  # the LP would get nothing
        priced("buy", quote="0.01", price="99999", tick=Decimal(1)),  # the client would get nothing
        priced("buy", quote="999999999999999", price="0.0001"),  # more USDT than can be booked
        priced("buy", base="999999999999999", price="999999999"),  # more EUR than can be booked
        priced("sell", quote="999999999999999", price="0.0000000001", bps="0", tick=Decimal("1e-10")),
    ],
)
def test_what_comes_to_nothing_or_too_much_is_no_deal(made: Deal | None) -> None:
    assert made is None


def test_rounding_is_exact_however_many_digits_there_are() -> None:
    made = priced("buy", base="100000000000000.000001", price="1.0000000001", bps="0", tick=Decimal("1e-10"), fiat=JPY)

    assert made
    assert made.quote_amount == 100_000_000_010_001  # 100000000010000.0000010000000001, up
    assert made.lp_quote_amount == 100_000_000_010_000


# --- what always holds -----------------------------------------------------------------------

sides = st.sampled_from(["buy", "sell"])
fiats = st.sampled_from([EUR, JPY, Unit("BHD", 3)])
ticks = st.sampled_from([Decimal(1).scaleb(-places) for places in range(7)])
bps = st.decimals(min_value=0, max_value=1000, places=2)
sizes = st.integers(min_value=1, max_value=10**15)
steps = st.integers(min_value=1, max_value=10**7)


@settings(max_examples=200, deadline=None, database=None)
@given(side=sides, tick=ticks, number=steps, markup=bps)
def test_all_in_price_is_against_the_client_by_less_than_a_tick(
    side: str, tick: Decimal, number: int, markup: Decimal
) -> None:
    price = number * tick
    exact = price * (1 + markup / 10_000) if side == "buy" else price * (1 - markup / 10_000)

    rounded = all_in(price, side=side, markup_bps=markup, tick=tick)

    against = rounded - exact if side == "buy" else exact - rounded
    assert 0 <= against < tick
    assert rounded == rounded.quantize(tick)


@settings(max_examples=300, deadline=None, database=None)
@given(side=sides, fiat=fiats, tick=ticks, number=steps, markup=bps, size=sizes, is_base=st.booleans())
def test_amounts_are_against_the_client_by_less_than_a_step(
    *,
    side: str,
    fiat: Unit,
    tick: Decimal,
    number: int,
    markup: Decimal,
    size: int,
    is_base: bool,
) -> None:
    unit = USDT if is_base else fiat
    amount = size * unit.step
    wanted = Wanted(side, amount if is_base else None, None if is_base else amount)

    made = deal(wanted, price=number * tick, markup_bps=markup, tick=tick, fiat=fiat)

    if made is None:
        return
    asked = made.base_amount if is_base else made.quote_amount
    assert asked == amount
    exact = made.base_amount * made.all_in_price
    owed = made.quote_amount - exact if side == "buy" else exact - made.quote_amount
    if is_base:
        assert 0 <= owed < fiat.step
    else:
        assert 0 <= owed < USDT.step * made.all_in_price
    assert made.base_amount == made.base_amount.quantize(USDT.step)
    for in_fiat in (made.quote_amount, made.lp_quote_amount, made.markup_amount):
        assert in_fiat == in_fiat.quantize(fiat.step)
    assert min(made.base_amount, made.quote_amount, made.lp_quote_amount) > 0


@settings(max_examples=300, deadline=None, database=None)
@given(side=sides, fiat=fiats, tick=ticks, number=steps, markup=bps, size=sizes, is_base=st.booleans())
def test_markup_and_rounding_are_the_spread(
    *,
    side: str,
    fiat: Unit,
    tick: Decimal,
    number: int,
    markup: Decimal,
    size: int,
    is_base: bool,
) -> None:
    amount = size * (USDT if is_base else fiat).step
    wanted = Wanted(side, amount if is_base else None, None if is_base else amount)

    made = deal(wanted, price=number * tick, markup_bps=markup, tick=tick, fiat=fiat)

    if made is None:
        return
    spread = made.quote_amount - made.lp_quote_amount
    spread = spread if side == "buy" else -spread
    rounding = spread - made.markup_amount
    # two roundings to the nearest, and one against the client: of fiat, or of USDT at this price
    most = fiat.step + (fiat.step if is_base else USDT.step * made.all_in_price)
    assert -fiat.step <= rounding <= most
    assert made.markup_amount >= 0
