"""
How long the console's pages take on the server, on whatever the sandbox holds: made for a desk with a long past.

Each page is asked for through the whole stack of middleware, in this process, by the first of the demo people who may
see it; the answer is thrown away. What a page costs at size is to be compared with what it costs when little is there,
in runs of the same machine.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from statistics import median, quantiles

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_otp import DEVICE_ID_SESSION_KEY

from rfq.models import Rfq
from settlement.models import Settlement
from trading.lib import clock
from users.models import Counterparty, TotpDevice, User
from users.sessions import BEGAN, SEEN

VIEWERS = ("olga", "amir", "audrey")
LISTS = (
    "dashboard",
    "rfq:list",
    "settlement:list",
    "settlement:transfers",
    "settlement:deposits",
    "settlement:withdrawals",
    "settlement:ledger",
    "settlement:journals",
    "settlement:trial-balance",
    "settlement:lp_positions",
    "settlement:wallets",
    "rfq:receipts",
    "rfq:lps",
    "rfq:exposure",
    "rfq:market",
    "rfq:rates",
    "rfq:disputes",
    "users:audit",
    "users:approvals",
    "users:counterparties",
    "alerting:alerts",
    "alerting:notifications",
    "system",
)
METRICS = "metrics"
WARM_UP, FEWEST = 3, 2


class NobodyMaySee(Exception):
    """None of the demo people gets a page; says which page, and what they got instead."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one page takes: milliseconds of the server, `sql_ms` of them waiting for the database; its statements."""

    page: str
    p50_ms: float
    p95_ms: float
    sql_ms: float
    statements: int
    kilobytes: float


def measure(times: int) -> Iterator[Cost]:
    """
    Every page, asked for so many times.

    :raises NobodyMaySee: a page that none of the demo people may see.
    """
    viewers = [_signed_in(name) for name in VIEWERS]
    for page, path in _pages():
        yield _cost(page, _viewer(viewers, path), path, times)


def _pages() -> Iterator[tuple[str, str]]:
    for name in LISTS:
        yield name, reverse(name)
    rfq = Rfq.objects.filter(status="filled").latest("pk")
    settlement = Settlement.objects.filter(trade_ref=rfq.fill.ref).get()
    client = Counterparty.objects.get(pk=rfq.counterparty_id)
    yield "one RFQ", reverse("rfq:detail", args=[rfq.ref])
    yield "one settlement", reverse("settlement:detail", args=[settlement.ref])
    yield "one counterparty", reverse("users:counterparty", args=[client.ref])
    yield "RFQs of a client", f"{reverse('rfq:list')}?q={client.name}"
    yield "RFQs, a page back", f"{reverse('rfq:list')}?before={rfq.pk - 1000}"
    yield "search for a client", f"{reverse('search')}?q={client.name[:5]}"
    yield "audit log of one", f"{reverse('users:audit')}?q={settlement.ref}"
    yield METRICS, reverse(METRICS)


def _signed_in(name: str) -> Client:
    """The browser of a demo person who gave both factors."""
    user = User.objects.get(username=name)
    browser = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
    browser.force_login(user)
    session = browser.session
    session[DEVICE_ID_SESSION_KEY] = TotpDevice.objects.get(user=user).persistent_id
    session[BEGAN] = session[SEEN] = clock.now().timestamp()
    session.save()
    return browser


def _viewer(viewers: list[Client], path: str) -> Client:
    answers = []
    for browser in viewers:
        answer = browser.get(path)
        if answer.status_code == HTTPStatus.OK:
            return browser
        answers.append(f"{answer.status_code} {answer.headers.get('Location', '')}".strip())
    raise NobodyMaySee(f"{path}: {', '.join(answers)}")


def _cost(page: str, browser: Client, path: str, times: int) -> Cost:
    for _ in range(WARM_UP):
        browser.get(path)
    took, waited, statements, size = [], [], 0, 0
    for _ in range(times):
        with _counted() as sql:
            began = time.perf_counter()
            answer = browser.get(path)
            took.append((time.perf_counter() - began) * 1000)
        size = len(answer.content)
        waited.append(sum(sql) * 1000)
        statements = len(sql)
    cuts = quantiles(took, n=20)
    return Cost(
        page, round(median(took), 1), round(cuts[18], 1), round(median(waited), 1), statements, round(size / 1024, 1)
    )


@contextmanager
def _counted() -> Iterator[list[float]]:
    """Seconds of each statement sent meanwhile."""
    seconds: list[float] = []

    def note(execute: Callable[..., object], *arguments: object) -> object:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            seconds.append(time.perf_counter() - began)

    with connection.execute_wrapper(note):
        yield seconds


def table(costs: list[Cost]) -> str:
    """For people: a row a page."""
    head = f"{'page':28}{'p50 ms':>9}{'p95 ms':>9}{'of it SQL':>11}{'statements':>12}{'KB':>8}"
    rows = (
        f"{one.page:28}{one.p50_ms:9.1f}{one.p95_ms:9.1f}{one.sql_ms:11.1f}{one.statements:12}{one.kilobytes:8.1f}"
        for one in costs
    )
    return "\n".join((head, *rows))


def as_json(costs: list[Cost]) -> dict[str, object]:
    """For programs: the size of the desk, and each page's figures."""
    return {"rfqs": Rfq.objects.count(), "pages": [asdict(one) for one in costs]}
