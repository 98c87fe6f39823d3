"""
The EVM chains this installation pays on: `EVM_CHAINS`, a JSON list (docs/wallets.md).

What money depends on is pinned here and compared with what a node says: the chain's id, the token's address, its code
and its decimals. Pure; nothing is asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from settlement import addresses
from trading.lib.money import USDT, USDT_SCALE

GWEI = 10**9
CODE_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
COIN = re.compile(r"[A-Z]{2,8}", re.ASCII)
HTTP = re.compile(r"https?://", re.ASCII)
FINALIZED = "finalized"
SIMULATED_FINAL_AFTER = 3  # blocks of the chain that is one table
KNOWN = {
    "chain", "chain_id", "nodes", "token", "code_hash", "decimals", "final", "head_seconds", "max_fee_gwei",
    "max_tip_gwei", "most_in_flight", "coin", "explorer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvmChain:
    """
    One chain with its USDT.

    `confirmations` make a payment final; 0: when the chain itself calls its block finalized. A head older than
    `head_seconds` is not believed. No payment offers more than `max_fee` (wei per gas), or a larger tip than `max_tip`.
    A wallet has at most `most_in_flight` payments that no block has: nodes keep only so many of one address.
    `coin` is the code of what pays for gas.
    `explorer` is a site that shows the chain.
    """

    name: str
    chain_id: int
    nodes: tuple[str, ...]
    token: str
    code_hash: str
    decimals: int
    confirmations: int
    head_seconds: int
    max_fee: int
    max_tip: int
    most_in_flight: int
    coin: str
    explorer: str = ""


def configured() -> dict[str, EvmChain]:
    """
    The chains of the settings, by name.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    return build(settings.EVM_CHAINS)


def explorer_url(chain: str, kind: str, value: str) -> str:
    """Where anybody can look at something of a chain, `kind` being `address` or `tx`; "" where no site is named."""
    found = configured().get(chain)
    return f"{found.explorer}/{kind}/{quote(value)}" if found and found.explorer else ""


def build(rows: Sequence[Mapping[str, object]]) -> dict[str, EvmChain]:
    """
    The chains of such a list, by name.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    chains = [_chain(row) for row in rows]
    if len({chain.name for chain in chains}) < len(chains):
        raise ImproperlyConfigured("EVM_CHAINS names a chain twice.")
    return {chain.name: chain for chain in chains}


def most_in_flight(name: str) -> int:
    """How many payments of one wallet may be on their way into a block of a chain; 0 where that does not matter."""
    chain = configured().get(name)
    return chain.most_in_flight if chain else 0


def _chain(row: Mapping[str, object]) -> EvmChain:
    name = str(row.get("chain", ""))
    if unknown := sorted(set(row) - KNOWN):
        raise _wrong(name, f"nobody knows {', '.join(unknown)}")
    if addresses.CHAINS.get(name, ("", ""))[0] is not addresses.is_evm:
        raise _wrong(name, "`chain` is no EVM chain whose addresses the desk knows")
    nodes = row.get("nodes")
    if not isinstance(nodes, list) or not nodes or not all(HTTP.match(str(url)) for url in nodes):
        raise _wrong(name, "`nodes` is a list of at least one http(s) address; two are wanted where real money moves")
    token, code_hash = str(row.get("token", "")), str(row.get("code_hash", ""))
    if not addresses.is_evm(token):
        raise _wrong(name, "`token` is no address with a right checksum")
    if not CODE_HASH.fullmatch(code_hash):
        raise _wrong(name, "`code_hash` is the keccak-256 of the token's code, 0x and 64 small hexadecimal digits")
    final = row.get("final", FINALIZED)
    return EvmChain(
        name=name,
        chain_id=_number(name, row, "chain_id", None),
        nodes=tuple(str(url) for url in nodes),
        token=token,
        code_hash=code_hash,
        decimals=_number(name, row, "decimals", USDT_SCALE),
        confirmations=0 if final == FINALIZED else _number(name, row, "final", None),
        head_seconds=_number(name, row, "head_seconds", 120),
        max_fee=_number(name, row, "max_fee_gwei", 200) * GWEI,
        max_tip=_number(name, row, "max_tip_gwei", 5) * GWEI,
        most_in_flight=_number(name, row, "most_in_flight", 16),
        coin=_coin(name, row),
        explorer=_explorer(name, row),
    )


def _coin(name: str, row: Mapping[str, object]) -> str:
    coin = str(row.get("coin", "ETH"))
    if not COIN.fullmatch(coin) or coin == USDT.code:
        raise _wrong(name, "`coin` is the code of what pays for gas: capital letters, 2 to 8")
    return coin


def coin_of(name: str) -> str:
    """Say which coin pays for gas on a chain; "" where the desk does not know."""
    chain = configured().get(name)
    return chain.coin if chain else ""


def _explorer(name: str, row: Mapping[str, object]) -> str:
    written = str(row.get("explorer", ""))
    if written and not HTTP.match(written):
        raise _wrong(name, "`explorer` is the http(s) address of a site that shows the chain")
    return written.rstrip("/")


def _number(name: str, row: Mapping[str, object], field: str, default: int | None) -> int:
    value = row.get(field, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong(name, f"`{field}` is a whole number from 1")
    return value


def _wrong(name: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"EVM_CHAINS, {name or 'a chain without a name'}: {why}.")
