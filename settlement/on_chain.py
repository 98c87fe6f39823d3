"""Reads about hot wallets and the payments out of them. Each has a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from settlement import chains, pauses
from settlement.models import ChainReading, NonceFill, Reconciliation, Transfer, TransferAttempt, Wallet
from settlement.money import Page, one_of, page_of
from trading.lib.money import Money
from users.models import User
from users.queries.scopes import within

Status = Transfer.Status
TABS: Mapping[str, Sequence[str]] = {
    "": (Status.SIGNED, Status.BROADCAST, Status.MINED, Status.NEEDS_REVIEW),
    "review": (Status.NEEDS_REVIEW,),
    "final": (Status.FINAL,),
    "abandoned": (Status.ABANDONED,),
}
PAYS = ("settlement", "withdrawal", "lp_payment")
PARTIES = ("settlement__client", "withdrawal__client", "lp_payment__lp")


@dataclass(frozen=True, slots=True)
class Row:
    """A wallet in the books beside what its chain said last, and when; nothing of the chain when it was never asked."""

    wallet: Wallet
    seen: dict[str, Any]
    compared_at: datetime | None
    differences: list[dict[str, str]]
    in_flight: int

    @property
    def in_books(self) -> Money:
        """What the books have."""
        return Money.from_minor(self.wallet.account.balance.posted, self.wallet.account.asset.unit)

    @property
    def on_chain(self) -> Money | None:
        """What the chain had when it was asked last."""
        minor = self.seen.get("balance_minor")
        return None if minor is None else Money.from_minor(minor, self.wallet.account.asset.unit)

    @property
    def coins(self) -> Decimal | None:
        """What it has of the chain's own coin; nothing where payments are free, or nobody asked."""
        coins = self.seen.get("coins")
        return None if coins is None else Decimal(coins)

    @property
    def why(self) -> str:
        """Why it is paused; "" when it is not."""
        return pauses.words_of(self.wallet.pause_reason) if self.wallet.paused_at else ""

    @property
    def explorer_url(self) -> str:
        """Where anybody can look at its address; "" where the chain has no such place."""
        return chains.explorer_url(self.wallet.chain, "address", self.wallet.address)


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which payments: in a tab, out of a wallet, by a text (ref, address or transaction), older than a ref."""

    tab: str = ""
    wallet: str = ""
    text: str = ""
    before: str = ""


def wallets() -> list[Row]:
    """Every wallet beside its chain. Two queries."""
    return _rows(Wallet.objects.order_by("name"))


def wallet(name: str) -> Row:
    """
    One wallet beside its chain. Two queries.

    :raises NotFound: there is none of that name.
    """
    found = _rows(Wallet.objects.filter(pk=one_of(Wallet.objects.filter(name=name)).pk))
    return found[0]


def _rows(wanted: QuerySet[Wallet]) -> list[Row]:
    live = Transfer.objects.filter(wallet=OuterRef("pk"), status__in=TABS[""]).order_by().values("wallet")
    alive = Coalesce(Subquery(live.annotate(number=Count("pk")).values("number")), 0)
    rows = wanted.select_related("account__asset", "account__balance", "paused_by", "reading").annotate(alive=alive)
    last = Reconciliation.objects.filter(accounts=None).order_by("-pk").first()
    return [_row(one, last) for one in rows]


def _row(one: Wallet, last: Reconciliation | None) -> Row:
    seen = (last.of_wallet(one.name) if last else None) or {}
    differences = [found for found in last.differences if found["wallet"] == one.name] if last else []
    at = last.ended_at if last and seen else None
    return Row(one, seen, at, differences, one.alive)  # type: ignore[attr-defined]  # annotated


def read_to(row: Row) -> int | None:
    """Up to which block what left it was read. Needs the reading loaded."""
    reading = getattr(row.wallet, "reading", None)
    return reading.last if isinstance(reading, ChainReading) else None


def last_of_books() -> Reconciliation | None:
    """The last time that the whole books were compared. One query."""
    return Reconciliation.objects.filter(accounts__isnull=False).order_by("-pk").first()


def transfers(criteria: Criteria, *, reader: User) -> Page:
    """Read payments for counterparties the reader serves, newest first. Two queries, three with `before`."""
    rows = matching(criteria, reader=reader)
    return page_of(rows.prefetch_related(_attempts()), criteria.before)


def matching(criteria: Criteria, *, reader: User) -> QuerySet[Transfer]:
    """The payments that the list's filters let through, for counterparties the reader serves."""
    rows = _seen_by(reader).filter(status__in=TABS[criteria.tab])
    if criteria.wallet:
        rows = rows.filter(wallet__name=criteria.wallet)
    if text := criteria.text.strip():
        rows = rows.filter(_matching(text))
    return rows


def _matching(text: str) -> Q:
    owners = Q(*[(f"{kind}__ref__iexact", text) for kind in PAYS], _connector=Q.OR)
    sent = TransferAttempt.objects.filter(tx_hash__iexact=text).values("transfer")
    filled = NonceFill.objects.filter(tx_hash__iexact=text).values("transfer")
    found = owners | Q(ref__iexact=text) | Q(to_address__iexact=text)
    return found | Q(pk__in=sent) | Q(pk__in=filled)


def transfer(ref: str, *, reader: User) -> Transfer:
    """
    Read one payment with its attempts, and the empty transactions that used up its nonce. Three queries.

    :raises NotFound: there is none, or not for this reader.
    """
    fills = Prefetch("fills", NonceFill.objects.order_by("number"))
    return one_of(_seen_by(reader).filter(ref=ref).prefetch_related(_attempts(), fills))


def _attempts() -> "Prefetch[Any]":
    return Prefetch("attempts", TransferAttempt.objects.order_by("number"))


def _seen_by(reader: User) -> QuerySet[Transfer]:
    rows = Transfer.objects.filter(within(reader, *PARTIES))
    return rows.select_related(*PARTIES, "wallet__account__asset")


def transaction_url(chain: str, tx_hash: str) -> str:
    """Where anybody can look at a transaction; "" where the chain has no such place."""
    return chains.explorer_url(chain, "tx", tx_hash)


def address_url(chain: str, address: str) -> str:
    """Where anybody can look at an address; "" where the chain has no such place."""
    return chains.explorer_url(chain, "address", address)
