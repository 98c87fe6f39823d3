"""USDT on the simulated chain: credited, on every screen, what waited for it goes on; and what the database refuses."""

from decimal import Decimal
from typing import Any

import pytest

from settlement import operations, tasks
from settlement.models import ArrivalWatch, Balance, Deposit, Settlement
from settlement.wallets import simulated
from tests import factories, jobs
from tests.api.money_programs import Person
from tests.console.conftest import verified_client
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.books import assert_books_are_right, books
from tests.settlement.conftest import MovingClock
from trading.lib import clock

MINOR = 12_000 * 10**6


@pytest.fixture
def market(db: None, time: MovingClock) -> Market:
    """A client without USDT; its wallet is watched."""
    time.stand_still()
    made = factories.market(usdt="0")
    tasks.watch(timestamp=0)
    time.advance(1)
    return made


def send(market: Market, time: MovingClock, *, sender: str = "", minor: int = MINOR) -> Deposit:
    """Sent to the desk's wallet, and final by now; not looked at yet."""
    sender, to_address = sender or market.address.address, market.wallet.address
    tx_hash = simulated.send(sender=sender, to_address=to_address, amount_minor=minor, now=clock.now())
    time.advance(2)
    tasks.watch(timestamp=0)
    assert Deposit.objects.get(tx_hash=tx_hash).status == "seen"
    time.advance(2)
    return Deposit.objects.get(tx_hash=tx_hash)


def arrived(market: Market, time: MovingClock, *, sender: str = "") -> Deposit:
    deposit = send(market, time, sender=sender)
    tasks.watch(timestamp=0)
    deposit.refresh_from_db()
    return deposit


def test_a_sale_that_waits_for_its_usdt_goes_on_when_they_come(market: Market, time: MovingClock) -> None:
    factories.credit(market.client, "11000", "USDT")
    sale: Settlement = factories.fill(market, side="sell").settlement
    assert sale.status == "awaiting_funds"

    deposit = arrived(market, time)
    assert "settlement.fund_waiting" in jobs.names()
    operations.fund_waiting(client_id=market.client.pk, now=clock.now())

    sale.refresh_from_db()
    assert (deposit.status, sale.status) == ("credited", "approved")
    assert Balance.objects.get(account__code=f"client:{market.client.ref}:USDT").posted == MINOR


def test_it_is_in_the_calls_and_on_the_pages(market: Market, time: MovingClock) -> None:
    ops = factories.user("ops")
    time.advance(-1)  # whoever reads a token knows the real time alone
    tara, olga, console = Person(market.tara), Person(ops), verified_client(ops)
    time.advance(1)
    where = tara.get("deposits/addresses").json()["items"]
    assert where == [
        {
            "chain": "simulated",
            "address": market.wallet.address,
            "minimum": "1.000000",
            "senders": [market.address.address],
        }
    ]
    mine, unknown = arrived(market, time), arrived(market, time, sender="nobody-at-all")

    seen, desks = tara.get(f"deposits/{mine.ref}").json(), olga.get(f"deposits/{unknown.ref}").json()
    assert (seen["status"], seen["amount"], seen["chain"], seen["tx_hash"]) == (
        "credited", "12000.000000", "simulated", mine.tx_hash,
    )  # fmt: skip
    assert (desks["status"], desks["reason"], desks["entered_by"]) == ("suspense", "unknown_sender", None)
    assert tara.get(f"deposits/{unknown.ref}").status_code == 404
    page = console.get(f"/money/{unknown.ref}/").content.decode()
    assert unknown.tx_hash in page
    assert "an address that no client has registered" in page
    assert unknown.ref in console.get("/deposits/").content.decode()
    assert unknown.tx_hash in console.get(f"/money/{unknown.ref}/?act=deposit.confirm").content.decode()


def test_what_the_database_refuses(market: Market, time: MovingClock) -> None:
    stranger = factories.counterparty("client")
    simulated.send(sender="nobody-at-all", to_address=market.wallet.address, amount_minor=MINOR, now=clock.now())
    mine = send(market, time)
    unknown = Deposit.objects.get(sender="nobody-at-all")
    credit = "update settlement_deposit set status = 'credited', credited_at = now(), final_at = now(), client_id = %s"
    credit += " where id = %s"
    with refused("MN38"):  # nobody has read the chain so far
        sql("update settlement_deposit set block_number = block_number + 60 where id = %s", mine.pk)
        sql(credit, market.client.pk, mine.pk)
    watch = ArrivalWatch.objects.get(wallet=market.wallet)
    operations.record_arrivals(wallet_id=market.wallet.pk, arrivals=[], until=watch.last + 60, head=0, now=clock.now())
    for client, deposit in ((stranger, mine), (market.client, unknown)):
        with refused("MN11"):
            sql(credit, client.pk, deposit.pk)
    with refused("MN13"):
        sql(credit, market.client.pk, mine.pk)
    with refused("MN39"):
        sql(
            "update settlement_deposit set status = 'left_out', reason = 'lp_payment', final_at = now() where id = %s",
            mine.pk,
        )
    with refused("MN10"):
        sql("update settlement_deposit set amount = 1 where id = %s", mine.pk)
    for change in ("sender = 'me'", "tx_hash = 'other'", "position = 1", "wallet_id = null"):
        with refused("MN10|only|check"):
            sql(f"update settlement_deposit set {change} where id = %s", mine.pk)  # noqa: S608 - the test's own words
    with refused("MN38"):
        sql("update settlement_arrivalwatch set last = last - 1")
    again: dict[str, Any] = {field.attname: getattr(mine, field.attname) for field in Deposit._meta.concrete_fields}
    again |= {"id": None, "ref": "DEP-OTHER"}
    with refused("deposit_log_once"):
        Deposit.objects.create(**again)
    with refused("has no step|MN38"):
        Deposit.objects.create(**again | {"position": 1, "status": "credited", "client_id": market.client.pk})

    tasks.watch(timestamp=0)
    unknown.refresh_from_db()
    assert unknown.status == "suspense"
    with refused("MN11"):
        sql(credit.replace("final_at = now(), ", ""), market.client.pk, unknown.pk)
    with refused("MN10"):
        sql("update settlement_deposit set block_number = 1 where id = %s", unknown.pk)
    assert books()["suspense:USDT"] == -MINOR


def test_an_address_that_is_ended_meanwhile_is_nobodys(market: Market, time: MovingClock) -> None:
    deposit = send(market, time)
    operations.end_address(ref=market.address.ref, actor=market.tara, reason=factories.REASON, now=clock.now())

    tasks.watch(timestamp=0)

    deposit.refresh_from_db()
    assert (deposit.status, deposit.reason, deposit.client) == ("suspense", "unknown_sender", None)
    assert_books_are_right()


def test_who_returns_it_names_a_transaction_and_the_wallet_keeps_it(market: Market, time: MovingClock) -> None:
    deposit, before = arrived(market, time), books()
    back = "0x" + "cd" * 32

    factories.carry("deposit.return", deposit.ref, return_reference=back)

    deposit.refresh_from_db()
    after = books()
    assert (deposit.status, deposit.return_reference) == ("returned", back)
    assert after[market.wallet.account.code] == before[market.wallet.account.code]
    assert after["capital:USDT"] == before["capital:USDT"] - MINOR
    assert Decimal(MINOR) / 10**6 == deposit.amount
