"""Everything about a wallet that can be looked at without changing anything: `manage.py wallet_check`."""

from collections.abc import Iterator

from settlement.models import Wallet
from settlement.tron_chains import SUN
from settlement.wallets.base import CannotSign, Unreachable
from settlement.wallets.facts import Fact, coins_in_books
from settlement.wallets.keys import KeyFiles
from settlement.wallets.tron.nodes import asking
from settlement.wallets.tron.token import Token
from settlement.wallets.tron.wallet import Burning, TronWallet, address_of
from trading.lib.money import USDT, Money

FEWEST_TRANSFERS = 20


def facts_about(wallet: Wallet) -> Iterator[Fact]:
    """Look at a wallet's nodes, its token, its money on chain and in the books, what it pays fees with, and its key."""
    port = TronWallet(wallet)
    yield Fact("wallet", f"{wallet.name}, {wallet.address} on {wallet.chain}", "paused" if wallet.paused_at else "")
    for number, fault in enumerate(port.nodes.faults(), start=1):
        yield Fact(f"node {number}", "of this network, head is new" if not fault else "", fault)
    try:
        yield from _on_chain(wallet, port)
    except Unreachable as error:
        yield Fact("chain", "", str(error))
    yield _key(wallet)


def _on_chain(wallet: Wallet, port: TronWallet) -> Iterator[Fact]:
    with asking():
        node = port.nodes.first()
        token = Token(node, port.chain, port.address)
        fault = token.fault()
        yield Fact(
            "token", f"{port.chain.token}, {port.chain.decimals} decimals, code as pinned" if not fault else "", fault
        )
        obstacle = token.obstacle()
        yield Fact("switches", "not paused, deprecated or blacklisted, no fee" if not obstacle else "", obstacle)
        held, booked = token.balance(wallet.address), int(wallet.account.balance.posted)
        words = f"{Money.from_minor(held, USDT)} on chain, {Money.from_minor(booked, USDT)} in the books"
        yield Fact("balance", words, "" if held == booked else "they differ")
        burning = Burning(node, wallet.address)
        yield Fact("account", "activated" if burning.is_activated else "", "" if burning.is_activated else "not there")
        transfers = burning.transfers()
        low = "" if transfers >= FEWEST_TRANSFERS else f"fewer than {FEWEST_TRANSFERS} transfers"
        yield Fact("energy", f"its own and {burning.coins / SUN:.6f} TRX, {transfers} transfers", low)
        yield coins_in_books(wallet, burning.coins, SUN)


def _key(wallet: Wallet) -> Fact:
    try:
        address = address_of(str(KeyFiles.of(wallet.name).account().address))
    except CannotSign as error:
        return Fact("key", "", str(error))
    is_its = address == wallet.address
    return Fact("key", "opens" if is_its else "", "" if is_its else f"is of {address}")
