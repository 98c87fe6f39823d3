"""A trade that was taken back says so wherever it is shown, and counts nowhere any more."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pypdf
import pytest
from django.utils import translation

from rfq import operations, periods, queries, shown
from rfq.errors import DailyLimit
from rfq.models import Receipt
from rfq.papers import receipts as receipt_papers
from rfq.papers import statements as papers
from rfq.queries import exposure, own, parties, scorecards, statements
from rfq.receipts import books, envelope
from settlement.models import Balance
from settlement.shown import lp_settlement
from tests import factories
from tests.factories import Market
from trading.lib import clock, documents
from trading.lib.money import Money
from users.models import User

LANGUAGES = ["en", "fa", "ar", "ru", "tr"]


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops")


def issued(fill_ref: str, reader: User) -> tuple[Receipt, dict[str, Any]]:
    made = operations.issue_receipt(trade_ref=fill_ref, actor=reader, now=clock.now())
    return made, json.loads(made.facts)


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def test_receipt_fetched_anew_says_so_and_the_old_one_is_found_out(market: Market, olga: User) -> None:
    fill = factories.settled(market)
    readers = (market.tara, market.leo, olga)
    before = [issued(fill.ref, reader)[0] for reader in readers]
    request = factories.reversed_(fill).settlement.reversal.request

    for reader, old in zip(readers, before, strict=True):
        new, said = issued(fill.ref, reader)
        again, _said = issued(fill.ref, reader)
        assert (new.pk != old.pk, again, new.is_of_reversal) == (True, new, True)
        assert (said["reversal"], said["reversed_at"] is None) == (request.ref, False)
        paper = text_of(documents.make(reader.pk, receipt_papers.wanted(fill.ref)).content)
        assert "Receipt of a reversed trade" in paper
        assert request.ref in paper
        for receipt, differs in ((old, {"reversal", "reversed_at"}), (new, set())):
            found = envelope.check(receipt_papers.enveloped(receipt))
            assert {one.name for one in books.compare(found, reader=olga).differences} == differs


def test_statement_shows_it_and_closes_with_what_the_ledger_says(market: Market, olga: User) -> None:
    stands, fill = factories.settled(market), factories.settled(market)
    factories.reversed_(fill)
    given = {"debit": "suspense:EUR", "credit": f"client:{market.client.ref}:EUR", "amount": "10.50"}
    corrected = factories.carry("ledger.adjust", market.client.ref, **given, evidence="BANK-2026-118")
    owed = {"debit": f"lp:{market.meridian.ref}:EUR", "credit": "suspense:EUR", "amount": "0.39"}
    factories.carry("ledger.adjust", market.meridian.ref, **owed, evidence="BANK-2026-119")
    now = clock.now() + timedelta(seconds=1)
    period = periods.month_of(now, time_zone="UTC")

    for reader, party in ((market.tara, market.client), (market.leo, market.meridian)):
        found = statements.statement(party, period, most=99, made_at=now)
        for account in found.accounts:
            kept = Balance.objects.filter(account__counterparty=party, account__asset=account.asset).first()
            if kept is not None:
                assert account.closing == Money.from_minor(kept.posted, account.asset.unit).amount
        assert [trade.status for trade in found.trades] == ["settled", "reversed"]
        content = documents.make(reader.pk, papers.wanted(period.name, "csv", at=now)).content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(content, newline="")))
        kinds = [(row["kind"], row["ref"]) for row in rows if row["record"] == "movement"]
        assert kinds.count(("reversal", fill.settlement.ref)) == 2
        assert ("adjust", corrected.ref) in kinds or party == market.meridian
        assert [row["status"] for row in rows if row["record"] == "trade"] == ["settled", "reversed"]
    lp = {account.asset.code: account.closing for account in found.accounts}
    assert lp == {"USDT": -stands.base_amount, "EUR": stands.quote.lp_quote_amount - Decimal("0.39")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_papers_say_it_in_every_language(market: Market, language: str) -> None:
    fill = factories.reversed_(factories.settled(market))
    now = clock.now() + timedelta(seconds=1)
    found = statements.statement(market.client, periods.month_of(now, time_zone="UTC"), most=99, made_at=now)
    receipt, _said = issued(fill.ref, market.tara)

    with translation.override(language):
        statement = text_of(papers.to_pdf(found, time_zone="UTC"))
        paper = text_of(receipt_papers.paper(receipt, time_zone="UTC").content)
        said = [translation.gettext(words) for words in ("Reversed trades are not in the totals.", "Total")]

    if language in {"en", "ru", "tr"}:  # the others' letters are shaped and turned round on paper
        assert said[0] in " ".join(statement.split())
        assert said[1] not in statement
    assert fill.settlement.reversal.request.ref in paper


def test_it_counts_in_no_limit_figure_or_total(market: Market, olga: User) -> None:
    factories.set_terms(market.client, market.pair, daily_notional="20000")
    fill = factories.settled(market)
    with pytest.raises(DailyLimit):
        factories.fill(market)
    factories.reversed_(fill)
    now = clock.now()

    assert own.limits(market.client, now=now).traded_today == 0
    assert queries.today(reader=olga, now=now).fills == queries.today(reader=olga, now=now).volume == 0
    assert exposure.revenue(reader=olga, now=now).days == []
    assert exposure.exposure(reader=olga).number == 0
    card = scorecards.scorecard(market.meridian.ref, window="7d", reader=olga, now=now)
    assert (card.total.answered, card.total.traded, card.total.contested, card.total.volume) == (2, 0, 0, Decimal(0))
    assert card.unsettled == 0
    assert factories.fill(market).base_amount == fill.base_amount


def test_each_party_sees_it_on_its_own_side(market: Market) -> None:
    standing, fill = factories.settled(market), factories.reversed_(factories.settled(market))
    at = fill.settlement.reversal.reversed_at

    for party, write in ((market.client, shown.client_fill), (market.meridian, shown.lp_fill)):
        rows = {row.ref: write(row) for row in parties.fills_of(party)}
        assert (rows[fill.ref]["reversed_at"], rows[standing.ref]["reversed_at"]) == (at, None)
    seen = lp_settlement(fill.settlement)
    assert (seen["status"], seen["reversed_at"]) == ("reversed", at)
