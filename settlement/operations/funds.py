"""Accounts, wallets, and money that comes in."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from settlement import ledger
from settlement.ledger import Leg, Posting
from settlement.models import Asset, LedgerAccount, PayoutAddress, Wallet
from settlement.operations.pausing import WalletSubject
from settlement.operations.waiting import wake
from trading.lib.errors import Invalid
from trading.lib.money import Money
from trading.lib.operations import operation
from users import audit
from users.models import Counterparty, User


@operation
def open_accounts(*, assets: Sequence[Asset], counterparties: Sequence[Counterparty]) -> None:
    """Every ledger account the desk needs for these assets and counterparties; existing ones stay."""
    for asset in assets:
        ledger.open_desk_accounts(asset)
    for counterparty in counterparties:
        ledger.open_counterparty_accounts(counterparty, assets)


def add_currency(*, code: str, scale: int) -> Asset:
    """
    A fiat currency with the accounts of the desk and of everybody who has any. Assumes the transaction that needs it.

    One that is there stays as it is.
    """
    asset, _made = Asset.objects.get_or_create(code=code, defaults={"kind": Asset.Kind.FIAT, "scale": scale})
    ledger.open_desk_accounts(asset)
    for counterparty in Counterparty.objects.filter(ledger_accounts__isnull=False).distinct().order_by("pk"):
        ledger.open_counterparty_accounts(counterparty, [asset])
    return asset


@operation
def open_wallet(*, name: str, chain: str, address: str, asset: Asset, now: datetime) -> Wallet:
    """A hot wallet and its account, `hot:<name>`."""
    account = LedgerAccount.objects.create(
        code=f"hot:{name}",
        kind=LedgerAccount.Kind.HOT,
        asset=asset,
        normal=LedgerAccount.Normal.DEBIT,
        is_cached=True,
    )
    wallet = Wallet.objects.create(name=name, chain=chain, address=address, account=account)
    change = audit.Change(after={"chain": chain, "address": address})
    audit.record("wallet.opened", actor=None, subject=WalletSubject(name), at=now, change=change)
    return wallet


@operation
def add_address(*, counterparty: Counterparty, chain: str, address: str, label: str, now: datetime) -> PayoutAddress:
    """An address the counterparty's USDT may go to, usable at once. For set-up, before anybody trades."""
    row = PayoutAddress.objects.create(
        counterparty=counterparty, chain=chain, address=address, label=label, approved_at=now, usable_from=now
    )
    change = audit.Change(after={"chain": chain, "address": address, "counterparty": counterparty.ref})
    audit.record("address.added", actor=None, subject=row, at=now, change=change)
    return row


@operation
def book_deposit(
    *, counterparty: Counterparty, money: Money, reference: str, actor: User | None, now: datetime
) -> None:
    """
    Credit a client with money that reached the desk's bank. The reference makes it happen once.

    For set-up; on the running desk money comes in by a `Deposit` (`record_deposit`).

    :raises NotPositive: nothing, or less.
    :raises JournalConflict: the reference was booked with another amount or for another client.
    """
    client = ledger.of(counterparty, money.unit)
    _book(f"deposit:{reference}", client, ledger.desk("bank", money.unit), money, actor=actor, now=now)
    wake(counterparty)


@operation
def fund_wallet(*, wallet: Wallet, money: Money, reference: str, actor: User | None, now: datetime) -> None:
    """
    The firm's own USDT put into a hot wallet. The reference makes it happen once.

    :raises NotPositive: nothing, or less.
    :raises JournalConflict: the reference was booked with another amount or for another wallet.
    """
    capital = ledger.desk("capital", money.unit)
    _book(f"funding:{reference}", capital, wallet.account.code, money, actor=actor, now=now)


class NotPositive(Invalid):
    """Money that comes in is more than nothing."""

    code = "not_positive"
    text = _("{amount} cannot be booked: money that comes in is more than zero.")


def _book(key: str, credited: str, debited: str, money: Money, *, actor: User | None, now: datetime) -> None:
    if money.amount <= 0:
        raise NotPositive(amount=money)
    legs: tuple[Leg, ...] = ledger.pair_of(debited, credited, money.minor)
    kind = key.partition(":")[0]
    ledger.post(Posting(key, kind, credited[:32], legs))
    change = audit.Change(after={"account": credited, "amount": str(money)})
    audit.record(f"ledger.{kind}", actor=actor, subject=_Named(key[:32]), at=now, change=change)


class _Named:
    """Something an audit event is about that has no row of its own."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
