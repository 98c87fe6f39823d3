"""
The TRON networks this installation pays on: `TRON_CHAINS`, a JSON list (docs/wallets.md).

What money depends on is pinned here and compared with what a node says: the network's first block, the token's address,
its code and its decimals. Pure; nothing is asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from settlement import addresses
from settlement.chains import CODE_HASH, HTTP
from trading.lib.money import USDT_SCALE

SUN = 10**6  # of one TRX
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
    chains = [_chain(row) for row in rows]
    if len({chain.name for chain in chains}) < len(chains):
        raise ImproperlyConfigured("TRON_CHAINS names a chain twice.")
    return {chain.name: chain for chain in chains}


def most_in_flight(name: str) -> int:
    """How many payments of one wallet may be on their way into a block of a network; 0 for other chains."""
    chain = configured().get(name)
    return chain.most_in_flight if chain else 0


def _chain(row: Mapping[str, object]) -> TronChain:
    name = str(row.get("chain", ""))
    if unknown := sorted(set(row) - KNOWN):
        raise _wrong(name, f"nobody knows {', '.join(unknown)}")
    if addresses.CHAINS.get(name, ("", ""))[0] is not addresses.is_tron:
        raise _wrong(name, "`chain` is no TRON network whose addresses the desk knows")
    genesis, token, code_hash = (str(row.get(word, "")) for word in ("genesis", "token", "code_hash"))
    if not BLOCK_ID.fullmatch(genesis):
        raise _wrong(name, "`genesis` is the id of the network's first block, 64 small hexadecimal digits")
    if not addresses.is_tron(token):
        raise _wrong(name, "`token` is no address with a right checksum")
    if not CODE_HASH.fullmatch(code_hash):
        raise _wrong(name, "`code_hash` is the keccak-256 of the token's code, 0x and 64 small hexadecimal digits")
    expires_seconds = _number(name, row, "expires_seconds", 3600)
    if not SHORTEST_SECONDS <= expires_seconds <= LONGEST_SECONDS:
        raise _wrong(name, f"`expires_seconds` is from {SHORTEST_SECONDS} to {LONGEST_SECONDS}")
    return TronChain(
        name=name,
        genesis=genesis,
        nodes=_nodes(name, row.get("nodes")),
        token=token,
        code_hash=code_hash,
        decimals=_number(name, row, "decimals", USDT_SCALE),
        head_seconds=_number(name, row, "head_seconds", 120),
        expires_seconds=expires_seconds,
        max_fee=_number(name, row, "max_fee_trx", 100) * SUN,
        most_in_flight=_number(name, row, "most_in_flight", 4),
    )


def _nodes(name: str, rows: object) -> tuple[TronNode, ...]:
    """At least two of them: that a payment never happened is believed of no single one."""
    nodes = [_node(name, row) for row in rows] if isinstance(rows, list) else []
    if len({node.url for node in nodes}) < max(len(nodes), FEWEST_NODES):
        raise _wrong(name, f"`nodes` is a list of at least {FEWEST_NODES} different ones")
    return tuple(nodes)


def _node(name: str, row: object) -> TronNode:
    given: Mapping[str, object] = row if isinstance(row, dict) else {"url": row}
    url, key = given.get("url"), given.get("key", "")
    header = given.get("header", USUAL_HEADER)
    if not isinstance(url, str) or not HTTP.match(url) or set(given) - {"url", "key", "header"}:
        raise _wrong(name, "a node is an http(s) address, or an object of `url`, `key` and `header`")
    if not isinstance(key, str) or not isinstance(header, str) or not HEADER.fullmatch(header):
        raise _wrong(name, "`key` of a node is text, `header` the name that it is sent under")
    return TronNode(url.rstrip("/"), ((header, key),) if key else ())


def _number(name: str, row: Mapping[str, object], word: str, default: int) -> int:
    value = row.get(word, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong(name, f"`{word}` is a whole number from 1")
    return value


def _wrong(name: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"TRON_CHAINS, {name or 'a chain without a name'}: {why}.")
