"""A deposit on chain stands in its client's statement; and what the database refuses beside what its guard does."""

from datetime import timedelta
from typing import Any

import pytest

from rfq import periods
from rfq.queries import statements
from settlement import ledger, operations, tasks
from settlement.ledger import Posting
from settlement.models import Deposit
from settlement.operations import Netting
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.conftest import MovingClock
from tests.settlement.test_arrivals import MINOR, arrived, send
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.money import USDT


@pytest.fixture
def market(db: None, time: MovingClock) -> Market:
    """A client without USDT; its wallet is watched."""
    time.stand_still()
    made = factories.market(usdt="0")
    tasks.watch(timestamp=0)
    time.advance(1)
    return made


def test_deposit_on_chain_stands_in_the_statement_of_its_client(market: Market, time: MovingClock) -> None:
    deposit = arrived(market, time)
    now = clock.now() + timedelta(seconds=1)
    period = periods.read([], time_zone="UTC", now=now)

    found = statements.statement(market.client, period, most=1000, made_at=now)

    (account,) = [one for one in found.accounts if one.asset.code == "USDT"]
    (moved,) = [one for one in account.movements if one.ref == deposit.ref]
    assert (moved.kind, account.closing) == ("deposit", deposit.amount)


def test_deposit_is_credited_by_what_its_wallet_got_and_nothing_else(market: Market, time: MovingClock) -> None:
    deposit = send(market, time)
    tasks.watch(timestamp=0)
    other = send(market, time)
    assert Deposit.objects.get(pk=deposit.pk).status == "credited"
    operations.record_arrivals(wallet_id=market.wallet.pk, arrivals=[], until=10**12, head=10**12, now=clock.now())

    with refused("MN13"):
        sql(
            "update settlement_deposit set status = 'credited', credited_at = now(), final_at = now(), client_id = %s"
            " where id = %s",
            market.client.pk,
            other.pk,
        )
        legs = ledger.pair_of(ledger.desk("capital", USDT), ledger.of(market.client, USDT), MINOR)
        ledger.post(Posting(f"deposit:{other.ref}", "deposit", other.ref, legs))


def test_what_is_booked_as_a_deposit_is_not_booked_as_what_an_lp_paid_too(market: Market, time: MovingClock) -> None:
    factories.fill(market)  # the LP owes USDT from now on
    suspended = arrived(market, time, sender="an-lps-other-address")
    assert suspended.status == "suspense"
    netting = Netting(market.meridian.ref, "USDT", "in", market.wallet.name, suspended.amount)
    row = operations.request_lp_payment(netting=netting, actor=factories.user("ops"), key="one", now=clock.now())
    terms: dict[str, Any] = {"amount": "12000.000000", "currency": "USDT", "reference": suspended.tx_hash}
    request = factories.propose("lp_payment.receive", row.ref, **terms)

    with refused("MN39"):
        execute_by_hand(request, factories.founders()[1])
        sql(
            "update settlement_lppayment set status = 'confirmed', received = 12000, reference = %s where id = %s",
            suspended.tx_hash,
            row.pk,
        )
