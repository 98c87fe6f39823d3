"""What must be so at the end of a run, whatever happened in it; everything that is not is named."""

from collections import Counter
from typing import Any

from settlement import ledger, reconciliation
from settlement.models import Balance, Settlement, Transfer, Wallet
from tests.chaos import orders
from tests.wallets.node import Node
from trading.lib.money import USDT
from trading.sandbox import chain

TRANSFER_LOG = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
OVER = {"settled", "sent", "confirmed"}


def topic(address: str) -> str:
    return "0x" + address[2:].lower().zfill(64)


def logs(node: Node, wallet: Wallet) -> list[dict[str, Any]]:
    """Every payment out of a wallet that the chain has."""
    wanted = {"address": chain.TOKEN, "fromBlock": "0x0", "toBlock": "latest"}
    found: list[dict[str, Any]] = node.call("eth_getLogs", {**wanted, "topics": [TRANSFER_LOG, topic(wallet.address)]})
    return found


def flaws(node: Node) -> list[str]:
    """
    Everything that is not as promised.

    Each thing that is owed was paid once, by exactly one transaction that the desk signed for it; nothing else left the
    wallets; books and chain agree to the last unit; nothing waits, nobody has to look.
    """
    wallets = list(Wallet.objects.filter(chain=chain.NAME).select_related("account"))
    left = [(wallet, log) for wallet in wallets for log in logs(node, wallet)]
    found = [*_of_sums(left), *_of_transactions(left), *_of_states()]
    for wallet in wallets:
        found += _of_wallet(node, wallet)
    return found + [str(one) for one in reconciliation.reconcile().differences]


def _of_sums(left: list[tuple[Wallet, dict[str, Any]]]) -> list[str]:
    """By recipient and amount alone, which the desk's own records have no part in but for what is owed."""
    paid = Counter((log["topics"][2], int(log["data"], 16)) for _wallet, log in left)
    owed: Counter[tuple[str, int]] = Counter()
    for owner in orders.owners():
        assert owner.paid_to is not None
        owed[topic(owner.paid_to.address), ledger.minor(owner.paid_amount, USDT)] += 1
    return [
        f"{minor} to 0x{to[-40:]} is owed {owed[to, minor]} times and was paid {paid[to, minor]} times"
        for to, minor in sorted(owed | paid)
        if owed[to, minor] != paid[to, minor]
    ]


def _of_transactions(left: list[tuple[Wallet, dict[str, Any]]]) -> list[str]:
    """Each transfer by one of its own attempts, and each transaction by a transfer."""
    transfers = Transfer.objects.select_related("wallet").prefetch_related("attempts")
    signed = {attempt.tx_hash: transfer for transfer in transfers for attempt in transfer.attempts.all()}
    found: list[str] = []
    times: Counter[int] = Counter()
    for wallet, log in left:
        if log["transactionHash"] not in signed:
            found.append(f"{log['transactionHash']} left {wallet.name}, and nobody signed it")
            continue
        paid = signed[log["transactionHash"]]
        times[paid.pk] += 1
        is_meant = log["topics"][2] == topic(paid.to_address) and int(log["data"], 16) == int(paid.amount_minor)
        if not is_meant or wallet != paid.wallet:
            found.append(f"{paid.ref} paid something else")
    for transfer in transfers:
        if times[transfer.pk] != 1:
            found.append(f"{transfer.ref} was paid {times[transfer.pk]} times")
        if transfer.status != Transfer.Status.FINAL:
            found.append(f"{transfer.ref} is {transfer.status} ({transfer.reason})")
    return found


def _of_states() -> list[str]:
    waiting = [owner for owner in orders.owners() if owner.status not in OVER]
    found = [f"{owner.ref} is {owner.status} ({owner.reason})" for owner in waiting]
    no_chain = Settlement.objects.filter(destination=None).exclude(status="settled")
    return found + [f"{settlement.ref} is {settlement.status}" for settlement in no_chain]


def _of_wallet(node: Node, wallet: Wallet) -> list[str]:
    balance, held = node.balance(wallet.address), Balance.objects.get(account=wallet.account_id)
    used = int(node.call("eth_getTransactionCount", wallet.address, "latest"), 16)
    found = []
    if balance != int(held.posted) or held.held:
        found.append(f"{wallet.name} has {balance} on chain, {held.posted} in the books, {held.held} of it held")
    if used != wallet.next_nonce:
        found.append(f"{wallet.name} signed {wallet.next_nonce} transactions, and {used} are on chain")
    if wallet.paused_at is not None:
        found.append(f"{wallet.name} is paused")
    return found
