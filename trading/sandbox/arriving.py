"""USDT from outside to a wallet of the sandbox: on the chain in a table, or on the local EVM node."""

from django.db.models import QuerySet

from settlement import chains
from settlement.models import PayoutAddress, Wallet
from settlement.wallets import simulated
from trading.lib import clock
from trading.sandbox.chain import CHAIN_ID, TOKEN, LocalChain, calldata

SIMULATED = "simulated"


class NotHere(Exception):
    """There is no chain of the sandbox to send it on."""


def wallet_of(name: str) -> Wallet:
    """
    The wallet of that name; without one the first on a chain that clients have approved addresses on, else the first.

    :raises NotHere: there is none.
    """
    wallets = Wallet.objects.order_by("pk")
    used = wallets.filter(chain__in=_addresses().values("chain"))
    found = wallets.filter(name=name).first() if name else used.first() or wallets.first()
    if found is None:
        raise NotHere("There is no such wallet.")
    return found


def address_of(wallet: Wallet, *, client: str = "") -> str:
    """
    An approved address on the wallet's chain that one client alone has: of the client named, or of any.

    :raises NotHere: there is none.
    """
    rows = _addresses().filter(chain=wallet.chain)
    found = (rows.filter(counterparty__ref=client) if client else rows).order_by("pk").first()
    if found is None:
        raise NotHere(f"no client has an approved address on {wallet.chain}: name a sender with --sender")
    return found.address


def _addresses() -> QuerySet[PayoutAddress]:
    return PayoutAddress.objects.filter(approved_at__isnull=False, revoked_at=None, counterparty__kind="client")


def send(wallet: Wallet, *, sender: str, minor: int) -> str:
    """
    Send so much to the wallet from the address, whoever has its key; the transaction's id.

    :raises NotHere: the wallet is on no chain of the sandbox.
    """
    if wallet.chain == SIMULATED:
        return simulated.send(sender=sender, to_address=wallet.address, amount_minor=minor, now=clock.now())
    found = chains.configured().get(wallet.chain)
    if found is None or found.chain_id != CHAIN_ID:
        raise NotHere(f"{wallet.name} is on {wallet.chain}, which is no chain of the sandbox")
    node = LocalChain(found.nodes[0])
    try:
        node.fund(sender, node.balance(sender) + minor, coins=1)
        node.call("anvil_impersonateAccount", sender)
        call = {"from": sender, "to": TOKEN, "data": calldata("transfer(address,uint256)", wallet.address, minor)}
        tx_hash = str(node.call("eth_sendTransaction", call | {"gas": hex(200_000)}))
        node.call("anvil_stopImpersonatingAccount", sender)
        node.mine()
    finally:
        node.close()
    return tx_hash
