"""
How fast one worker prepares, signs and sends payments on a local EVM node, beside bare loops that do nothing else.

`make bench-payments`: not collected by the suite. The figures are in docs/performance.md, with the machine.
"""

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Max
from eth_account import Account
from eth_typing import HexStr
from web3 import HTTPProvider, Web3

from settlement.models import Transfer, TransferAttempt
from settlement.wallets.evm.token import transfer_call
from tests import factories, jobs
from tests.chaos import orders
from tests.chaos.crew import Crew
from tests.wallets import node as nodes
from tests.wallets.node import GWEI, Node
from trading.lib import clock
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


def bare(node: Node, *, prepares: bool) -> float:
    """
    A loop of its own: how many seconds it takes.

    :param prepares: as the desk has to, it asks for the gas and the fees of each payment before it signs, and for each
        receipt in the end; else it signs and sends, and nothing else.
    """
    account = Account.create()
    node.fund(account.address, PAYMENTS * 10**6)
    web3 = Web3(HTTPProvider(node.url))
    to, hashes, begun = nodes.somebody(), [], time.monotonic()
    for nonce in range(PAYMENTS):
        data = HexStr("0x" + transfer_call(to, 10**6).hex())
        gas, fee = 100_000, 10 * GWEI
        if prepares:
            gas = web3.eth.estimate_gas({"from": account.address, "to": chain.TOKEN, "data": data})
            fee = 2 * web3.eth.fee_history(5, "latest", [50.0])["baseFeePerGas"][-1] + GWEI
        signed = account.sign_transaction({
            "type": 2, "chainId": chain.CHAIN_ID, "nonce": nonce, "to": chain.TOKEN, "value": 0, "data": data,
            "gas": gas, "maxFeePerGas": fee, "maxPriorityFeePerGas": GWEI,
        })  # fmt: skip
        hashes.append(web3.eth.send_raw_transaction(signed.raw_transaction))
    if prepares:
        node.mine()
        assert all(web3.eth.get_transaction_receipt(each)["status"] for each in hashes)
    return time.monotonic() - begun


def hold_back() -> None:
    """Let nothing be paid before the worker is there."""
    with connection.cursor() as cursor:
        cursor.execute("update procrastinate_jobs set scheduled_at = 'infinity' where status = 'todo'")


def is_at_work() -> bool:
    """Whether a worker looks for jobs."""
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from procrastinate_workers)")
        return bool(cursor.fetchone()[0])


def last_taken_at() -> datetime:
    """When it was recorded that the node has the last of them."""
    last = TransferAttempt.objects.aggregate(last=Max("out_since"))["last"]
    assert isinstance(last, datetime)
    return last


def test_one_worker_beside_bare_loops(db: None, node: Node, tmp_path: Path) -> None:
    market = factories.market()
    wallet = nodes.open_second(node, market.usdt)
    to = nodes.destination(market)
    for each in range(PAYMENTS):
        orders.withdraw(market, 50 + each * orders.CENT, to)
    hold_back()
    environment = nodes.environment(tmp_path, node.url) | {"EVM_CHAINS": json.dumps([row(node.url)])}

    with Crew(environment, LOG / "bench-payments.log", size=1, kind="plain") as crew:
        crew.keep_up()
        nodes.wait_for(is_at_work, seconds=PATIENCE)
        load, begun = os.getloadavg()[0], clock.now()
        jobs.hurry()
        nodes.wait_for(lambda: Transfer.objects.filter(status="broadcast").count() == PAYMENTS, seconds=PATIENCE)
    seconds = (last_taken_at() - begun).total_seconds()
    least, same = bare(node, prepares=False), bare(node, prepares=True)
    found = {
        "payments": PAYMENTS,
        "worker": round(seconds, 2),
        "bare, prepares and reads receipts": round(same, 2),
        "bare, signs and sends": round(least, 2),
        "ratio": round(seconds / same, 1),
        "ratio to signing and sending": round(seconds / least, 1),
        "goal": GOAL,
        "processors": os.cpu_count(),
        "load_before": round(load, 1),
    }
    print(json.dumps(found))  # noqa: T201 - what it is for

    node.mine(2)
    assert len(node.paid(wallet.address, to.address)) == PAYMENTS
