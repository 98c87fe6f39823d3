"""Gauges of the money: settlements that are not over, payments, wallets, and what comparing found."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric

from settlement.models import Balance, Reconciliation, Settlement, Transfer, Wallet
from settlement.queries import OPEN_STATES
from trading.lib import clock
from trading.lib.money import USDT, Money

Status = Settlement.Status
MOVING = (Status.APPROVED, Status.PAYING, Status.BLOCKED)  # these move by themselves; the others wait for people
ROUNDS = 60  # that are looked through: one a minute is made, and each says of every wallet that could be asked


def settlements() -> Iterator[Metric]:
    """The queue, and since when what should move does not."""
    queue = GaugeMetricFamily("desk_settlement_queue_length", "Settlements that are not over", labels=["state"])
    unfinished = Settlement.objects.filter(status__in=OPEN_STATES).order_by()
    counts = dict(unfinished.values_list("status").annotate(number=Count("pk")))
    for status in OPEN_STATES:
        queue.add_metric([status], counts.get(status, 0))
    flagged = GaugeMetricFamily("desk_flagged_off", "Settlements recorded as flagged off", labels=["reason"])
    reasons = Settlement.objects.filter(status=Status.FLAGGED_OFF).order_by().values_list("reason")
    for reason, number in reasons.annotate(number=Count("pk")):
        flagged.add_metric([reason], number)
    oldest = Settlement.objects.filter(status__in=MOVING).aggregate(oldest=Min("updated_at"))["oldest"]
    yield from (queue, flagged)
    yield GaugeMetricFamily(
        "desk_settlement_oldest_pending_seconds",
        "Since the last step of the settlement that should move by itself and did not for the longest",
        value=_age(oldest),
    )


def transfers() -> Iterator[Metric]:
    """Payments on chain whose end is not known."""
    found = Transfer.objects.unknown().aggregate(number=Count("pk"), oldest=Min("updated_at"))
    yield GaugeMetricFamily("desk_transfers_unknown", "Payments nobody knows the end of yet", value=found["number"])
    yield GaugeMetricFamily(
        "desk_transfer_unknown_oldest_seconds", "Since the oldest of them was heard of", value=_age(found["oldest"])
    )


def wallets() -> Iterator[Metric]:
    """What the books say each wallet has, what it should have, and when its chain was last seen to agree."""
    labels = ["wallet", "chain"]
    balance = GaugeMetricFamily("desk_wallet_balance_usdt", "USDT in a wallet, by the books", labels=labels)
    free = GaugeMetricFamily("desk_wallet_free_usdt", "What of it no payment reserves", labels=labels)
    minimum = GaugeMetricFamily("desk_wallet_minimum_usdt", "What a wallet should have free", labels=labels)
    paused = GaugeMetricFamily("desk_wallet_paused", "Whether a wallet is paused", labels=labels)
    age = GaugeMetricFamily(
        "desk_wallet_balance_age_seconds", "Since its chain said what it has; long ago: no sample", labels=labels
    )
    gas = GaugeMetricFamily("desk_wallet_gas_coins", "The chain's own coins in a wallet, for fees", labels=labels)
    unseen: tuple[dict[str, Any], None] = ({}, None)
    kept = {row.account_id: row for row in Balance.objects.filter(account__kind="hot")}
    rounds = list(Reconciliation.objects.order_by("-pk").values_list("wallets", "ended_at")[:ROUNDS])
    for wallet in Wallet.objects.order_by("name"):
        key, row = [wallet.name, wallet.chain], kept.get(wallet.account_id)
        posted, held = (row.posted, row.held) if row else (0, 0)
        balance.add_metric(key, _usdt(posted))
        free.add_metric(key, _usdt(posted - held))
        minimum.add_metric(key, float(wallet.minimum))
        paused.add_metric(key, wallet.paused_at is not None)
        said, at = next(((found[wallet.name], at) for found, at in rounds if wallet.name in found), unseen)
        if at is not None:
            age.add_metric(key, _age(at))
        if said.get("coins") is not None:
            gas.add_metric(key, float(said["coins"]))
    yield from (balance, free, minimum, paused, age, gas)


def reconciled() -> Iterator[Metric]:
    """What the last comparisons found."""
    gap = GaugeMetricFamily(
        "desk_chain_ledger_difference_usdt", "What a chain has more than the books, compared last", labels=["wallet"]
    )
    differences = GaugeMetricFamily("desk_reconciliation_differences", "What differed last", labels=["part"])
    age = GaugeMetricFamily("desk_reconciliation_age_seconds", "Since something was compared last", labels=["part"])
    for part in ("chains", "books"):
        rows = Reconciliation.objects.filter(accounts__isnull=part == "chains")
        if (last := rows.order_by("-pk").first()) is not None:
            differences.add_metric([part], len(last.differences))
            age.add_metric([part], _age(last.ended_at))
            for name, seen in last.wallets.items():
                gap.add_metric([name], _usdt(seen["gap_minor"]))
    yield from (gap, differences, age)


def _usdt(minor: int | Decimal) -> float:
    return float(Money.from_minor(minor, USDT).amount)


def _age(at: datetime | None) -> float:
    return max(0.0, (clock.now() - at).total_seconds()) if at else 0.0
