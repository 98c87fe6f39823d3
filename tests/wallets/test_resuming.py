"""Blocked settlements try again when they would be paid: each with its own address and amount, in turn."""

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from settlement import rounds, tasks
from settlement.models import Settlement, Transfer, Wallet
from tests import factories, jobs
from tests.factories import Market
from tests.settlement.books import events, reason, steps
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from tests.wallets.node import Node
from tests.wallets.paying import PAID
from users.models import AuditEvent


def blocked(market: Market, node: Node) -> Settlement:
    """One whose own address Tether has on its list."""
    made = factories.fill(market, to=nodes.destination(market)).settlement
    assert made.destination is not None
    node.do("addBlackList(address)", made.destination.address)
    tasks.pay(settlement_id=made.pk)
    assert reason(made) == ("blocked", "address_blacklisted")
    return made


def resume(times: int = 1) -> None:
    jobs.clear()
    for _ in range(times):
        tasks.resume_blocked(timestamp=0)


def test_settlement_blocked_by_its_own_address_does_not_flap_and_stops_nobody(
    market: Market, hot: Wallet, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LOOKED_AT_ONCE", 1)
    stays = blocked(market, node)
    goes = factories.fill(market, to=market.address).settlement
    node.do("pause()")
    tasks.pay(settlement_id=goes.pk)
    assert reason(goes) == ("blocked", "token_paused")
    told = AuditEvent.objects.count()
    resume(2)  # one each
    assert (reason(stays)[1], reason(goes)[1]) == ("token_paused", "token_paused")

    node.do("unpause()")
    resume(3)

    assert (reason(stays), steps(stays)) == (("blocked", "address_blacklisted"), ["approved", "blocked"])
    assert steps(goes) == ["approved", "blocked", "approved"]
    assert AuditEvent.objects.count() == told + 1
    assert events("settlement.resumed") == 1
    assert jobs.arguments("settlement.pay") == [{"settlement_id": goes.pk}]


def test_only_so_many_are_let_go_as_the_chain_has_money_for(market: Market, hot: Wallet, node: Node) -> None:
    node.do("pause()")
    both = [factories.fill(market, to=market.address).settlement for _ in range(2)]
    for each in both:
        tasks.pay(settlement_id=each.pk)
    node.do("unpause()")
    taken = node.balance(hot.address) - PAID - 1
    node.do("addBlackList(address)", hot.address)
    node.do("destroyBlackFunds(address)", hot.address)
    node.do("removeBlackList(address)", hot.address)
    node.fund(hot.address, PAID + 1)
    assert taken > PAID

    resume(2)

    assert [reason(each) for each in both] == [("approved", "mended"), ("blocked", "chain_balance_low")]


def test_wallet_with_much_on_its_way_takes_no_more_and_another_one_pays(
    market: Market, hot: Wallet, node: Node, settings: Any
) -> None:
    settings.EVM_CHAINS = [{**settings.EVM_CHAINS[0], "most_in_flight": 1}]
    first, second = (factories.fill(market, to=market.address).settlement for _ in range(2))
    tasks.pay(settlement_id=first.pk)
    jobs.clear()

    tasks.pay(settlement_id=second.pk)

    assert (reason(second)[0], jobs.names(queue_name="money")) == ("approved", ["settlement.pay"])
    assert steps(second) == ["approved"]

    other = nodes.open_second(node, market.usdt)
    tasks.pay(settlement_id=second.pk)
    paid = Transfer.objects.get(settlement=second)
    assert (reason(second)[0], paid.wallet, paid.nonce) == ("paying", other, 0)


def test_who_waits_for_a_busy_wallet_asks_no_node_and_tries_again_in_turn(
    market: Market, hot: Wallet, node: Node, settings: Any
) -> None:
    settings.EVM_CHAINS = [{**settings.EVM_CHAINS[0], "most_in_flight": 1}]
    first, *waiting = (factories.fill(market, to=market.address).settlement for _ in range(3))
    tasks.pay(settlement_id=first.pk)
    jobs.clear()
    settings.EVM_CHAINS = [{**settings.EVM_CHAINS[0], "nodes": ["http://127.0.0.1:9"]}]  # nobody answers there

    for each in waiting:
        tasks.pay(settlement_id=each.pk)

    assert [reason(each)[0] for each in waiting] == ["approved", "approved"]
    due = list(ProcrastinateJob.objects.filter(status="todo").order_by("scheduled_at"))
    assert [job.args for job in due] == [{"settlement_id": each.pk} for each in waiting]
    assert (due[1].scheduled_at - due[0].scheduled_at).total_seconds() >= 5


def test_wallet_pays_no_more_at_once_and_in_a_day_than_it_may(
    market: Market, hot: Wallet, node: Node, time: MovingClock
) -> None:
    first, second = (factories.fill(market, to=market.address).settlement for _ in range(2))
    factories.wallet_limits(hot.chain, largest="10847.163465", daily="21694.326931")  # each a unit too low
    tasks.pay(settlement_id=first.pk)
    assert reason(first) == ("blocked", "over_wallet_limit")

    factories.wallet_limits(hot.chain, largest="10847.163466", daily="21694.326931")
    tasks.pay(settlement_id=second.pk)
    resume()
    assert (reason(first), reason(second)[0]) == (("blocked", "over_wallet_daily"), "paying")

    time.advance(24 * 3600)
    resume()
    assert reason(first)[0] == "approved"
