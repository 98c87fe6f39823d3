"""`/health`: whether the desk is well, in a few lines, for the desk's own people."""

from datetime import datetime

from procrastinate.contrib.django.models import ProcrastinateJob

from alerting import queries as alerting_queries
from alerting.models import OutboundMessage
from rfq import cards, references
from rfq.queries import market
from settlement import queries as settlement_queries
from settlement.queries import STUCK
from trading.lib import clock
from trading.lib.chat import BotUpdate, Reply, message
from trading.lib.money import USDT
from users import capabilities
from users.models import User

PROGRAMS = ("worker", "bot")


def health(_update: BotUpdate, actor: User) -> Reply:
    """Say how the desk is. Nine queries; that they are answered says that the database is there."""
    capabilities.require(actor, "console.view")
    voice = cards.Voice(actor, clock.now())
    flag, counts = settlement_queries.flag(), settlement_queries.counts(reader=actor)
    context = {
        "programs": _programs(voice.now),
        "jobs": ProcrastinateJob.objects.filter(status="todo", scheduled_at=None).count(),
        "failed": ProcrastinateJob.objects.filter(status="failed").count(),
        "messages": OutboundMessage.objects.filter(status__in=alerting_queries.UNSETTLED).count(),
        "flag_on": flag.is_on and flag.is_allowed,
        "open": counts.of(list(counts.by_status)),
        "stuck": counts.of(STUCK),
        "wallets": _wallets(voice),
        "pairs": _pairs(voice.now),
        "desk_paused": market.desk().paused_at is not None,
    }
    return Reply(text=message("telegram/health.html", context))


def _programs(now: datetime) -> list[dict[str, object]]:
    beats = alerting_queries.heartbeats()
    return [_program(name, beats.get(name), now) for name in PROGRAMS]


def _program(name: str, at: datetime | None, now: datetime) -> dict[str, object]:
    age = now - at if at else None
    seconds = None if age is None else max(0, int(age.total_seconds()))
    return {"name": name, "seconds": seconds, "is_well": age is not None and age < alerting_queries.SILENT_AFTER}


def _wallets(voice: cards.Voice) -> list[dict[str, object]]:
    return [
        {
            "name": row.wallet.name,
            "free": voice.amount(row.free, USDT.code),
            "is_low": row.is_low,
            "is_paused": row.wallet.paused_at is not None,
        }
        for row in settlement_queries.wallets()
    ]


def _pairs(now: datetime) -> list[dict[str, object]]:
    return [
        {
            "code": one.pair.code,
            "is_good": one.is_good,
            "why": one.why,
            "age": one.age,
            "is_paused": not one.pair.is_enabled,
        }
        for one in references.standings(now=now)
    ]
