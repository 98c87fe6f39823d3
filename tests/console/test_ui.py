"""How numbers, times, hashes and states are written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from rfq.models import Quote, Rfq
from settlement.models import Settlement, Transfer, TransferAttempt
from trading.lib import clock
from trading.lib.looks import LOOKS, look_of, reason_words
from trading.templatetags import ui
from users.models import ApprovalDecision, ApprovalRequest, Counterparty, User


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (Decimal("1250.000001"), 6, "1,250<…>.000001"),
        (Decimal(40000), 6, "40,000<…>.000000"),
        (Decimal("-0.5"), 2, "-0<…>.50"),
        (Decimal(100000), 0, "100,000"),
    ],
)
def test_amounts_have_all_their_decimals_and_a_muted_fraction(value: Decimal, places: int, shown: str) -> None:
    html = ui.amount(value, places)

    assert html.startswith('<bdi class="num" dir="ltr">')
    assert html.replace('<bdi class="num" dir="ltr">', "").replace('<span class="dec">', "<…>") == (
        f"{shown}</span></bdi>" if places else f"{shown}</bdi>"
    )


def test_nothing_is_a_dash() -> None:
    assert "—" in ui.amount(None)
    assert "—" in ui.number(None)
    assert "—" in ui.when(None)


@pytest.mark.parametrize(
    ("ago", "english", "persian"),
    [
        (timedelta(seconds=20), "just now", "همین حالا"),
        (timedelta(minutes=12), "12 min ago", "۱۲ دقیقه پیش"),
        (timedelta(hours=2), "2 h ago", "۲ ساعت پیش"),
        (timedelta(days=1), "1 day ago", "۱ روز پیش"),
        (timedelta(days=3), "3 days ago", "۳ روز پیش"),
        (timedelta(minutes=-4, seconds=-30), "in 4 min", "تا ۴ دقیقه دیگر"),
    ],
)
def test_ages_are_said_in_the_readers_words_and_digits(ago: timedelta, english: str, persian: str) -> None:
    at = clock.now() - ago

    assert ui.age(at) == english
    with translation.override("fa"):
        assert ui.age(at) == persian


def test_times_carry_their_exact_utc() -> None:
    html = ui.when(datetime(2026, 6, 1, 12, 30, 5, tzinfo=UTC))

    assert 'datetime="2026-06-01T12:30:05Z"' in html
    assert 'title="2026-06-01 12:30:05 UTC"' in html


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0x9fB29AAc15b9A4B7F17c3385939b007540f4d791", "0x9fB2…d791"), ("RFQ-7KQ2", "RFQ-7KQ2"), ("", ""), (None, "")],
)
def test_hashes_show_first_six_and_last_four(value: str | None, shown: str) -> None:
    assert ui.short(value) == shown


def test_icons_escape_their_labels() -> None:
    assert "<b>" not in ui.icon("copy", "i", "<b>")


@pytest.mark.parametrize(
    ("machine", "states"),
    [
        ("rfq", Rfq.Status.values),
        ("quote", Quote.Status.values),
        ("settlement", Settlement.Status.values),
        ("approval", ApprovalRequest.Status.values),
        ("verdict", ApprovalDecision.Verdict.values),
        ("user", User.Status.values),
        ("counterparty", Counterparty.Status.values),
        ("transfer", {*Transfer.Status.values, *TransferAttempt.Status.values}),
    ],
)
def test_every_state_has_words_icon_and_tone(machine: str, states: list[str]) -> None:
    assert set(states) <= set(LOOKS[machine])


def test_states_and_reasons_without_a_look_are_not_hidden() -> None:
    assert look_of("rfq", "brand_new").words == "brand_new"
    assert reason_words("brand_new") == "brand_new"
