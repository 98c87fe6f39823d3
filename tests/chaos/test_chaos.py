"""
Everything goes wrong on a real node and a real PostgreSQL: each payment happens once, and books and chain agree.

The gate has a small run of a fixed seed; `make chaos` a large one (`CHAOS_SEED`, `CHAOS_PAYMENTS`, `CHAOS_FAULTS`,
`CHAOS_WORKERS`). First the run shows that it notices a payment that is really made twice, and one that is really gone.
"""

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settlement.models import Transfer, Wallet
from tests import factories
from tests.chaos import orders, proof
from tests.chaos.faults import CONFIRMATIONS
from tests.chaos.ground import Ground
from tests.chaos.run import BY_DESIGN, Plan, Run, drawn
from tests.factories import Market
from tests.tiers import IS_LONG
from tests.wallets import node as nodes
from trading.sandbox import chain
from trading.sandbox.localenv import LOCAL

LOG = LOCAL / "log"
USUAL = {"payments": 300, "workers": 4, "faults": 60}
GATE = (
    "killed at sent",
    "mempool dropped",
    "reorg below the depth",
    "reorg beyond the depth",
    "answers lost",
    "database restarted",
)
pytestmark = pytest.mark.processes


@pytest.fixture
def market(db: None, ground: Ground) -> Market:
    return factories.market()


@pytest.fixture
def ground(tmp_path: Path, settings: pytest.FixtureRequest) -> Iterator[Ground]:
    program = chain.anvil()
    if program is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no local EVM node here (bin/anvil fetches one), or no /proc")
    with Ground(program, tmp_path) as ground:
        settings.EVM_CHAINS = [row(ground.node.url)]  # type: ignore[attr-defined]
        settings.WALLET_KEYS = str(tmp_path / "keys")  # type: ignore[attr-defined]
        settings.WALLET_PASSPHRASES = str(tmp_path / "passphrases")  # type: ignore[attr-defined]
        yield ground
        nodes.hang_up()


def row(*urls: str) -> dict[str, object]:
    """Few payments of a wallet at a time: so the faults come while some are at every point."""
    return {**chain.settings_row(*urls, confirmations=CONFIRMATIONS, head_seconds=600), "most_in_flight": 6}


@pytest.fixture
def run(ground: Ground, market: Market, tmp_path: Path) -> Callable[[Plan], Run]:
    """A run of a plan, with everything placed that it pays, out of two wallets."""

    def made(plan: Plan) -> Run:
        for _ in range(2):
            nodes.open_second(ground.node, market.usdt)
        orders.place(market, plan.payments)
        ground.settle()
        environment = nodes.environment(tmp_path, *ground.urls) | {"EVM_CHAINS": json.dumps([row(*ground.urls)])}
        return Run(plan, ground, environment, LOG / f"chaos-{plan.seed}.log")

    return made


def test_run_notices_a_payment_made_twice_and_one_that_is_gone(run: Callable[[Plan], Run], ground: Ground) -> None:
    careless = run(Plan(seed=0, payments=1, workers=1, faults=["killed at sent"], kind="naive", patience=60))

    found = careless.flaws()

    twice = [flaw for flaw in found if flaw.endswith("is owed 1 times and was paid 2 times")]
    assert len(twice) == 1
    assert any("nobody signed it" in flaw for flaw in found)
    assert any(flaw.startswith("wallet: ") for flaw in found), "reconciliation says so too"

    first = min(
        int(log["blockNumber"], 16)
        for wallet in Wallet.objects.filter(chain=chain.NAME)
        for log in proof.logs(ground.node, wallet)
    )
    ground.node.reorg(ground.node.head() - first + 1)
    assert any(flaw.endswith("is owed 1 times and was paid 0 times") for flaw in proof.flaws(ground.node))


def test_whatever_goes_wrong_each_payment_happens_once(run: Callable[[Plan], Run]) -> None:
    plan = Plan(seed=7, payments=24, workers=2, faults=GATE)
    if IS_LONG:
        seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
        sizes = {name: int(os.environ.get(f"CHAOS_{name.upper()}") or usual) for name, usual in USUAL.items()}
        plan = drawn(seed, **sizes)
    print(f"chaos: seed {plan.seed}, {plan.payments} payments, {len(plan.faults)} faults")  # noqa: T201 - to repeat it

    chaos = run(plan)

    assert chaos.flaws() == []
    assert chaos.restarted >= plan.workers
    assert set(chaos.paused) <= BY_DESIGN
    assert chaos.paused or IS_LONG, "nothing that was final was undone"
    assert Transfer.objects.exclude(final_at=None).count() == plan.payments
    assert not Wallet.objects.exclude(paused_at=None).exists()
