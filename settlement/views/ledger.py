"""The ledger's pages: accounts, one account, journals, one journal, the trial balance."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from settlement import books, trial_balance
from settlement.books import Filter, JournalFilter, Span
from settlement.models import LedgerAccount
from trading.lib import clock, http
from trading.lib.errors import NotFound
from users import access, capabilities
from users.access import console
from users.listing import listing
from users.models import User
from users.queries import approvals, events_about

HIGHEST = 2**62
LATEST_REQUESTS = 20


@listing("settlement:ledger", lazy("Ledger"), "kind", "asset", "q")
@require_safe
@console("ledger.view")
def accounts(request: HttpRequest) -> HttpResponse:
    """List the accounts of a kind, an asset or a party, with what they have."""
    kind, asset = request.GET.get("kind", ""), request.GET.get("asset", "")
    known = books.assets()
    criteria = Filter(
        kind=kind if kind in LedgerAccount.Kind.values else "",
        asset=asset if asset in known else "",
        text=request.GET.get("q", "")[:100],
        after=request.GET.get("after", "")[:64],
    )
    reader = access.actor(request)
    page = books.accounts(criteria, reader=reader)
    context = {
        **_frame(reader, "accounts"),
        "page": page,
        "criteria": criteria,
        "is_filtered": bool(criteria.kind or criteria.asset or criteria.text),
        "kinds": LedgerAccount.Kind.choices,
        "assets": known,
        "more_url": http.url_with(request, after=page.more) if page.more else "",
        "first_url": http.url_with(request, after=None) if criteria.after else "",
    }
    return render(request, "settlement/ledger/accounts.html", context)


@require_safe
@console("ledger.view")
def account(request: HttpRequest, code: str) -> HttpResponse:
    """
    Show one account: what it has, and its entries with the running balance.

    :raises NotFound: there is none, or not for this reader.
    """
    reader = access.actor(request)
    row = books.account(code, reader=reader)
    since, until = days_of(request.GET)
    before = number_of(request.GET.get("before", ""))
    shown = books.statement(row, span=span_of(since, until), before=before)
    context = {
        **_frame(reader, "accounts"),
        "account": row,
        "statement": shown,
        "since": since,
        "until": until,
        "may_export": capabilities.holds(reader, "history.export"),
        "older_url": http.url_with(request, before=str(shown.older)) if shown.older else "",
        "newest_url": http.url_with(request, before=None) if before else "",
    }
    return render(request, "settlement/ledger/account.html", context)


@listing("settlement:journals", lazy("Journals"), "kind", "q", "since", "until")
@require_safe
@console("ledger.view")
def journals(request: HttpRequest) -> HttpResponse:
    """List journals, newest first, with what each moves."""
    kind, kinds = request.GET.get("kind", ""), books.kinds_of_journals()
    since, until = days_of(request.GET)
    criteria = JournalFilter(
        kind=kind if kind in kinds else "",
        text=request.GET.get("q", "")[:100],
        span=span_of(since, until),
        before=number_of(request.GET.get("before", "")),
    )
    reader = access.actor(request)
    page = books.journals(criteria, reader=reader)
    context = {
        **_frame(reader, "journals"),
        "page": page,
        "criteria": criteria,
        "since": since,
        "until": until,
        "kinds": kinds,
        "is_filtered": bool(criteria.kind or criteria.text or criteria.span),
        "older_url": http.url_with(request, before=str(page.older)) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
    }
    return render(request, "settlement/ledger/journals.html", context)


@require_safe
@console("ledger.view")
def journal(request: HttpRequest, key: str) -> HttpResponse:
    """
    Show one journal: its entries, its sums, what it came from, who decided that.

    :raises NotFound: there is none, or not for this reader.
    """
    reader = access.actor(request)
    detail = books.journal(key, reader=reader)
    subject = detail.journal.subject
    about = Q(subject_ref=subject) | Q(ref=subject)  # an adjustment comes from the request itself
    requests = approvals.seen_by(reader).filter(about).exclude(subject_ref="").order_by("-pk")
    context = {
        **_frame(reader, "journals"),
        "detail": detail,
        "journal": detail.journal,
        "subject_url": subject_url(subject),
        "hash": bytes(detail.journal.input_hash).hex(),
        "requests": list(requests[:LATEST_REQUESTS]),
        "events": events_about([subject, detail.journal.key[:32]]),
        "sees_audit": capabilities.holds(reader, "audit.own"),
    }
    return render(request, "settlement/ledger/journal.html", context)


@require_safe
@console("ledger.view")
def balance(request: HttpRequest) -> HttpResponse:
    """
    Show what stood on which kind of account at a time, per asset; all of it together is nothing.

    :raises NotFound: the reader serves some counterparties only.
    """
    reader = access.actor(request)
    require_whole_desk(reader)
    now = clock.now()
    at = instant_of(request.GET.get("at", ""), now=now)
    context = {
        **_frame(reader, "balance"),
        "at": at,
        "typed": f"{at:%Y-%m-%dT%H:%M}",
        "exact": at.isoformat(),
        "balances": trial_balance.as_of(at, now=now),
        "may_export": capabilities.holds(reader, "history.export"),
    }
    return render(request, "settlement/ledger/trial_balance.html", context)


def require_whole_desk(reader: User) -> None:
    """
    Stop here unless the reader serves the whole desk.

    :raises NotFound: some counterparties only.
    """
    if reader.is_scoped:
        raise NotFound


def days_of(data: QueryDict) -> tuple[date | None, date | None]:
    """Read the two days from the address; one nobody can read is as good as none."""
    return _day(data.get("since", "")), _day(data.get("until", ""))


def span_of(since: date | None, until: date | None) -> Span:
    """From the beginning of the first day to the end of the last, in UTC."""
    begin = datetime.combine(since, time(), UTC) if since else None
    end = datetime.combine(until + timedelta(days=1), time(), UTC) if until and until < date.max else None
    return Span(begin, end)


def instant_of(text: str, *, now: datetime) -> datetime:
    """Read an instant, in UTC to the end of its minute or exactly; what nobody can read, or what is to come, is now."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now
    if at.year >= date.max.year:
        return now
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC) + timedelta(minutes=1, microseconds=-1)
    return min(at, now)


def number_of(text: str) -> int | None:
    """Read where a page begins; no number is as good as none."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= len(str(HIGHEST)) else None


def subject_url(subject: str) -> str:
    """Say where the page is of what a journal came from; "" when it has none."""
    kind = subject.partition("-")[0]
    if kind == "STL":
        return reverse("settlement:detail", args=[subject])
    if kind in {"DEP", "WDR", "LPP"}:
        return reverse("settlement:money-detail", args=[subject])
    return reverse("users:approval", args=[subject]) if kind == "APR" else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _frame(reader: User, current: str) -> dict[str, object]:
    """The room and its tabs; the trial balance is for those who serve the whole desk."""
    tabs = [
        ("accounts", _("Accounts"), reverse("settlement:ledger")),
        ("journals", _("Journals"), reverse("settlement:journals")),
        *([] if reader.is_scoped else [("balance", _("Trial balance"), reverse("settlement:trial-balance"))]),
    ]
    return {
        "room": "ledger",
        "tabs": [
            {"key": key, "label": label, "url": url, "current": key == current, "count": None}
            for key, label, url in tabs
        ],
    }
