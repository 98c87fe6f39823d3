"""A long past for measuring: whole copies of settled trades, under which the books stay right."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from rfq.models import Fill, Quote, Rfq
from settlement import reconciliation
from settlement.models import Journal, Settlement, Transfer
from tests import factories
from tests.factories import Market
from tests.settlement.conftest import run_money, time
from trading.sandbox.scale import NothingToCopy, scale
from users.models import AuditEvent

__all__ = ["run_money", "time"]


def silently(_line: str) -> None:
    """Nobody listens."""


@pytest.fixture
def traded(db: None, run_money: Callable[..., None]) -> Market:
    """Two settled trades of which one was paid on chain, and a request that nobody answered."""
    market = factories.market()
    factories.fill(market)
    run_money()
    factories.settled(market, side="sell")
    factories.rfq(market)
    return market


def test_copies_are_whole_and_the_books_stay_right(traded: Market) -> None:
    said: list[str] = []
    events = AuditEvent.objects.count()

    scale(40, said.append)

    assert Rfq.objects.count() in {40, 41}
    assert Fill.objects.count() == Settlement.objects.filter(status="settled").count() == Rfq.objects.count() - 1
    assert Quote.objects.filter(status="traded").count() == Fill.objects.count()
    assert Transfer.objects.filter(status="final").count() == Fill.objects.count() / 2
    assert AuditEvent.objects.count() > events + 40
    assert {fill.rfq.pair_id for fill in Fill.objects.select_related("rfq")} == {traded.pair.pk}
    assert [str(one) for one in reconciliation.reconcile().differences] == []
    assert said[0].endswith("rows of rfq_rfq")


def test_goes_on_where_it_stopped_and_trading_goes_on_after_it(traded: Market) -> None:
    scale(20, silently)
    scale(20, silently)
    assert Rfq.objects.count() in {20, 21}
    scale(30, silently)
    assert Rfq.objects.count() in {30, 31}

    factories.settled(traded)
    assert [str(one) for one in reconciliation.reconcile().differences] == []


def test_changes_nothing_while_somebody_else_is_in_the_database(traded: Market) -> None:
    journals = Journal.objects.count()
    somebody = psycopg.connect(**connection.get_connection_params())
    with somebody, pytest.raises(NothingToCopy, match="stop the desk's programs"):
        scale(20, silently)

    assert (Rfq.objects.count(), Journal.objects.count()) == (3, journals)


def test_refuses_where_there_is_nothing_to_copy_or_real_money(db: None, settings: Any) -> None:
    factories.market()
    with pytest.raises(NothingToCopy, match="no settled trade"):
        scale(10, silently)

    settings.IS_SANDBOX = False
    with pytest.raises(NothingToCopy, match="sandbox alone"):
        scale(10, silently)
