"""What a TRON wallet sees before it signs: each thing that would go wrong stops it, and mends by itself."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from settlement.addresses import is_tron, tron_body
from settlement.models import Asset, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import CannotSign, Payment, Unreachable
from tests.fakes.tron import ENERGY_PRICE, SUN
from tests.settlement.conftest import MovingClock
from tests.wallets import tron
from tests.wallets.tron import Scene, evm_address, settings_row, somebody
from trading.sandbox import chain

MINOR = 5_000_000
type Settings = Any


def seen(wallet: Wallet, *, to_address: str = "", minor: int = MINOR, reserved: int = 0) -> str:
    look = port_of(wallet).look(to_address=to_address or somebody(), amount_minor=minor, reserved_minor=reserved)
    assert bool(look.terms) == (look.obstacle == "")
    return look.obstacle


def test_terms_name_a_solidified_block_and_have_their_time(tron_wallet: Wallet, network: Scene) -> None:
    terms = port_of(tron_wallet).look(to_address=somebody(), amount_minor=MINOR).terms

    solid = network.blocks[-3]
    assert terms["ref_block"] == solid.number % 2**16
    assert f"{terms['ref_hash']:016x}" == solid.block_id[16:32]
    assert terms["expiration"] == solid.timestamp + 3600 * 1000
    assert 25_000 * ENERGY_PRICE < terms["fee_limit"] < 100_000 * ENERGY_PRICE


def switch(signature: str, *words: str | int) -> Callable[[Scene, Wallet], None]:
    def flip(network: Scene, wallet: Wallet) -> None:
        network.node.do(signature, *(evm_address(wallet.address) if word == "wallet" else word for word in words))

    return flip


def other_code(network: Scene, wallet: Wallet) -> None:
    code = network.node.call("eth_getCode", chain.TOKEN, "latest")
    network.node.call("anvil_setCode", chain.TOKEN, code + "00")


def no_coins(network: Scene, wallet: Wallet) -> None:
    network.activate(wallet.address, coins=1, freeNetLimit=600)


def no_bandwidth(network: Scene, wallet: Wallet) -> None:
    network.activate(wallet.address, coins=1, EnergyLimit=10**6, freeNetLimit=600, freeNetUsed=400)


def never_used(network: Scene, wallet: Wallet) -> None:
    del network.coins[tron_body(wallet.address).hex()]


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (switch("pause()"), "token_paused"),
        (switch("addBlackList(address)", "wallet"), "wallet_blacklisted"),
        (switch("setParams(uint256,uint256)", 10, 40), "token_takes_fee"),
        (other_code, "token_code_differs"),
        (no_coins, "no_energy"),
        (no_bandwidth, "no_energy"),
        (never_used, "wallet_not_activated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_fail_on_chain_is_seen_before(
    tron_wallet: Wallet, network: Scene, change: Callable[[Scene, Wallet], None], obstacle: str
) -> None:
    change(network, tron_wallet)

    assert seen(tron_wallet) == obstacle
    assert port_of(tron_wallet).look().obstacle == obstacle  # whatever is paid: what resumes the blocked asks so


def test_staked_energy_and_free_bandwidth_burn_nothing(tron_wallet: Wallet, network: Scene) -> None:
    """For as many payments as may be on their way at once: none of them is short of energy in its block."""
    network.activate(tron_wallet.address, coins=0, EnergyLimit=400_000, freeNetLimit=1400)
    assert seen(tron_wallet) == ""

    network.activate(tron_wallet.address, coins=0, EnergyLimit=100_000, freeNetLimit=1400)
    assert seen(tron_wallet) == "no_energy"


def test_what_is_pinned_or_capped_otherwise_is_seen(tron_wallet: Wallet, network: Scene, settings: Settings) -> None:
    to_address = somebody()
    network.node.do("addBlackList(address)", evm_address(to_address))
    assert seen(tron_wallet, to_address=to_address) == "address_blacklisted"
    held = network.node.balance(evm_address(tron_wallet.address))
    assert seen(tron_wallet, minor=held) == ""
    assert seen(tron_wallet, minor=held - 10, reserved=11) == "chain_balance_low"

    settings.TRON_CHAINS = [settings_row(*network.urls, decimals=18)]
    assert seen(tron_wallet) == "token_decimals_differ"
    settings.TRON_CHAINS = [settings_row(*network.urls, max_fee_trx=1)]
    assert seen(tron_wallet) == "fees_too_high"
    settings.WALLET_KEYS = ""
    assert seen(tron_wallet) == "no_key"
    with pytest.raises(CannotSign, match="not looked at"):
        port_of(tron_wallet).sign(Payment(somebody(), MINOR, 0), {})


# --- nodes -----------------------------------------------------------------------------------


def test_node_of_another_network_or_with_an_old_head_is_not_believed(
    tron_wallet: Wallet, network: Scene, settings: Settings, time: MovingClock
) -> None:
    settings.TRON_CHAINS = [settings_row(*network.urls, genesis="00" * 32)]
    with pytest.raises(Unreachable, match="node 2 is on the chain of"):
        seen(tron_wallet)

    settings.TRON_CHAINS = [settings_row(*network.urls, head_seconds=3600)]
    network.now = int(time().timestamp() * 1000)
    network.mine()
    assert seen(tron_wallet) == ""
    network.first.lag = 1  # its newest block is of when the test began
    time.advance(4000)
    with pytest.raises(Unreachable, match=r"head \d{4,} s old"):
        seen(tron_wallet)


def test_second_node_answers_when_the_first_does_not(tron_wallet: Wallet, network: Scene, settings: Settings) -> None:
    settings.TRON_CHAINS = [settings_row("http://127.0.0.1:9", network.second.url)]
    assert seen(tron_wallet) == ""

    settings.TRON_CHAINS = [settings_row("http://127.0.0.1:9/key", "http://127.0.0.1:9/other")]
    with pytest.raises(Unreachable, match="node 1 does not answer") as told:
        seen(tron_wallet)
    assert "127.0.0.1" not in str(told.value)  # addresses of nodes hold keys


def test_node_is_shown_its_key_and_no_other_is(tron_wallet: Wallet, network: Scene, settings: Settings) -> None:
    network.first.wants = ("TRON-PRO-API-KEY", "of-the-first")
    network.first.heard.clear()
    settings.TRON_CHAINS = [settings_row({"url": network.first.url, "key": "of-another"}, network.second.url)]
    assert seen(tron_wallet) == ""
    assert network.first.heard == []

    settings.TRON_CHAINS = [settings_row({"url": network.first.url, "key": "of-the-first"}, network.second.url)]
    assert seen(tron_wallet) == ""
    assert "wallet/getcontractinfo" in network.first.heard


def test_error_or_nonsense_of_a_node_is_no_answer(tron_wallet: Wallet, network: Scene) -> None:
    nonsense: list[tuple[str, dict[str, Any]]] = [
        ("wallet/getaccount", {"Error": "class java.lang.NullPointerException"}),
        ("wallet/triggerconstantcontract", {"result": {"code": "OTHER_ERROR"}}),
        ("wallet/getchainparameters", {"chainParameter": []}),
    ]
    for path, answer in nonsense:
        network.first.answers = {path: answer}
        with pytest.raises(Unreachable):
            seen(tron_wallet)


# --- commands --------------------------------------------------------------------------------


def output_of(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_new_wallet_has_an_address_of_the_network_and_a_key(
    network: Scene, usdt: Asset, tmp_path: Path, settings: Settings
) -> None:
    settings.WALLET_KEYS, settings.WALLET_PASSPHRASES = str(tmp_path / "keys"), str(tmp_path / "passphrases")

    said = output_of("wallet_new", "hot-2", "--chain", "tron")

    wallet = Wallet.objects.get(name="hot-2")
    assert is_tron(wallet.address)
    assert wallet.address in said
    network.activate(wallet.address)
    assert "key          opens · ok" in output_of("wallet_check", "hot-2")


def test_sound_wallet_is_shown_and_each_fault_is_told(tron_wallet: Wallet, network: Scene) -> None:
    said = output_of("wallet_check")
    assert "FAULT" not in said
    for words in ("of this network", "code as pinned", "10,000,000", "activated", "1000.000000 TRX", "opens"):
        assert words in said

    network.node.do("pause()")
    network.activate(tron_wallet.address, coins=20 * SUN)
    network.second.answers["wallet/getblock"] = {}
    out = StringIO()
    with pytest.raises(CommandError, match="3 faults"):
        call_command("wallet_check", tron.WALLET, stdout=out)
    for fault in ("token_paused", "fewer than 20 transfers", "does not answer"):
        assert fault in out.getvalue()
