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


@given(
    st.decimals(min_value="0.01", max_value="999999999", places=2),
    st.sampled_from(["en", "fa", "de", "ar", "ru", "tr"]),
)
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


WRITTEN = [
    "1,000",
    "1.000,50",
    "۱۰۰۰٫۵",
    "1e6",
    "-5",
    "NaN",
    "10 000",
    "１０００",
    "+5",
    "0",
    "1,00",
    "1.000",
    "10\u00a0000,5",
]
READ = {
    "en": ["1000", None, None, None, None, None, None, None, None, None, None, "1", None],
    "fa": ["1000", None, "1000.5", None, None, None, None, None, None, None, None, "1", None],
    "ar": ["1000", None, "1000.5", None, None, None, None, None, None, None, None, "1", None],
    "ru": ["1", None, None, None, None, None, "10000", None, None, None, "1", None, "10000.5"],
    "tr": ["1", "1000.50", None, None, None, None, None, None, None, None, "1", "1000", None],
}


@pytest.mark.parametrize("language", READ)
def test_each_language_reads_its_own_notation_and_refuses_the_others(language: str) -> None:
    for written, meant in zip(WRITTEN, READ[language], strict=True):
        if meant is None:
            with pytest.raises(NotANumber):
                numbers.parse_decimal(written, language)
        else:
            assert numbers.parse_decimal(written, language) == Decimal(meant), written


@pytest.mark.parametrize(
    ("written", "language", "meant"),
    [
        ("0.9213", "tr", "0.9213"),
        ("0,9213", "tr", "0.9213"),
        ("34.5", "ru", "34.5"),
        ("34,500", "tr", "34.5"),
        ("34.500", "ru", "34.5"),  # a point never separates thousands in Russian
        ("0.921", "tr", "0.921"),  # nor after a zero
        ("1,234.5", "en", "1234.5"),
        ("۰٫۹۲۱۳", "fa", "0.9213"),
    ],
)
def test_prices_are_read_as_terminals_write_them_too(written: str, language: str, meant: str) -> None:
    assert numbers.parse_price(written, language) == Decimal(meant)


@pytest.mark.parametrize("written", ["34.500", "1.000"])
def test_price_that_could_be_thousands_is_refused_not_guessed(written: str) -> None:
    with pytest.raises(NotANumber):
        numbers.parse_price(written, "tr")


def test_amount_written_with_spaces_is_one_word_again() -> None:
    assert numbers.joined(["10", "000", "EUR"]) == ["10 000", "EUR"]
    assert numbers.joined(["۱۰", "۰۰۰", "USDT", "EUR"]) == ["۱۰ ۰۰۰", "USDT", "EUR"]
    assert numbers.joined(["10000", "EUR"]) == ["10000", "EUR"]
    assert numbers.joined(["EUR"]) == ["EUR"]
    assert numbers.joined([]) == []
