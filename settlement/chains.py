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

from settlement import addresses
from settlement.chain_settings import HTTP, Row, by_name
from trading.lib.money import USDT, USDT_SCALE

GWEI = 10**9
COIN = re.compile(r"[A-Z]{2,8}", re.ASCII)
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
    return by_name("EVM_CHAINS", rows, _chain)


def most_in_flight(name: str) -> int:
    """How many payments of one wallet may be on their way into a block of a chain; 0 where that does not matter."""
    chain = configured().get(name)
    return chain.most_in_flight if chain else 0


def coin_of(name: str) -> str:
    """Say which coin pays for gas on a chain; "" where the desk does not know."""
    chain = configured().get(name)
    return chain.coin if chain else ""


def _chain(row: Row) -> EvmChain:
    row.must_be(addresses.is_evm, "EVM chain", known=KNOWN)
    nodes = row.fields.get("nodes")
    if not isinstance(nodes, list) or not nodes or not all(HTTP.match(str(url)) for url in nodes):
        raise row.wrong("`nodes` is a list of at least one http(s) address; two are wanted where real money moves")
    token, code_hash = row.token(addresses.is_evm)
    is_finalized = row.fields.get("final", FINALIZED) == FINALIZED
    return EvmChain(
        name=row.name,
        chain_id=row.number("chain_id"),
        nodes=tuple(str(url) for url in nodes),
        token=token,
        code_hash=code_hash,
        decimals=row.number("decimals", USDT_SCALE),
        confirmations=0 if is_finalized else row.number("final"),
        head_seconds=row.number("head_seconds", 120),
        max_fee=row.number("max_fee_gwei", 200) * GWEI,
        max_tip=row.number("max_tip_gwei", 5) * GWEI,
        most_in_flight=row.number("most_in_flight", 16),
        coin=_coin(row),
        explorer=_explorer(row),
    )


def _coin(row: Row) -> str:
    coin = row.text("coin") or "ETH"
    if not COIN.fullmatch(coin) or coin == USDT.code:
        raise row.wrong("`coin` is the code of what pays for gas: capital letters, 2 to 8")
    return coin


def _explorer(row: Row) -> str:
    written = row.text("explorer")
    if written and not HTTP.match(written):
        raise row.wrong("`explorer` is the http(s) address of a site that shows the chain")
    return written.rstrip("/")
