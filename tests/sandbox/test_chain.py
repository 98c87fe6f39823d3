"""The local EVM node of `make run`: kept from one run to the next, and as the books have it."""

from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from settlement.models import PayoutAddress, Wallet
from tests.settlement.books import books
from tests.setup.test_seed import sandbox_secrets
from trading.sandbox import chain, localenv, mining
from trading.sandbox.mining import Miner
from trading.sandbox.seed import WALLET_FUNDS, seed

__all__ = ["sandbox_secrets"]
SOMEBODY = "0x" + "5a" * 20


@pytest.fixture
def program() -> str:
    found = chain.anvil()
    if found is None:
        pytest.skip("there is no local EVM node here; bin/anvil fetches one")
    return found


@pytest.fixture
def seeded(db: None, sandbox_secrets: None, settings: Any, tmp_path: Path) -> Wallet:
    """A sandbox whose desk has a node."""
    settings.EVM_CHAINS = [mining.row(8545)]
    settings.WALLET_KEYS, settings.WALLET_PASSPHRASES = str(tmp_path / "keys"), str(tmp_path / "passphrases")
    seed(lambda _line: None)
    return Wallet.objects.select_related("account").get(name=mining.WALLET)


def test_seed_gives_clients_addresses_on_the_node_and_the_desk_a_wallet_there(seeded: Wallet) -> None:
    assert seeded.chain == chain.NAME
    assert books()[seeded.account.code] == int(WALLET_FUNDS) * 10**6
    assert set(PayoutAddress.objects.filter(counterparty__kind="client").values_list("chain", flat=True)) == {
        chain.NAME
    }

    said: list[str] = []
    seed(said.append)
    assert said == []


def test_wallet_is_put_on_a_new_chain_as_the_books_have_it(seeded: Wallet, program: str) -> None:
    for _ in range(7):  # payments on a chain that is lost
        Wallet.objects.filter(pk=seeded.pk).update(next_nonce=F("next_nonce") + 1)

    with chain.running(program) as local:
        mining.prepare(local)
        mining.prepare(local)

        assert local.balance(seeded.address) == int(WALLET_FUNDS) * 10**6
        assert local.call("eth_getTransactionCount", seeded.address, "latest") == "0x7"


def test_blocks_are_made_when_they_are_of_use(program: str) -> None:
    with chain.running(program) as local:
        miner, start = Miner(local, made_at=100.0), local.head()
        miner.tick(now=101.0)
        assert local.head() == start  # nothing waits

        local.call("eth_sendTransaction", {"from": local.owner(), "to": SOMEBODY, "value": "0x1"})
        for second in range(5):
            miner.tick(now=102.0 + second)
        assert local.head() == start + mining.CONFIRMATIONS

        miner.tick(now=104.0 + mining.IDLE_SECONDS)
        assert local.head() == start + mining.CONFIRMATIONS + 1  # the head is not to grow old


def test_chain_is_kept_from_one_run_to_the_next(program: str, tmp_path: Path) -> None:
    state, port = tmp_path / "state.json", localenv.free_port()
    with chain.running(program, *mining._memory(state), port=port) as local:
        local.do("transfer(address,uint256)", SOMEBODY, 12)
        height = local.head()
    with chain.running(program, *mining._memory(state), port=port) as local:
        assert (local.balance(SOMEBODY), local.head()) == (12, height)

    state.write_text(state.read_text()[:100])  # cut off while it was written
    with chain.running(program, *mining._memory(state), port=port) as local:
        assert local.balance(SOMEBODY) == 0
    assert state.with_suffix(".broken").exists()
