"""
The TRON networks this installation pays on: `TRON_CHAINS`, a JSON list (docs/wallets.md).

What money depends on is pinned here and compared with what a node says: the network's first block, the token's address,
its code and its decimals. Pure; nothing is asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings

from settlement import addresses
from settlement.chain_settings import HTTP, Row, by_name
from trading.lib.money import USDT_SCALE

COIN = "TRX"
SUN = 10**6  # of one coin
BLOCK_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
HEADER = re.compile(r"[A-Za-z0-9-]{1,60}", re.ASCII)
FEWEST_NODES = 2
USUAL_HEADER = "TRON-PRO-API-KEY"
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 23 * 3600  # a node takes 24 hours from its own newest block
KNOWN = {
    "chain", "genesis", "nodes", "token", "code_hash", "decimals", "head_seconds", "expires_seconds", "max_fee_trx",
    "most_in_flight",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TronNode:
    """Where a node answers, and what it wants to be shown by whoever asks."""

    url: str = field(repr=False)  # some have their key in it
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TronChain:
    """
    One network with its USDT.

    A head older than `head_seconds` is not believed. Signed bytes can be put into a block for `expires_seconds`. No
    payment may burn more than `max_fee` (sun) for energy. A wallet has at most `most_in_flight` payments that no block
    has, and begins none unless it can pay for so many: what is short of energy in its block burns it and pays nothing.
    """

    name: str
    genesis: str
    nodes: tuple[TronNode, ...]
    token: str
    code_hash: str
    decimals: int
    head_seconds: int
    expires_seconds: int
    max_fee: int
    most_in_flight: int


def configured() -> dict[str, TronChain]:
    """
    The networks of the settings, by name.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    return build(settings.TRON_CHAINS)


def build(rows: Sequence[Mapping[str, object]]) -> dict[str, TronChain]:
    """
    The networks of such a list, by name.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    return by_name("TRON_CHAINS", rows, _chain)


def most_in_flight(name: str) -> int:
    """How many payments of one wallet may be on their way into a block of a network; 0 for other chains."""
    chain = configured().get(name)
    return chain.most_in_flight if chain else 0


def coin_of(name: str) -> str:
    """Say which coin pays for fees on a network; "" for other chains."""
    return COIN if name in configured() else ""


def _chain(row: Row) -> TronChain:
    row.must_be(addresses.is_tron, "TRON network", known=KNOWN)
    genesis = row.text("genesis")
    if not BLOCK_ID.fullmatch(genesis):
        raise row.wrong("`genesis` is the id of the network's first block, 64 small hexadecimal digits")
    token, code_hash = row.token(addresses.is_tron)
    expires_seconds = row.number("expires_seconds", 3600)
    if not SHORTEST_SECONDS <= expires_seconds <= LONGEST_SECONDS:
        raise row.wrong(f"`expires_seconds` is from {SHORTEST_SECONDS} to {LONGEST_SECONDS}")
    return TronChain(
        name=row.name,
        genesis=genesis,
        nodes=_nodes(row),
        token=token,
        code_hash=code_hash,
        decimals=row.number("decimals", USDT_SCALE),
        head_seconds=row.number("head_seconds", 120),
        expires_seconds=expires_seconds,
        max_fee=row.number("max_fee_trx", 100) * SUN,
        most_in_flight=row.number("most_in_flight", 4),
    )


def _nodes(row: Row) -> tuple[TronNode, ...]:
    """At least two of them: that a payment never happened is believed of no single one."""
    rows = row.fields.get("nodes")
    nodes = [_node(row, node) for node in rows] if isinstance(rows, list) else []
    if len({node.url for node in nodes}) < max(len(nodes), FEWEST_NODES):
        raise row.wrong(f"`nodes` is a list of at least {FEWEST_NODES} different ones")
    return tuple(nodes)


def _node(row: Row, node: object) -> TronNode:
    given: Mapping[str, object] = node if isinstance(node, dict) else {"url": node}
    url, key = given.get("url"), given.get("key", "")
    header = given.get("header", USUAL_HEADER)
    if not isinstance(url, str) or not HTTP.match(url) or set(given) - {"url", "key", "header"}:
        raise row.wrong("a node is an http(s) address, or an object of `url`, `key` and `header`")
    if not isinstance(key, str) or not isinstance(header, str) or not HEADER.fullmatch(header):
        raise row.wrong("`key` of a node is text, `header` the name that it is sent under")
    return TronNode(url.rstrip("/"), ((header, key),) if key else ())
