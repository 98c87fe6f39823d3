"""
Posting to the ledger, and opening its accounts. Nothing outside `settlement.operations` calls this.

A leg says which account, which layer and how much, debit positive. Balancing, idempotency and
floors are the database's business; here its refusals become the desk's.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from django.db import Error
from django.utils.translation import gettext_lazy as _
from psycopg.errors import Diagnostic

from settlement.models import Asset, Entry, LedgerAccount
from trading.lib import prepared
from trading.lib.errors import Conflict, Unavailable
from trading.lib.money import Money, Unit
from users.models import Counterparty

POSTED, HELD = Entry.Layer.POSTED, Entry.Layer.HELD
KEY_TAKEN, NO_ACCOUNT = "DK409", "DK404"
FLOOR = "balance_floor"


class InsufficientBalance(Conflict):
    """The client's balance and credit line do not cover the amount."""

    code = "insufficient_balance"
    text = _("Your available balance does not cover this. Deposit first, or ask for a smaller amount.")


class JournalConflict(Conflict):
    """The same idempotency key came with other input."""

    code = "journal_conflict"
    text = _("This was posted before with other amounts. Nothing was posted now.")


class NoAccount(Unavailable):
    """A ledger account is missing: the counterparty or pair was not set up completely."""

    code = "no_ledger_account"
    text = _("The desk is not set up for this yet. Please contact the desk.")


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of a journal: minor units, debit positive."""

    account: str
    layer: str
    minor: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One journal to be posted. `key` makes it happen once; `reverses` is the id of the journal it takes back."""

    key: str
    kind: str
    subject: str
    legs: tuple[Leg, ...]
    reverses: int | None = None

    @property
    def input_hash(self) -> str:
        """SHA-256, in hex, over all but the key."""
        legs = sorted([leg.account, leg.layer, leg.minor] for leg in self.legs)
        return hashlib.sha256(json.dumps([self.kind, self.subject, legs]).encode()).hexdigest()


def post(*postings: Posting) -> bool:
    """
    Post journals in the current transaction, in one round trip.

    The answer says whether the client balances they touched are covered without the credit line.

    :raises InsufficientBalance: a balance would fall below its floor.
    :raises JournalConflict: a key was used before with other input.
    :raises NoAccount: a leg names an account that does not exist.
    """
    with refusals(), prepared.cursor() as cursor:
        cursor.execute("select is_covered from settlement_post(%s::jsonb)", [as_json(postings)])
        return all(is_covered for (is_covered,) in cursor.fetchall())


def as_json(postings: Sequence[Posting]) -> str:
    """The journals as the database's functions take them."""
    journals = [
        {
            "key": posting.key,
            "kind": posting.kind,
            "subject": posting.subject,
            "input_hash": posting.input_hash,
            "reverses": posting.reverses,
            "entries": [
                {"account": leg.account, "layer": leg.layer, "amount": leg.minor} for leg in posting.legs if leg.minor
            ],
        }
        for posting in postings
    ]
    return json.dumps(journals)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the database's refusals into the desk's."""
    try:
        yield
    except Error as error:
        diagnostic: Diagnostic | None = getattr(error.__cause__, "diag", None)
        if diagnostic is None:
            raise
        if diagnostic.constraint_name == FLOOR:
            raise InsufficientBalance from error
        if diagnostic.sqlstate == KEY_TAKEN:
            raise JournalConflict from error
        if diagnostic.sqlstate == NO_ACCOUNT:
            raise NoAccount from error
        raise


def pair_of(account: str, contra: str, minor: int, *, layer: str = POSTED) -> tuple[Leg, Leg]:
    """Debit one account and credit the other with the same amount."""
    return Leg(account, layer, minor), Leg(contra, layer, -minor)


def hold(account: str, unit: Unit, minor: int) -> tuple[Leg, Leg]:
    """Reserve money of a client (credit-normal) account; a negative amount lets it go."""
    return pair_of(desk("hold", unit), account, minor, layer=HELD)


def hold_hot(account: str, unit: Unit, minor: int) -> tuple[Leg, Leg]:
    """Reserve money of a wallet (debit-normal) account; a negative amount lets it go."""
    return pair_of(account, desk("hold", unit), minor, layer=HELD)


def of(counterparty: Counterparty, unit: Unit) -> str:
    """The code of a counterparty's account: ``client:CPY-…:EUR``."""
    return f"{counterparty.kind}:{counterparty.ref}:{unit.code}"


def desk(kind: str, unit: Unit) -> str:
    """The code of one of the desk's own accounts: ``fx:USDT``."""
    return f"{kind}:{unit.code}"


DESK_ACCOUNTS = {
    LedgerAccount.Kind.FX: LedgerAccount.Normal.CREDIT,
    LedgerAccount.Kind.REVENUE: LedgerAccount.Normal.CREDIT,
    LedgerAccount.Kind.ROUNDING: LedgerAccount.Normal.CREDIT,
    LedgerAccount.Kind.HOLD: LedgerAccount.Normal.DEBIT,
    LedgerAccount.Kind.BANK: LedgerAccount.Normal.DEBIT,
    LedgerAccount.Kind.SUSPENSE: LedgerAccount.Normal.CREDIT,
    LedgerAccount.Kind.CAPITAL: LedgerAccount.Normal.CREDIT,
}


def open_desk_accounts(asset: Asset) -> None:
    """The desk's own accounts in one asset; those that exist stay as they are."""
    for kind, normal in DESK_ACCOUNTS.items():
        LedgerAccount.objects.get_or_create(
            code=desk(kind, asset.unit), defaults={"kind": kind, "asset": asset, "normal": normal}
        )


def open_counterparty_accounts(counterparty: Counterparty, assets: Sequence[Asset]) -> None:
    """One account of the counterparty per asset; those that exist stay as they are."""
    is_client = counterparty.kind == Counterparty.Kind.CLIENT
    for asset in assets:
        LedgerAccount.objects.get_or_create(
            code=of(counterparty, asset.unit),
            defaults={
                "kind": LedgerAccount.Kind.CLIENT if is_client else LedgerAccount.Kind.LP,
                "asset": asset,
                "normal": LedgerAccount.Normal.CREDIT,
                "counterparty": counterparty,
                "is_cached": is_client,
            },
        )


def minor(amount: Decimal, unit: Unit) -> int:
    """Whole minor units of an amount that has no finer decimals (`Money` refuses others)."""
    return Money(amount, unit).minor
