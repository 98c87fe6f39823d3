"""A statement says what the ledger says, in every language, and no more than its reader may know."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pypdf
import pytest
from django.conf import settings as desk_settings
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from rfq import periods
from rfq.papers import statements as papers
from rfq.periods import NotAPeriod, PeriodAhead, PeriodTooLong
from rfq.queries import statements
from rfq.queries.statements import StatementTooLong
from settlement import operations, tasks
from settlement.models import Balance, Settlement
from tests import factories
from tests.factories import Market
from trading.lib import clock, documents, sheets
from trading.lib.errors import Forbidden
from trading.lib.money import Money
from trading.lib.pdf import Column, Facts, Sheet, Table, render
from users import operations as user_operations
from users.models import Counterparty, User

LANGUAGES = ["en", "fa", "ar", "ru", "tr"]


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def deliver(*, side: str = "buy", market: Market) -> Settlement:
    """A trade to the balance, delivered."""
    fill = factories.fill(market, side=side, to_balance=True)
    return operations.pay(settlement_id=fill.settlement.pk, signer=tasks.sign, now=clock.now())


def statement_of(party: Counterparty, *, most: int = 1000, name: str = "", back: int = 0) -> statements.Statement:
    now = clock.now() + timedelta(seconds=1)
    period = periods.read([name] if name else [], time_zone="UTC", now=now)
    if back:
        period = periods.month_of(now, time_zone="UTC", back=back)
    return statements.statement(party, period, most=most, made_at=now)


def paper_of(user: User, form: str = "csv") -> bytes:
    now = clock.now() + timedelta(seconds=1)
    name = periods.month_of(now, time_zone=user.time_zone).name
    return documents.make(user.pk, papers.wanted(name, form, at=now)).content


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


# --- amounts --------------------------------------------------------------------------------


def test_balances_are_those_of_the_ledger_after_trades_both_ways(market: Market) -> None:
    deliver(market=market)
    deliver(market=market, side="sell")
    factories.deposit(market.client, market.eur, "12.34")

    found = statement_of(market.client)

    for account in found.accounts:
        kept = Balance.objects.get(account__counterparty=market.client, account__asset=account.asset)
        assert account.closing == Money.from_minor(kept.posted, account.asset.unit).amount
        assert account.opening + account.came_in - account.went_out == account.closing
    assert {account.asset.code for account in found.accounts} == {"EUR", "USDT"}
    assert [trade.side for trade in found.trades] == ["buy", "sell"]


def test_the_next_period_opens_with_what_this_one_closed_with(market: Market) -> None:
    deliver(market=market)
    now = clock.now() + timedelta(seconds=1)
    period = periods.month_of(now, time_zone="UTC")
    closed = statements.statement(market.client, period, most=99, made_at=now)
    ahead = periods.Period("next", now, now + timedelta(days=1))

    opened = statements.statement(market.client, ahead, most=99, made_at=now + timedelta(hours=1))

    assert {a.asset.code: a.opening for a in opened.accounts} == {a.asset.code: a.closing for a in closed.accounts}
    assert not any(account.movements for account in opened.accounts)
    assert opened.trades == []


def test_before_the_first_booking_there_is_nothing(market: Market) -> None:
    found = statement_of(market.client, back=2)

    assert (found.accounts, found.trades) == ([], [])
    assert "%PDF" in papers.to_pdf(found, time_zone="UTC")[:8].decode("latin-1")


def test_lp_has_its_own_accrual_and_price_and_no_word_of_the_client(market: Market) -> None:
    deliver(market=market)
    found = statement_of(market.meridian)

    assert {account.asset.code: account.closing for account in found.accounts} == {
        "USDT": -found.trades[0].base_amount,
        "EUR": found.trades[0].quote_amount,
    }
    assert found.trades[0].side == "sell"
    assert found.trades[0].price == Decimal("0.92")
    for form in papers.FORMATS:
        content = paper_of(market.leo, form)
        words = text_of(content) if form == "pdf" else content.decode("utf-8-sig")
        assert market.meridian.ref in words or form == "csv"
        assert market.client.name not in words
        assert market.client.ref not in words


def test_client_sees_the_all_in_price_and_no_lp(market: Market) -> None:
    settlement = deliver(market=market)
    row = next(row for row in rows_of(paper_of(market.tara)) if row["record"] == "trade")

    assert Decimal(row["price"]) == settlement.price
    assert Decimal(row["quote_amount"]) == settlement.quote_amount
    words = paper_of(market.tara).decode("utf-8-sig") + text_of(paper_of(market.tara, "pdf"))
    assert market.meridian.name not in words
    assert market.meridian.ref not in words


# --- the files ------------------------------------------------------------------------------


def test_csv_reads_back_to_the_same_amounts(market: Market) -> None:
    deliver(market=market)
    content = paper_of(market.tara)
    rows = rows_of(content)
    found = statement_of(market.client)

    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == len(rows) + 1
    closing = {row["asset"]: Decimal(row["balance"]) for row in rows if row["record"] == "closing"}
    assert closing == {account.asset.code: account.closing for account in found.accounts}
    moved = [row for row in rows if row["record"] == "movement"]
    assert len(moved) == sum(len(account.movements) for account in found.accounts)
    assert all(bool(row["in"]) != bool(row["out"]) for row in moved)


def test_csv_is_the_same_in_every_language(market: Market) -> None:
    deliver(market=market)
    now = clock.now() + timedelta(seconds=1)
    name = periods.month_of(now, time_zone="UTC").name
    made = set()
    for language in ("en", "fa"):
        with translation.override(language):
            made.add(documents.make(market.tara.pk, papers.wanted(name, "csv", at=now)).content)

    assert len(made) == 1


@given(st.text(max_size=40))
@settings(deadline=None)
def test_no_cell_is_a_formula(written: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(sheets.line([written]), newline="")), [""])

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_pdf_is_the_same_when_it_is_made_again(market: Market, language: str) -> None:
    deliver(market=market)
    now = clock.now() + timedelta(seconds=1)
    asked = papers.wanted(periods.month_of(now, time_zone="UTC").name, "pdf", at=now)
    with translation.override(language):
        made = [documents.make(market.tara.pk, asked).content for _again in range(2)]

    assert made[0] == made[1]
    assert market.client.name in text_of(made[0])
    assert market.client.ref in text_of(made[0])


def test_persian_statement_is_in_shaped_persian(market: Market) -> None:
    deliver(market=market)
    with translation.override("fa"):
        content = paper_of(market.tara, "pdf")

    words = text_of(content)
    assert "صورت‌حساب" in words
    assert "مانده‌ی پایانی" in words
    fonts = {str(font["/BaseFont"]) for font in _fonts(content)}
    assert any("Vazirmatn" in name for name in fonts)


SCRIPTS = {
    "en": "Statement of account",
    "fa": "صورت‌حساب گچپژ",
    "ar": "كشف الحساب",
    "ru": "Выписка по счёту ъэщ",
    "tr": "Hesap özeti ĞğİıŞşÇç",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_script_has_its_letters(language: str, caplog: Any) -> None:
    table = Table(
        [Column(SCRIPTS[language], 80), Column("USDT", 40, "number")], [["STL-1 · " + SCRIPTS[language], "1"]]
    )
    sheet = Sheet(SCRIPTS[language], "—", "—", clock.now(), language, "{page}/{pages}", [table])
    content = render(sheet)

    assert SCRIPTS[language].split()[0] in text_of(content)
    assert not caplog.records  # a letter that no font has would be named here


def test_many_rows_run_over_pages_with_head_and_number(market: Market) -> None:
    table = Table([Column("Date", 40), Column("Amount", 40, "number")], [[f"row {n}", str(n)] for n in range(120)])
    content = render(Sheet("Statement", "Arsin", "made", clock.now(), "en", "Page {page} of {pages}", [table]))
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]

    assert len(pages) == 3
    for number, words in enumerate(pages, start=1):
        assert f"Page {number} of 3" in words
        assert "Arsin" in words
        assert "Amount" in words
    assert sum(words.count("row ") for words in pages) == 120


# --- bounds ---------------------------------------------------------------------------------


def test_queries_are_the_same_however_many_rows(market: Market, django_assert_num_queries: Any) -> None:
    deliver(market=market)
    for more in (0, 2):
        for _again in range(more):
            deliver(market=market)
        with django_assert_num_queries(4):
            statement_of(market.client)


def test_more_rows_than_a_paper_holds_are_refused(market: Market) -> None:
    deliver(market=market)

    with pytest.raises(StatementTooLong):
        statement_of(market.client, most=1)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["2026-13"], NotAPeriod),
        (["october"], NotAPeriod),
        (["2026-10-01"], NotAPeriod),
        (["2026-10-05", "2026-10-01"], NotAPeriod),
        (["1999-01"], NotAPeriod),
        (["2020-01-01", "2026-10-01"], PeriodTooLong),
        (["2099-01"], PeriodAhead),
    ],
)
def test_what_is_no_period_is_refused(words: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        periods.read(words, time_zone="UTC", now=clock.now())


@pytest.mark.parametrize("words", [["2026-10"], ["۲۰۲۶-۱۰"], ["2026-10-01", "2026-10-31"], ["2026-10-01..2026-10-31"]])
def test_a_month_begins_and_ends_at_the_readers_midnight(words: list[str]) -> None:
    period = periods.read(words, time_zone="Asia/Tehran", now=clock.now())

    assert period.begins.isoformat() == "2026-10-01T00:00:00+03:30"
    assert period.ends.isoformat() == "2026-11-01T00:00:00+03:30"
    assert periods.read([period.name], time_zone="Asia/Tehran", now=clock.now()) == period


def test_paper_is_refused_to_who_may_not_trade_any_more(market: Market) -> None:
    user_operations.suspend_user(
        user=market.tara, actor=factories.founders()[0], reason=factories.REASON, now=clock.now()
    )

    with pytest.raises(Forbidden):
        paper_of(market.tara)


def test_every_language_of_the_desk_is_tried_here() -> None:
    assert set(dict(desk_settings.LANGUAGES)) <= set(LANGUAGES)


def _fonts(content: bytes) -> list[Any]:
    found = []
    for page in pypdf.PdfReader(io.BytesIO(content)).pages:
        found += [font.get_object() for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    return found


@pytest.mark.parametrize("language", ["ar", "fa"])
def test_digits_are_there_after_words_of_another_script(language: str) -> None:
    digits = {"ar": "١٠٬٨٩٢٫٠٥", "fa": "۱۰٬۸۹۲٫۰۵"}[language]
    facts = Facts([("Quantity", digits, "code"), ("Trade", "FIL-Q4TX7K2M", "code"), ("Price", digits, "code")])
    content = render(Sheet("Receipt", "—", "—", clock.now(), language, "{page}/{pages}", [facts]))

    assert text_of(content).count(digits) == 2
