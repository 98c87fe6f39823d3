"""
The stress run (`make stress`): 600 requests a minute over HTTP with the flag off, then on, workers and all.

Not a part of the gate: it measures, and what it measures depends on the machine. It fails where the desk loses,
repeats or forgets something, does not keep up with the rate, or takes longer than two minutes.
"""

import json
import os
import platform
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import IO, Any

import httpx
import pytest
from django.conf import settings
from django.db import connections
from django.db.models import F

from settlement.models import Entry, Settlement, Transfer
from tests import factories, jobs
from tests.api.parties import LP_SCOPES, TRADER_SCOPES
from tests.crash.running import process, program, wait_for
from tests.factories import Market, unique
from tests.settlement import chain
from tests.settlement.books import books
from tests.users.keys import collected

RATE = int(os.environ.get("STRESS_RATE", "600"))  # requests a minute; fewer only to see that the run itself works
MODE_SECONDS = 30
REQUESTS_A_TRADE = 3  # ask, quote, accept
WHOLE_RUN_SECONDS = 120
SENDERS = 12
LOG = Path(settings.BASE_DIR) / ".local" / "log" / "stress.log"
PAYING_JOBS = ["settlement.pay", "settlement.send", "settlement.broadcast", "settlement.track"]
LIMITS = {"API_RATE_CALLER": "100000", "API_RATE_ADDRESS": "100000"}  # one client makes all the noise


@dataclass
class Run:
    """What happened in one mode: each request's seconds by kind, its answer, and the longest queue of payments."""

    mode: str
    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0
    late: float = 0.0
    queued: int = 0

    def note(self, kind: str, answer: httpx.Response, took: float) -> dict[str, Any]:
        self.seconds.setdefault(kind, []).append(took)
        self.answers[answer.status_code] += 1
        answer.raise_for_status()
        return answer.json()  # type: ignore[no-any-return]

    @property
    def per_minute(self) -> float:
        return sum(self.answers.values()) / (self.ended - self.began) * 60

    def figures(self) -> dict[str, object]:
        """For the log: milliseconds."""
        told: dict[str, object] = {
            "mode": self.mode,
            "requests": sum(self.answers.values()),
            "answers": dict(self.answers),
            "requests_per_minute": round(self.per_minute),
            "latest_start_ms": round(self.late * 1000),
            "payments_queued_at_most": self.queued,
        }
        return told | {f"{kind}_ms": self.spread(kind) for kind in self.seconds}

    def spread(self, kind: str) -> dict[str, int]:
        """Of one kind of request, in milliseconds."""
        return spread([one * 1000 for one in self.seconds[kind]])


def spread(values: list[float]) -> dict[str, int]:
    """Median, 95 and 99 of 100, and the most."""
    cuts = quantiles(values, n=100)
    return {"p50": round(cuts[49]), "p95": round(cuts[94]), "p99": round(cuts[98]), "max": round(max(values))}


@dataclass
class Desk:
    """The desk behind HTTP, and the two programs that trade on it."""

    url: str
    market: Market
    tara: str
    leo: str

    def trade(self, run: Run, due: float, *, on_chain: bool) -> dict[str, Any]:
        """Ask, quote and accept, beginning when it is due; what the accept was answered."""
        time.sleep(max(0.0, due - time.monotonic()))
        run.late = max(run.late, time.monotonic() - due)
        own = unique("stress")
        asked = {"pair": "USDT/EUR", "side": "buy", "amount": "100.00", "unit": "EUR", "client_rfq_id": own}
        asked["destination"] = self.market.address.ref if on_chain else "balance"
        rfq = self.post(run, "ask", "rfqs", self.tara, asked)["ref"]
        quote = self.post(run, "quote", f"rfqs/{rfq}/quotes", self.leo, {"price": "0.9200"})["quote"]
        return self.post(run, "accept", f"quotes/{quote}/acceptance", self.tara, None)

    def post(self, run: Run, kind: str, path: str, token: str, body: object) -> dict[str, Any]:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": unique("stress-key")}
        answer = self.send(path, body, headers)
        return run.note(kind, answer, time.monotonic() - began)

    def send(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        """One request, and its answer."""
        return BROWSER.post(f"{self.url}/api/{path}", json=body, headers=headers)


BROWSER = httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_connections=SENDERS))


@pytest.fixture
def log() -> Iterator[IO[str]]:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w") as file:
        yield file


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    market = factories.market(flag_on=False)
    tara, leo = (collected(user, scopes=scopes)[1] for user, scopes in who(market))
    jobs.clear()
    port = free_port()
    web = ("-m", "gunicorn", "trading.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket")
    with ExitStack() as running:
        running.enter_context(
            program(sys.executable, *web, "--workers", "2", "--worker-class", "gthread", "--threads", "4", **LIMITS)
        )
        running.enter_context(process("worker"))
        desk = Desk(f"http://127.0.0.1:{port}", market, tara, leo)
        wait_for(lambda: answers(desk))
        yield desk


def who(market: Market) -> tuple[tuple[Any, list[str]], ...]:
    return (market.tara, TRADER_SCOPES), (market.leo, LP_SCOPES)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(desk: Desk) -> bool:
    """The web answers, and the worker has been heard."""
    try:
        faults = BROWSER.get(f"{desk.url}/health/ready").json()["faults"]
    except httpx.TransportError:
        return False
    return "worker" not in faults


@contextmanager
def watching_the_queue(run: Run) -> Iterator[None]:
    """How many jobs that pay wait or run, looked at five times a second."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            run.queued = max(run.queued, payments())
        connections.close_all()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def payments() -> int:
    return len(jobs.names(task_name__in=PAYING_JOBS))


def load(desk: Desk, mode: str, *, rate: int = RATE, duration: int = MODE_SECONDS) -> Run:
    """The rate, a minute, for so many seconds, whatever the answers take: each trade begins when it is due."""
    run, trades = Run(mode), rate * duration // 60 // REQUESTS_A_TRADE
    every = duration / trades
    with watching_the_queue(run), ThreadPoolExecutor(SENDERS) as senders:
        run.began = time.monotonic()
        acts = [
            senders.submit(partial(desk.trade, run, run.began + number * every, on_chain=number % 2 == 0))
            for number in range(trades)
        ]
        for act in acts:
            act.result()
        run.ended = max(time.monotonic(), run.began + duration)
    return run


def tell(log: IO[str], **facts: object) -> None:
    line = json.dumps(facts, default=str)
    print(line)  # noqa: T201 - the run is watched
    print(line, file=log, flush=True)


def test_six_hundred_requests_a_minute_with_the_flag_off_and_on(desk: Desk, log: IO[str]) -> None:
    whole = time.monotonic()
    tell(log, python=platform.python_version(), cores=os.cpu_count(), load=os.getloadavg(), rate=RATE)

    off = load(desk, "off")
    tell(log, **off.figures())
    trades = RATE * MODE_SECONDS // 60 // REQUESTS_A_TRADE
    flagged = ("flagged_off", "auto_settlement_off")
    assert Counter(Settlement.objects.values_list("status", "reason")) == {flagged: trades}
    assert off.queued == 0, "with the flag off the queue of payments does not grow"

    factories.turn_flag_on()
    on = load(desk, "on")
    wait_for(lambda: Settlement.objects.filter(status="settled").count() == trades)
    drained = time.monotonic() - on.ended
    waits = [
        took.total_seconds()
        for took in Settlement.objects.filter(status="settled").values_list(
            F("settled_at") - F("created_at"), flat=True
        )
    ]
    tell(log, **on.figures(), settle_ms=spread([one * 1000 for one in waits]), drained_after_s=round(drained, 1))
    tell(log, whole_run_s=round(time.monotonic() - whole, 1), load=os.getloadavg())

    states = Counter(Settlement.objects.values_list("status", "reason"))
    assert states == {flagged: trades, ("settled", "delivered"): trades}, "what was flagged off has not moved"
    paid = Transfer.objects.filter(status="final").count()
    assert paid == chain.payments().count() == trades // 2, "each once"
    assert sum(books().values()) == 0
    assert not Entry.objects.filter(amount=0).exists()
    assert set(off.answers) | set(on.answers) <= {200, 201}
    for run in (off, on):
        assert run.per_minute >= RATE * 0.98, run.figures()
    assert time.monotonic() - whole <= WHOLE_RUN_SECONDS
