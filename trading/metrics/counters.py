"""Counters and histograms, from the sums that the database keeps as things happen."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from alerting import requests
from alerting.figures import QUOTE_BOUNDS, SETTLE_BOUNDS, Sums
from settlement.models import Balance
from trading.lib.money import USDT, Money

FILLED = "filled"
ALL = "all"


def counters() -> Iterator[Metric]:
    """All of them, from one reading."""
    sums = Sums()
    sided = ("side", "status")
    yield _counter(sums, "desk_rfqs", "RFQs that came to a status, by side", sided)
    yield _counter(sums, "desk_quotes", "Quotes that came to a status, by the client's side", sided)
    yield _counter(sums, "desk_fills", "Trades made, and those that came to their end, by side", sided)
    volume = CounterMetricFamily("desk_rfq_volume_usdt", "USDT traded, by side", labels=["side"])
    for (side, status), one in sums.of("desk_fills").items():
        if status == FILLED:
            volume.add_metric([side], float(one.amount))
    yield volume
    yield _histogram(
        sums, "desk_time_to_first_quote_seconds", "From an RFQ to its first firm quote", bounds=QUOTE_BOUNDS
    )
    yield _histogram(sums, "desk_time_to_settle_seconds", "From a trade to its settlement", bounds=SETTLE_BOUNDS)
    yield _counter(sums, "desk_lp_asked", "RFQs an LP was asked on", ("lp",))
    yield _counter(sums, "desk_lp_answered", "RFQs an LP gave a firm quote on", ("lp",))
    yield _histogram(
        sums, "desk_lp_quote_seconds", "From asked to an LP's first firm quote", bounds=QUOTE_BOUNDS, labels=("lp",)
    )
    yield _counter(sums, requests.FIGURE, "Requests to Telegram by answer", ("method", "code"))
    yield _counter(sums, "desk_telegram_updates", "Updates that were handled or given up", ("status",))
    yield _counter(sums, "desk_telegram_messages", "Messages that were sent or given up", ("status",))
    yield _imbalance(sums)


def _counter(sums: Sums, name: str, says: str, labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(name, says, labels=labels)
    for key, one in sums.of(name).items():
        family.add_metric(key, one.number)
    return family


def _histogram(sums: Sums, name: str, says: str, *, bounds: tuple[str, ...], labels: Sequence[str] = ()) -> Metric:
    family = HistogramMetricFamily(name, says, labels=labels)
    for key, one in sums.histograms(name, bounds, labels=len(labels)).items():
        family.add_metric(key, one.buckets, float(one.total))
    return family


def _imbalance(sums: Sums) -> Metric:
    """All entries together, and by kind what the kept balances say beside the entries. All of it is zero."""
    family = GaugeMetricFamily("desk_ledger_imbalance_usdt", "What the books are off by; zero", labels=["account_type"])
    entries = sums.of("desk_ledger")
    family.add_metric([ALL], _usdt(sum(one.amount for one in entries.values())))
    cached: dict[str, Decimal] = {}
    rows = Balance.objects.filter(account__asset_id=USDT.code).values_list("account__kind", "account__normal", "posted")
    for kind, normal, posted in rows:
        cached[kind] = cached.get(kind, Decimal(0)) + (posted if normal == "D" else -posted)
    for kind, amount in sorted(cached.items()):
        booked = entries.get((kind, "P"))
        family.add_metric([kind], _usdt(amount - (booked.amount if booked else 0)))
    return family


def _usdt(minor: int | Decimal) -> float:
    return float(Money.from_minor(minor, USDT).amount)
