"""Wallets that have too little or are not looked at, and books and chains that do not agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alerting.findings import Finding, Monitor
from alerting.models import AlertRule
from settlement import queries
from settlement.models import Reconciliation

ROUNDS = 60  # that are looked through: one a minute is made, and each says of every wallet that could be asked
BOOKS = "books"


@dataclass(frozen=True, slots=True)
class Purse:
    """A wallet: what is free, what it should have, and when its chain last said what; payments its coins are for."""

    name: str
    free: Decimal
    minimum: Decimal
    seen_at: datetime | None = None
    transfers: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Wallets, and what differed when books and chains were compared last."""

    wallets: Sequence[Purse] = ()
    in_books: Sequence[Mapping[str, Any]] = ()
    on_chains: Sequence[Mapping[str, Any]] = ()


def gather(_now: datetime, _rules: Mapping[str, AlertRule]) -> Facts:
    """Three queries."""
    rounds = list(Reconciliation.objects.order_by("-pk")[:ROUNDS])
    of_books = Reconciliation.objects.filter(accounts__isnull=False).order_by("-pk").first()
    of_chains = next((one for one in rounds if not one.has_books), None)
    purses = []
    for row in queries.wallets():
        seen = next((one for one in rounds if one.of_wallet(row.wallet.name)), None)
        said = (seen.of_wallet(row.wallet.name) if seen else None) or {}
        at = seen.ended_at if seen else None
        purses.append(Purse(row.wallet.name, row.free, row.wallet.minimum, at, said.get("transfers")))
    return Facts(purses, of_books.differences if of_books else (), of_chains.differences if of_chains else ())


def low(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """Less is free than the wallet's own minimum."""
    return [
        Finding(one.name, one.name, {"free_usdt": f"{one.free:f}", "minimum_usdt": f"{one.minimum:f}"})
        for one in facts.wallets
        if one.free < one.minimum
    ]


def gas(_now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Its chain's coins are good for too few payments."""
    return [
        Finding(one.name, one.name, {"transfers": one.transfers})
        for one in facts.wallets
        if one.transfers is not None and one.transfers < rule.thresholds["transfers"]
    ]


def stale(now: datetime, facts: Facts, rule: AlertRule) -> list[Finding]:
    """Nobody knows for too long what its chain has."""
    longest = timedelta(seconds=rule.thresholds["seconds"])
    return [
        Finding(one.name, one.name, {"since": one.seen_at.isoformat()} if one.seen_at else {})
        for one in facts.wallets
        if one.seen_at is None or now - one.seen_at > longest
    ]


def imbalance(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """The books do not agree with themselves."""
    return _differing(BOOKS, facts.in_books)


def difference(_now: datetime, facts: Facts, _rule: AlertRule) -> list[Finding]:
    """A chain and the books do not agree."""
    names = sorted({str(one["wallet"]) for one in facts.on_chains})
    return [
        finding
        for name in names
        for finding in _differing(name, [one for one in facts.on_chains if one["wallet"] == name])
    ]


def _differing(name: str, found: Sequence[Mapping[str, Any]]) -> list[Finding]:
    if not found:
        return []
    first = f"{found[0]['check']}: {found[0]['ref']} {found[0]['what']}"
    return [Finding(name, name, {"count": len(found), "what": first}, level=len(found))]


MONITOR = Monitor(
    "money",
    gather,
    {
        "wallet_low": low,
        "wallet_gas_low": gas,
        "wallet_stale": stale,
        "ledger_imbalance": imbalance,
        "chain_ledger_difference": difference,
    },
)
