"""Numbers are read strictly and written in the reader's own way."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.lib import numbers
from trading.lib.numbers import NotANumber

NOON = datetime(2026, 6, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "language", "meant"),
    [
        ("10000", "en", "10000"),
        ("10,000.50", "en", "10000.50"),
        ("1,000,000", "en", "1000000"),
        ("۱۰۰۰۰", "fa", "10000"),
        ("۱۰٬۰۰۰٫۵", "fa", "10000.5"),
        ("10,000.5", "fa", "10000.5"),
        ("١٠٠٠", "fa", "1000"),
        ("1.000,50", "de", "1000.50"),
        ("۱۰۰۰", "en", "1000"),
    ],
)
def test_plain_numbers_are_understood(written: str, language: str, meant: str) -> None:
    assert numbers.parse_decimal(written, language) == Decimal(meant)


@pytest.mark.parametrize(
    "written",
    ["1e6", "NaN", "inf", "-5", "+5", "0", "0.0", "", " ", "1,5", "10,00,000", "1.000,50", "10.", ".5", "1 000",
     "1_000", "0x10", "１０", "½", "10,000,00", "1" * 16, "0." + "1" * 11, "10€", "ten", "1,000.5.5"],
)  # fmt: skip
def test_what_is_not_certainly_a_number_is_refused(written: str) -> None:
    with pytest.raises(NotANumber) as refused:
        numbers.parse_decimal(written, "en")
    assert "10,000.50" in refused.value.sentence


@given(st.decimals(min_value="0.01", max_value="999999999", places=2), st.sampled_from(["en", "fa", "de", "ar"]))
def test_what_is_written_is_read_back(amount: Decimal, language: str) -> None:
    assert numbers.parse_decimal(numbers.format_decimal(amount, 2, language), language) == amount


def test_amounts_prices_and_times_are_written_for_the_reader() -> None:
    assert numbers.format_decimal(Decimal("10000.5"), 2, "fa") == "۱۰٬۰۰۰٫۵۰"
    assert numbers.format_price(Decimal("0.9213000000"), 4, "en") == "0.9213"
    assert numbers.format_price(Decimal(100), 2, "en") == "100.00"
    assert numbers.format_clock(NOON, now=NOON, time_zone="UTC", language="en") == "12:00:05 UTC"
    assert numbers.format_clock(NOON, now=NOON, time_zone="Asia/Tehran", language="fa").startswith("۱۵:۳۰:۰۵")
    later = NOON.replace(day=3)
    assert numbers.format_clock(later, now=NOON, time_zone="UTC", language="en") == "2026-06-03 12:00:05 UTC"
    assert numbers.isolate("RFQ-1", "fa") == "\u2068RFQ-1\u2069"
    assert numbers.isolate("RFQ-1", "en") == "RFQ-1"
