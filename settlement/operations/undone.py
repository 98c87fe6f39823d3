"""
The books of what was delivered and then undone by its chain: paid again, paid otherwise, or not at all.

The delivery stays booked while its transaction may come back. Given up, what it paid is in the wallet again and in
transit (`in_transit:USDT`) until something else pays it, or all that was booked for it is taken back.
All assume the owner locked, and the transaction that decides.
"""

from settlement import ledger
from settlement.ledger import Posting
from settlement.legs import opposite
from settlement.models import Asset, Journal, LedgerAccount, Payable, Settlement, Transfer
from trading.lib.money import USDT

UNDONE, AGAIN = "wallet_undone", "paid_again"
BOOKED = ("delivery", "withdrawal_sent", "lp_payment", UNDONE, AGAIN)


def was_delivered(owner: Payable, *, but: Transfer | None = None) -> bool:
    """Whether a payment of it (`but` this) was final once, so that its delivery is booked. One query."""
    final = Transfer.objects.filter(**{owner.word: owner}, final_at__isnull=False)
    return (final.exclude(pk=but.pk) if but else final).exists()


def take_back(transfer: Transfer) -> None:
    """Book that the wallet has what a payment took from it, for the chain undid it and it can never happen any more."""
    ref, wallet, minor = transfer.owner_ref, transfer.wallet.account.code, int(transfer.amount_minor)
    lines = ledger.pair_of(wallet, _in_transit(), minor)
    ledger.post(Posting(f"wallet-undone:{ref}:{transfer.generation}", UNDONE, ref, lines))


def pay_again(owner: Payable, wallet_account: str, *, key: str | int, is_held: bool) -> None:
    """
    Book that a wallet paid what was delivered before.

    :param key: which payment of it this is: a generation, or the check of another transaction.
    :param is_held: whether the wallet held it, which is let go.
    """
    minor = ledger.minor(owner.paid_amount, USDT)
    held = ledger.hold_hot(wallet_account, USDT, -minor) if is_held else ()
    lines = (*ledger.pair_of(ledger.desk("in_transit", USDT), wallet_account, minor), *held)
    ledger.post(Posting(f"paid-again:{owner.ref}:{key}", AGAIN, owner.ref, lines))


def reverse(owner: Payable) -> None:
    """Book back all that was booked for delivering it; what a trade accrued with its LP, too."""
    kinds = [*BOOKED, "accrual"] if isinstance(owner, Settlement) else BOOKED
    booked = Journal.objects.filter(subject=owner.ref, kind__in=kinds).order_by("pk")
    ledger.post(
        *(
            Posting(f"reversal:{one.key}", "reversal", owner.ref, opposite(one), reverses=one.pk)
            for one in booked.prefetch_related("entries__account__asset")
        )
    )


def _in_transit() -> str:
    """The account of what is neither in a wallet nor owed any more by the books, and is to be paid."""
    code = ledger.desk("in_transit", USDT)
    normal, asset = LedgerAccount.Normal.CREDIT, Asset.objects.get(code=USDT.code)
    made = {"kind": LedgerAccount.Kind.IN_TRANSIT, "asset": asset, "normal": normal}
    LedgerAccount.objects.get_or_create(code=code, defaults=made)
    return code
