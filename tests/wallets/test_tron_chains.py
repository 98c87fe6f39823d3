"""`TRON_CHAINS`: what is pinned about a network, and what makes no sense."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from settlement import tron_chains

MAINNET: dict[str, object] = {
    "chain": "tron",
    "genesis": "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc",
    "nodes": ["https://one.example/key", {"url": "https://two.example/", "key": "of-two"}],
    "token": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    "code_hash": "0x" + "ab" * 32,
}


def test_what_is_not_said_is_cautious() -> None:
    chain = tron_chains.build([MAINNET])["tron"]

    assert (chain.decimals, chain.head_seconds, chain.expires_seconds, chain.max_fee) == (6, 120, 3600, 100_000_000)
    assert chain.most_in_flight == 4
    assert [node.url for node in chain.nodes] == ["https://one.example/key", "https://two.example"]
    assert [dict(node.headers) for node in chain.nodes] == [{}, {"TRON-PRO-API-KEY": "of-two"}]
    assert "example" not in repr(chain)
    assert "of-two" not in repr(chain)
    assert tron_chains.build([]) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"chain": "ethereum"}, "no TRON network"),
        ({"chain": "simulated"}, "no TRON network"),
        ({"genesis": "0x00"}, "`genesis` is the id"),
        ({"nodes": ["https://one.example"]}, "at least 2 different"),
        ({"nodes": ["https://one.example", "https://one.example/"]}, "at least 2 different"),
        ({"nodes": "https://one.example"}, "at least 2 different"),
        ({"nodes": ["https://one.example", "ws://two.example"]}, "a node is an http"),
        ({"nodes": ["https://one.example", {"url": "https://two.example", "secret": "x"}]}, "a node is an http"),
        ({"nodes": ["https://one.example", {"url": "https://two.example", "header": "a: b"}]}, "`key` of a node"),
        ({"token": "0xdAC17F958D2ee523a2206206994597C13D831ec7"}, "`token` is no address"),
        ({"token": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T"}, "`token` is no address"),
        ({"code_hash": "ab" * 32}, "`code_hash` is the keccak"),
        ({"max_fee_trx": 1.5}, "`max_fee_trx` is a whole number"),
        ({"expires_seconds": 59}, "`expires_seconds` is from 60"),
        ({"expires_seconds": 24 * 3600}, "`expires_seconds` is from 60"),
        ({"final": 19}, "nobody knows final"),
    ],
)
def test_what_makes_no_sense_is_told_without_the_nodes(change: dict[str, object], why: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=why) as told:
        tron_chains.build([{**MAINNET, **change}])

    assert "example" not in str(told.value)


def test_network_is_named_once() -> None:
    with pytest.raises(ImproperlyConfigured, match="twice"):
        tron_chains.build([MAINNET, MAINNET])
