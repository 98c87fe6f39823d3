"""What a chain takes of its own coin for transactions, in the books. All assume the transaction that saw it final."""

from settlement import chains, ledger, tron_chains
from settlement.ledger import Posting
from settlement.models import Asset, Journal, LedgerAccount, Wallet
from trading.lib.operations import operation

WEI_SCALE, SUN_SCALE = 18, 6
Kind, Normal = LedgerAccount.Kind, LedgerAccount.Normal


@operation
def book_gas(*, wallet: Wallet, tx_hash: str, fee: int, subject: str) -> None:
    """Book what a transaction cost that paid nothing: it failed, or only used up a nonce. Once."""
    book(wallet, tx_hash, fee, subject)


def book(wallet: Wallet, tx_hash: str, fee: int | None, subject: str) -> None:
    """
    Book what a transaction cost: from the wallet's coins to the desk's gas. Once for each transaction.

    Nothing where the chain's port does not say. The wallet's coins may stand below nothing: what was put into the
    wallet is booked by people, and no payment waits for that.
    """
    key = f"gas:{tx_hash}"
    if fee and not Journal.objects.filter(key=key).exists() and (coin := _coin_of(wallet.chain)):
        gas, coins = _accounts(wallet, *coin)
        ledger.post(Posting(key, "gas", subject, ledger.pair_of(gas, coins, fee)))


def coins_of(wallet: Wallet) -> str:
    """The code of a wallet's account of its chain's coin."""
    return f"coins:{wallet.name}"


def _coin_of(chain: str) -> tuple[str, int] | None:
    """Say in which coin a chain's fees are, and of how many decimals; nothing where they are free."""
    if coin := chains.coin_of(chain):
        return coin, WEI_SCALE
    coin = tron_chains.coin_of(chain)
    return (coin, SUN_SCALE) if coin else None


def _accounts(wallet: Wallet, coin: str, scale: int) -> tuple[str, str]:
    asset, _made = Asset.objects.get_or_create(code=coin, defaults={"kind": Asset.Kind.NATIVE, "scale": scale})
    wanted = {
        ledger.desk("gas", asset.unit): (Kind.GAS, Normal.DEBIT),
        ledger.desk("capital", asset.unit): (Kind.CAPITAL, Normal.CREDIT),
        coins_of(wallet): (Kind.HOT, Normal.DEBIT),
    }
    for code, (kind, normal) in wanted.items():
        LedgerAccount.objects.get_or_create(code=code, defaults={"kind": kind, "asset": asset, "normal": normal})
    return ledger.desk("gas", asset.unit), coins_of(wallet)
