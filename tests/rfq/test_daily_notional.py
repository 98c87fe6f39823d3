"""What a client traded in a day is kept by the database, whoever writes a fill, and is what all its fills come to."""

from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError
from django.db.migrations.loader import MigrationLoader

from rfq.models import DailyNotional
from rfq.queries import own
from tests import factories
from tests.factories import Market
from trading.lib import clock


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def kept(market: Market) -> list[Decimal]:
    return list(
        DailyNotional.objects.filter(client=market.client).order_by("day").values_list("base_amount", flat=True)
    )


def test_each_fill_is_counted_on_its_day_and_one_taken_back_no_more(market: Market) -> None:
    first, second = factories.settled(market), factories.settled(market)
    assert kept(market) == [first.base_amount + second.base_amount]
    assert DailyNotional.objects.get().day == first.filled_at.astimezone(UTC).date()
    assert own.limits(market.client, now=clock.now()).traded_today == first.base_amount + second.base_amount
    assert own.limits(market.client, now=clock.now() + timedelta(days=1)).traded_today == 0

    factories.reversed_(first)

    assert kept(market) == [second.base_amount]


def test_the_desk_itself_cannot_write_it(market: Market) -> None:
    factories.fill(market)
    for attempt in (
        lambda: DailyNotional.objects.update(base_amount=0),
        lambda: DailyNotional.objects.all().delete(),
        lambda: DailyNotional.objects.create(client=market.client, day="2026-01-01", base_amount=1),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            attempt()


def test_what_was_traded_before_it_came_is_counted_when_it_comes(market: Market, owner: Any) -> None:
    fill, back = factories.settled(market), factories.settled(market)
    factories.reversed_(back)
    rules: Any = MigrationLoader(None).get_migration("rfq", "0022_daily_notional_rules").operations[0]
    owner.execute(rules.reverse_sql)
    assert kept(market) == []
    owner.execute(rules.sql)

    assert kept(market) == [fill.base_amount]
