"""The console's page of the desk's own health: what runs, what waits, what was looked after. Queries are fixed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from procrastinate.contrib.django.models import ProcrastinateJob

from alerting import letters, queries
from alerting.models import InboundUpdate, OutboundMessage
from settlement import on_chain
from trading.lib import clock, http
from trading.metrics.running import QUEUES, stalled_jobs
from users import audit
from users.access import console
from users.models import TelegramLink
from users.queries.log import BACKUP_MADE, DRILL_PASSED, last_verification, latest_of

GOOD, DOUBTFUL, BAD, OFF = "ok", "warn", "bad", "off"
PROGRAMS = ("worker", "bot")
CHAIN_OLD, MAIL_OLD, VERIFIED_OLD, BACKUP_OLD, DRILL_OLD = (
    timedelta(minutes=10),
    timedelta(minutes=10),
    timedelta(hours=26),
    timedelta(hours=26),
    timedelta(days=8),
)
DATABASE = """
    select current_setting('server_version'), pg_size_pretty(pg_database_size(current_database())),
        (select count(*) from pg_stat_activity where datname = current_database()),
        current_setting('max_connections')::int,
        (select min(xact_start) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid())
"""
LONGEST_TRANSACTION = timedelta(minutes=1)
CROWDED_PERCENT = 80


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is well, doubtful, bad or off; `at` is when it was last so, `value` what there is to say."""

    name: str
    state: str
    value: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that belong together."""

    key: str
    title: str
    lines: list[Line]


@require_safe
@console("console.view")
def system(request: HttpRequest) -> HttpResponse:
    """Everything at once, afresh every fifteen seconds."""
    now = clock.now()
    parts = [
        Part("programs", _("Programs"), list(_programs(now))),
        Part("jobs", _("Jobs"), list(_jobs())),
        Part("database", _("Database"), list(_database(now))),
        Part("chains", _("Chains"), list(_chains(now))),
        Part("messages", _("Messages"), list(_messages(now))),
        Part("care", _("Evidence and backups"), list(_care(now))),
    ]
    version = http.fingerprint(parts, now=now)
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "trading/system.html#live" if http.is_poll(request) else "trading/system.html"
    context = {
        "room": "system",
        "parts": parts,
        "version_runs": settings.VERSION,
        "revision_runs": settings.REVISION,
        "poll_url": http.poll_url(request, version),
    }
    return render(request, template, context)


def _programs(now: datetime) -> Iterator[Line]:
    beats = queries.heartbeats()
    names = {"worker": _("Worker"), "bot": _("Bot")}
    for program in PROGRAMS:
        at = beats.get(program)
        if program == "bot" and not settings.TELEGRAM_BOT_TOKEN:
            yield Line(names[program], OFF, _("no token is set"))
        else:
            is_well = at is not None and now - at < queries.SILENT_AFTER
            yield Line(names[program], GOOD if is_well else BAD, "" if at else _("never heard"), at)


def _jobs() -> Iterator[Line]:
    rows = ProcrastinateJob.objects.values_list("queue_name", "status").annotate(number=Count("pk")).order_by()
    counts = {(queue, status): number for queue, status, number in rows}
    stalled = stalled_jobs()
    for queue in QUEUES:
        waiting, doing, failed = (counts.get((queue, status), 0) for status in ("todo", "doing", "failed"))
        words = [
            ngettext("%(n)s waits", "%(n)s wait", waiting) % {"n": waiting},
            ngettext("%(n)s runs", "%(n)s run", doing) % {"n": doing},
        ]
        if failed:
            words.append(ngettext("%(n)s failed", "%(n)s failed", failed) % {"n": failed})
        if lost := stalled.get(queue, 0):
            words.append(ngettext("%(n)s stalled", "%(n)s stalled", lost) % {"n": lost})
        yield Line(queue, BAD if lost else DOUBTFUL if failed else GOOD, ", ".join(words))


def _database(now: datetime) -> Iterator[Line]:
    with connection.cursor() as cursor:
        cursor.execute(DATABASE)
        version, size, used, most, begun = cursor.fetchone()
    yield Line("PostgreSQL", GOOD, f"{version.split()[0]}, {size}")
    crowded = used * 100 > most * CROWDED_PERCENT
    yield Line(
        _("Connections"), DOUBTFUL if crowded else GOOD, _("%(used)s of %(most)s") % {"used": used, "most": most}
    )
    is_old = begun is not None and now - begun > LONGEST_TRANSACTION
    yield Line(_("Oldest transaction"), DOUBTFUL if is_old else GOOD, "" if begun else _("none"), begun)


def _chains(now: datetime) -> Iterator[Line]:
    for row in on_chain.wallets():
        at = row.compared_at
        is_late = at is None or now - at > CHAIN_OLD
        words = _("block %(height)s") % {"height": row.seen["height"]} if at else _("never heard")
        if row.wallet.paused_at:
            words += ", " + _("wallet paused")
        state = BAD if is_late else DOUBTFUL if row.wallet.paused_at else GOOD
        yield Line(f"{row.wallet.name} · {row.wallet.chain}", state, words, at)


def _messages(now: datetime) -> Iterator[Line]:
    is_mail = Q(method=OutboundMessage.Method.MAIL)
    heard = InboundUpdate.objects.filter(status=InboundUpdate.Status.WAITING).count()
    waiting = OutboundMessage.objects.filter(status__in=queries.UNSETTLED).aggregate(
        said=Count("pk", filter=~is_mail),
        mails=Count("pk", filter=is_mail),
        oldest_mail=Min("created_at", filter=is_mail),
    )
    closed = TelegramLink.objects.filter(ended_at=None).exclude(unreachable_at=None).count()
    words = [
        ngettext("%(n)s update waits", "%(n)s updates wait", heard) % {"n": heard},
        ngettext("%(n)s message waits", "%(n)s messages wait", waiting["said"]) % {"n": waiting["said"]},
    ]
    yield Line("Telegram", GOOD if settings.TELEGRAM_BOT_TOKEN else OFF, ", ".join(words))
    yield Line(_("Chats that take nothing"), DOUBTFUL if closed else GOOD, str(closed))
    if letters.is_on():
        is_late = waiting["oldest_mail"] is not None and now - waiting["oldest_mail"] > MAIL_OLD
        mails = ngettext("%(n)s letter waits", "%(n)s letters wait", waiting["mails"]) % {"n": waiting["mails"]}
        yield Line(_("E-mail"), DOUBTFUL if is_late else GOOD, mails, queries.last_mailed_at())
    else:
        yield Line(_("E-mail"), OFF, _("no mail server is set"))


def _care(now: datetime) -> Iterator[Line]:
    last = last_verification()
    unsealed = audit.count_unsealed()
    if last is None:
        yield Line(_("Evidence verified"), DOUBTFUL, _("never"))
    else:
        findings = last.after["number_of_findings"]
        state = BAD if findings else DOUBTFUL if now - last.at > VERIFIED_OLD else GOOD
        found = ngettext("%(n)s finding", "%(n)s findings", findings) % {"n": findings} if findings else ""
        yield Line(_("Evidence verified"), state, found, last.at)
    yield Line(_("Events not sealed yet"), GOOD, str(unsealed))
    done = latest_of([BACKUP_MADE, DRILL_PASSED])
    for name, event, longest in ((_("Backup"), BACKUP_MADE, BACKUP_OLD), (_("Restore drill"), DRILL_PASSED, DRILL_OLD)):
        at = done.get(event)
        is_late = at is None or now - at > longest
        yield Line(name, DOUBTFUL if is_late else GOOD, "" if at else _("never"), at)
