"""A chain's only node ends while the desk runs: its wallet is alarmed in time, and nothing is paid meanwhile."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alerting.evaluating import evaluate
from alerting.models import Alert, AlertNotice
from settlement import tasks
from settlement.models import Settlement, Transfer
from settlement.reconciliation import rounds
from tests import factories, jobs
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from trading.lib import clock
from trading.sandbox import chain

MINUTE = 60


def state_of(kind: str) -> list[str]:
    evaluate(now=clock.now())
    return list(Alert.objects.filter(type=kind).values_list("status", flat=True))


def test_wallet_of_a_node_that_ended_is_alarmed_and_pays_nothing(
    db: None, time: MovingClock, tmp_path: Path, settings: Any
) -> None:
    settings.WALLET_KEYS, settings.WALLET_PASSPHRASES = str(tmp_path / "keys"), str(tmp_path / "passphrases")
    market = factories.market()
    with ExitStack() as running:
        node, address = running.enter_context(nodes.started(tmp_path))
        settings.EVM_CHAINS = [chain.settings_row(node.url, head_seconds=nodes.NEVER_OLD)]
        wallet = nodes.open_wallet(address, market.usdt)
        rounds.reconcile_chains(timestamp=0)
        assert state_of("wallet_stale") == []

    settlement = factories.fill(market, to=nodes.destination(market)).settlement
    tasks.pay(settlement_id=settlement.pk)
    for _ in range(9):
        time.advance(MINUTE)
        rounds.reconcile_chains(timestamp=0)
    assert state_of("wallet_stale") == []

    time.advance(MINUTE + 1)
    assert state_of("wallet_stale") == ["firing"]
    jobs.clear()
    alert = Alert.objects.get(type="wallet_stale")
    assert alert.subject == wallet.name
    assert list(AlertNotice.objects.filter(alert=alert).values_list("kind", "is_held")) == [("fired", False)]
    settlement = Settlement.objects.get(pk=settlement.pk)
    assert (settlement.status, settlement.reason) == ("blocked", "chain_unreachable")
    assert not Transfer.objects.exists()
