"""Everything about a wallet that can be looked at without changing anything: `manage.py wallet_check`."""

from collections.abc import Iterator
from decimal import Decimal

from settlement.models import Wallet
from settlement.wallets.base import CannotSign, Unreachable
from settlement.wallets.evm.nodes import asking
from settlement.wallets.evm.token import Token
from settlement.wallets.evm.wallet import USUAL_GAS, EvmWallet
from settlement.wallets.facts import Fact, coins_in_books
from settlement.wallets.keys import KeyFiles
from trading.lib.money import USDT, Money

COIN = 10**18
FEWEST_TRANSFERS = 20


def facts_about(wallet: Wallet) -> Iterator[Fact]:
    """Look at a wallet's nodes, its token, its money on chain and in the books, its nonce, its gas and its key."""
    port = EvmWallet(wallet)
    yield Fact("wallet", f"{wallet.name}, {wallet.address} on {wallet.chain}", "paused" if wallet.paused_at else "")
    for number, fault in enumerate(port.nodes.faults(), start=1):
        yield Fact(f"node {number}", f"chain {port.chain.chain_id}, head is new" if not fault else "", fault)
    if len(port.chain.nodes) == 1:
        yield Fact("second node", "none: nobody contradicts the only one")
    try:
        yield from _on_chain(wallet, port)
    except Unreachable as error:
        yield Fact("chain", "", str(error))
    yield _key(wallet)


def _on_chain(wallet: Wallet, port: EvmWallet) -> Iterator[Fact]:
    with asking():
        node = port.nodes.first()
        token = Token.on(node, port.chain, wallet.address)
        fault = token.fault
        yield Fact(
            "token", f"{port.chain.token}, {port.chain.decimals} decimals, code as pinned" if not fault else "", fault
        )
        obstacle = token.obstacle
        yield Fact("switches", "not paused, not blacklisted, no fee" if not obstacle else "", obstacle)
        held, booked = token.balance, int(wallet.account.balance.posted)
        words = f"{Money.from_minor(held, USDT)} on chain, {Money.from_minor(booked, USDT)} in the books"
        yield Fact("balance", words, "" if held == booked else "they differ")
        used = port.nonce()
        moved = "moved without us" if used > wallet.next_nonce else ""
        yield Fact("nonce", f"{used} on chain, next here {wallet.next_nonce}", moved)
        coins, price = node.eth.get_balance(port.address), node.eth.gas_price
        transfers = coins // max(USUAL_GAS * price, 1)
        low = "" if transfers >= FEWEST_TRANSFERS else f"fewer than {FEWEST_TRANSFERS} transfers"
        yield Fact("gas", f"{Decimal(coins) / COIN:.6f} coins, at today's price {transfers} transfers", low)
        yield coins_in_books(wallet, coins, COIN)


def _key(wallet: Wallet) -> Fact:
    try:
        address = KeyFiles.of(wallet.name).account().address
    except CannotSign as error:
        return Fact("key", "", str(error))
    return Fact(
        "key", "opens" if address == wallet.address else "", "" if address == wallet.address else f"is of {address}"
    )
