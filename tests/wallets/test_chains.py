"""`EVM_CHAINS`: what is pinned about a chain, and what makes no sense."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from settlement import chains

MAINNET: dict[str, object] = {
    "chain": "ethereum",
    "chain_id": 1,
    "nodes": ["https://one.example/key", "https://two.example/key"],
    "token": "0xdAC17F958D2ee523a2206206994597C13D831ec7",
    "code_hash": "0x" + "ab" * 32,
}


def test_what_is_not_said_is_cautious() -> None:
    chain = chains.build([MAINNET])["ethereum"]

    assert (chain.chain_id, chain.decimals, chain.confirmations, chain.head_seconds) == (1, 6, 0, 120)
    assert (chain.max_fee, chain.max_tip) == (200 * 10**9, 5 * 10**9)
    assert chains.build([]) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"chain": "simulated"}, "no EVM chain"),
        ({"chain": "tron"}, "no EVM chain"),
        ({"chain_id": 0}, "`chain_id` is a whole number"),
        ({"chain_id": True}, "`chain_id` is a whole number"),
        ({"chain_id": "1"}, "`chain_id` is a whole number"),
        ({"nodes": []}, "`nodes` is a list"),
        ({"nodes": "https://one.example"}, "`nodes` is a list"),
        ({"nodes": ["ws://one.example"]}, "`nodes` is a list"),
        ({"token": "0xdac17f958d2ee523a2206206994597c13d831ec7"}, "`token` is no address"),
        ({"code_hash": "ab" * 32}, "`code_hash` is the keccak"),
        ({"final": "soon"}, "`final` is a whole number"),
        ({"final": 0}, "`final` is a whole number"),
        ({"max_fee_gwei": 1.5}, "`max_fee_gwei` is a whole number"),
        ({"confirmations": 3}, "nobody knows confirmations"),
    ],
)
def test_what_makes_no_sense_is_told_without_the_nodes(change: dict[str, object], why: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=why) as told:
        chains.build([{**MAINNET, **change}])

    assert "one.example" not in str(told.value)


def test_chain_is_named_once() -> None:
    with pytest.raises(ImproperlyConfigured, match="twice"):
        chains.build([MAINNET, MAINNET])


def test_worker_does_not_start_with_a_chain_that_makes_no_sense(settings: Any) -> None:
    settings.EVM_CHAINS = [{**MAINNET, "nodes": []}]

    with pytest.raises(CommandError, match="`nodes` is a list"):
        call_command("worker")
