"""
How fast one worker signs and sends payments on a local EVM node, beside a bare loop that does nothing else.

`make bench-payments`: not collected by the suite. The figures are in docs/performance.md, with the machine.
"""

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

import pytest
from django.db.models import F
from eth_account import Account
from web3 import HTTPProvider, Web3

from settlement.models import Transfer, TransferAttempt
from settlement.wallets.evm.token import transfer_call
from tests import factories
from tests.chaos import orders
from tests.chaos.crew import Crew
from tests.wallets import node as nodes
from tests.wallets.node import GWEI, Node
from trading.sandbox import chain
from trading.sandbox.localenv import LOCAL

LOG = LOCAL / "log"
PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", "200"))
GOAL = 5  # times the bare loop
PATIENCE = 600.0


@pytest.fixture
def node(tmp_path: Path, settings: pytest.FixtureRequest) -> Iterator[Node]:
    with nodes.started(tmp_path) as (node, _address):
        settings.EVM_CHAINS = [row(node.url)]  # type: ignore[attr-defined]
        settings.WALLET_KEYS = str(tmp_path / "keys")  # type: ignore[attr-defined]
        settings.WALLET_PASSPHRASES = str(tmp_path / "passphrases")  # type: ignore[attr-defined]
        yield node


def row(url: str) -> dict[str, object]:
    return {**chain.settings_row(url, head_seconds=nodes.NEVER_OLD), "most_in_flight": 10 * PAYMENTS}


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49] * 1000, 1), "p99_ms": round(cuts[98] * 1000, 1)}


def bare(node: Node) -> list[float]:
    """Sign and send, one after the other, and nothing else: when each was taken, in seconds from the begin."""
    account = Account.create()
    node.fund(account.address, PAYMENTS * 10**6)
    web3 = Web3(HTTPProvider(node.url))
    to, taken, begun = nodes.somebody(), [0.0], time.monotonic()
    for nonce in range(PAYMENTS):
        signed = account.sign_transaction({
            "type": 2, "chainId": chain.CHAIN_ID, "nonce": nonce, "to": chain.TOKEN, "value": 0,
            "data": "0x" + transfer_call(to, 10**6).hex(), "gas": 100_000,
            "maxFeePerGas": 10 * GWEI, "maxPriorityFeePerGas": GWEI,
        })  # fmt: skip
        web3.eth.send_raw_transaction(signed.raw_transaction)
        taken.append(time.monotonic() - begun)
    return taken


def sent() -> list[tuple[datetime, datetime]]:
    """When each payment was signed and taken by the node, in the order they were taken."""
    rows = TransferAttempt.objects.exclude(out_since=None).order_by("out_since")
    return list(rows.values_list("transfer__created_at", F("out_since")))


def test_one_worker_beside_a_bare_loop(db: None, node: Node, tmp_path: Path) -> None:
    market = factories.market()
    wallet = nodes.open_second(node, market.usdt)
    to = nodes.destination(market)
    for each in range(PAYMENTS):
        orders.withdraw(market, 50 + each * orders.CENT, to)
    environment = nodes.environment(tmp_path, node.url) | {"EVM_CHAINS": json.dumps([row(node.url)])}

    load = os.getloadavg()[0]
    with Crew(environment, LOG / "bench-payments.log", size=1, kind="plain") as crew:
        crew.keep_up()
        limit = time.monotonic() + PATIENCE
        while Transfer.objects.filter(status="broadcast").count() < PAYMENTS:
            assert time.monotonic() < limit, "they were not sent in time"
            time.sleep(0.05)
    moments = sent()
    begun = min(signed for signed, _taken in moments)
    seconds = (moments[-1][1] - begun).total_seconds()
    taken = [(each - begun).total_seconds() for _signed, each in moments]
    between = [later - earlier for earlier, later in pairwise(taken)]
    loop = bare(node)
    found = {
        "payments": PAYMENTS,
        "worker": {"seconds": round(seconds, 2), **spread(between)},
        "signed_to_taken": spread([(each - signed).total_seconds() for signed, each in moments]),
        "bare": {"seconds": round(loop[-1], 2), **spread([b - a for a, b in pairwise(loop)])},
        "ratio": round(seconds / loop[-1], 1),
        "goal": GOAL,
        "processors": os.cpu_count(),
        "load_before": round(load, 1),
    }
    print(json.dumps(found))  # noqa: T201 - what it is for

    node.mine(2)
    assert len(node.paid(wallet.address, to.address)) == PAYMENTS
