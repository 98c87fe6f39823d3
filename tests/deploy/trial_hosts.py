"""
Webs and workers on several hosts, one PostgreSQL behind PgBouncer (`make test-hosts`).

No part of the gate: it needs root, packages, and minutes. The hosts are network namespaces; the database's host runs
PostgreSQL, Debian's PgBouncer by the file of docs/examples, and whoever asks. How fast it is, is printed and logged,
and is no pass or fail. That nothing is lost or doubled is, also when a host is cut off in the middle of its work.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.models import Max

from settlement.models import Settlement, Transfer
from tests import factories, jobs
from tests.crash.running import environment, wait_for
from tests.deploy import network, pool
from tests.deploy.desk_hosts import THREADS, WEB, WEB_PORT, WORKER, Site, processor_seconds
from tests.performance.stress_settlement import PAYING_JOBS, Desk, Run, load, spread, tell, who
from tests.probes import sql
from tests.settlement import chain
from tests.settlement.books import assert_books_are_right
from tests.users.keys import collected
from trading.lib import clock

PATIENCE = 300.0
BACKLOG = int(os.environ.get("HOSTS_BACKLOG", "60"))  # trades; fewer only to see that the run itself works
ANSWER_SECONDS = 5.0  # then whoever asks turns to another web, with the same key
AWAY_SECONDS = 3.0  # and leaves the silent one alone for so long
CUT_SECONDS, LOAD_SECONDS, LOAD_RATE = 30, 80, 240
TAKEN_OVER_WITHIN = 60.0  # the promise is 20 s; the machine may have much else to do
LOG = Path(settings.BASE_DIR) / ".local" / "log" / "hosts.log"
POOL_PORT = 6432
HOLD = "update procrastinate_jobs set scheduled_at = now() + interval '1 day' where status = 'todo'"
DUE = """
select count(*) from procrastinate_jobs
where status = 'doing' or status = 'todo' and (scheduled_at is null or scheduled_at <= now())
"""
LIVING = "select coalesce(array_agg(id), '{}') from procrastinate_workers where last_heartbeat > now() - interval '9 s'"
DOING = "select coalesce(array_agg(id), '{}') from procrastinate_jobs where status = 'doing' and worker_id = any(%s)"
PAYING = """
select count(*) from procrastinate_jobs
where status = 'doing' and worker_id = any(%s) and task_name = any(%s)
"""
IN_USE = "select count(*) from pg_stat_activity where usename = current_user and datname = current_database()"
# What a clock asks for every minute may give up when somebody holds what it needs: the next one does the same.
LOST = """
select count(*) from procrastinate_jobs
where status = 'doing' or status = 'failed' and not jsonb_exists(args, 'timestamp')
"""
OUR_LOCK = 77
HOLDS_STILL = """
select exists (
    select from pg_locks where pid = %s
    and (locktype = 'advisory' and objid = %s or locktype = 'relation' and relation = 'settlement_wallet'::regclass)
)
"""
POSTMASTER = "select pg_backend_pid()"
SO_FAR = """
select pg_current_wal_lsn() - '0/0'::pg_lsn, (select last_value from procrastinate_jobs_id_seq),
    (select xact_commit from pg_stat_database where datname = current_database()), pg_database_size(current_database())
"""


@dataclass
class Clients(Desk):
    """Whoever asks: by turns at every web, and again at another, with the same key, when one does not answer."""

    browser: httpx.Client
    webs: list[str]
    everything_on_chain: bool | None = None  # by turns
    accepted: list[str] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)
    put_off: Counter[int] = field(default_factory=Counter)
    away: dict[str, float] = field(default_factory=dict)
    longest: float = 0.0

    def __post_init__(self) -> None:
        """Know the webs."""
        self._next = cycle(self.webs)

    def trade(self, run: Run, due: float, *, on_chain: bool) -> dict[str, Any]:
        """Ask, quote and accept; what was accepted is kept."""
        chosen = on_chain if self.everything_on_chain is None else self.everything_on_chain
        fill = super().trade(run, due, on_chain=chosen)
        self.accepted.append(fill["settlement"])
        return fill

    def send(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        """Until some web answers. `busy` and what went wrong inside are asked again, as the description says."""
        began = time.monotonic()
        while True:
            web = self._web()
            try:
                answer = self.browser.post(f"{web}/api/{path}", json=body, headers=headers)
            except httpx.TransportError:
                self.unanswered[web] += 1
                self.away[web] = time.monotonic() + AWAY_SECONDS
            else:
                if answer.status_code < 500:
                    self.longest = max(self.longest, time.monotonic() - began)
                    return answer
                self.put_off[answer.status_code] += 1
                time.sleep(0.5)
            assert time.monotonic() - began < PATIENCE, f"nobody answers {path}"

    def _web(self) -> str:
        for _ in self.webs:
            web = next(self._next)
            if self.away.get(web, 0.0) < time.monotonic():
                break
        return web


@pytest.fixture
def log() -> Iterator[IO[str]]:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a") as file:
        tell(file, at=clock.now(), cores=os.cpu_count(), load=os.getloadavg(), backlog=BACKLOG)
        yield file


@pytest.fixture
def site(db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two hosts on a switch, and the pool in front of the database, which listens for nobody else."""
    with network.switch(), network.hosts("desk-1", "desk-2") as hosts:
        server, listen = environment()["DATABASE_URL"], (network.OURS, POOL_PORT)
        with pool.running(tmp_path_factory.mktemp("pgbouncer"), server, listen=listen, changes={}) as made:
            site = Site(hosts, made)
            try:
                yield site
            finally:
                site.kill()


@pytest.fixture
def clients(site: Site) -> Iterator[Clients]:
    """A market in which the flag is on, two programs that trade, and a web on each host that answers."""
    market = factories.market()
    tara, leo = (collected(user, scopes=scopes)[1] for user, scopes in who(market))
    jobs.clear()
    site.start_webs()
    webs = [f"http://{host.address}:{WEB_PORT}" for host in site.hosts]
    with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False, limits=httpx.Limits(max_connections=100)) as browser:
        made = Clients(url="", market=market, tara=tara, leo=leo, browser=browser, webs=webs)
        wait_for(lambda: all(reaches_database(web) for web in webs), seconds=PATIENCE)
        yield made


def reaches_database(web: str) -> bool:
    try:
        faults = httpx.get(f"{web}/health/ready", trust_env=False, timeout=ANSWER_SECONDS).json()["faults"]
    except httpx.TransportError:
        return False
    return "database" not in faults


def living() -> set[int]:
    return set(sql(LIVING))


def start_workers(site: Site, *, listens: list[bool], hosts: list[network.Host]) -> set[int]:
    """Spread over the hosts; back when all work."""
    before = living()
    for each, host in zip(listens, cycle(hosts), strict=False):
        site.start_worker(host, listens=each)
    wait_for(lambda: len(living() - before) == len(listens), seconds=PATIENCE)
    return living() - before


def accept_backlog(clients: Clients, mode: str) -> Run:
    """As fast as they are taken, and held back from every worker."""
    run = load(clients, mode, rate=BACKLOG * 3 * 60, duration=1)
    sql(HOLD)
    return run


def postmaster() -> int:
    """The first process of the server: the one that started this session's."""
    return int(Path(f"/proc/{sql(POSTMASTER)}/stat").read_text().rpartition(")")[2].split()[1])


@dataclass
class Meter:
    """What was done and taken in a while: by the server's own counters, and by the processors' time of each program."""

    owner: Any
    site: Site
    most_connections: int = 0

    @contextmanager
    def running(self) -> Iterator[dict[str, float]]:
        """Fill in the figures at the end of the block."""
        figures: dict[str, float] = {}
        before, done = self._read(), Event()
        watcher = Thread(target=self._watch, args=(done,))
        watcher.start()
        try:
            yield figures
        finally:
            done.set()
            watcher.join()
        figures |= {name: value - before[name] for name, value in self._read().items()}

    def _read(self) -> dict[str, float]:
        self.owner.execute(SO_FAR)
        wal, job, commits, size = self.owner.fetchone()
        return {
            "seconds": time.monotonic(),
            "wal_bytes": float(wal),
            "jobs": float(job),
            "commits": float(commits),
            "database_bytes": float(size),
            "web_cpu": self.site.taken(WEB),
            "worker_cpu": self.site.taken(WORKER),
            "postgres_cpu": processor_seconds(postmaster()),
            "pgbouncer_cpu": processor_seconds(self.site.pool.pid),
        }

    def _watch(self, done: Event) -> None:
        while not done.wait(0.2):
            self.most_connections = max(self.most_connections, sql(IN_USE) - 2)  # without the test's own
        connections.close_all()


def of_each(figures: dict[str, float], trades: int) -> dict[str, float]:
    """For one trade: kB, processor milliseconds, numbers."""
    told = {f"{name}_ms": round(figures[f"{name}_cpu"] / trades * 1000, 1) for name in ("web", "worker", "postgres")}
    told |= {"pgbouncer_ms": round(figures["pgbouncer_cpu"] / trades * 1000, 1)}
    told |= {f"{name}_kb": round(figures[f"{name}_bytes"] / trades / 1000, 1) for name in ("wal", "database")}
    return told | {name: round(figures[name] / trades, 1) for name in ("commits", "jobs")}


@pytest.mark.parametrize("on_chain", [False, True], ids=["to-the-balance", "on-chain"])
def test_how_fast_one_two_and_four_workers_settle(
    site: Site, clients: Clients, owner: Any, log: IO[str], *, on_chain: bool
) -> None:
    clients.everything_on_chain = on_chain
    plans = [(1, False), (2, False), (4, False), (4, True)]
    for number, listens in plans:
        last = Settlement.objects.aggregate(last=Max("pk"))["last"] or 0
        mine = Settlement.objects.filter(pk__gt=last)
        accepting = Meter(owner, site)
        with accepting.running() as accepted:
            run = accept_backlog(clients, "accepting")
        start_workers(site, listens=[listens] * number, hosts=site.hosts)
        waiting, working = sql("select count(*) from procrastinate_jobs"), Meter(owner, site)
        released = clock.now()
        with working.running() as worked:
            jobs.hurry()
            wait_for(lambda mine=mine: mine.filter(status="settled").count() == BACKLOG, seconds=PATIENCE)  # type: ignore[misc]
            wait_for(lambda: sql(DUE) == 0, seconds=PATIENCE)
        settled_in = (mine.aggregate(last=Max("settled_at"))["last"] - released).total_seconds()
        site.end(WORKER)

        tell(
            log, workers=number, listens=listens, on_chain=on_chain, settled_per_s=round(BACKLOG / settled_in, 1),
            jobs_per_s=round((waiting + worked["jobs"]) / worked["seconds"], 1), drained_s=round(worked["seconds"], 1),
            server_connections=working.most_connections, of_each=of_each(worked, BACKLOG), load=os.getloadavg(),
        )  # fmt: skip
        tell(
            log, webs=len(site.hosts), accepting_per_minute=round(run.per_minute), of_each=of_each(accepted, BACKLOG),
            server_connections=accepting.most_connections, answers=dict(run.answers),
        )  # fmt: skip
    nothing_lost_or_doubled(clients)
    assert len(clients.accepted) == BACKLOG * len(plans)


def nothing_lost_or_doubled(clients: Clients) -> None:
    """Every trade that a client was told of is settled once, and no other; books, chain, evidence and jobs agree."""
    settled = Settlement.objects.filter(status="settled")
    assert Counter(settled.values_list("ref", flat=True)) == Counter(clients.accepted)
    assert Settlement.objects.count() == settled.count(), "what nobody was told of was not traded"
    paid = settled.filter(destination__isnull=False).count()
    assert Transfer.objects.filter(status="final").count() == Transfer.objects.count() == paid
    assert chain.payments().count() == paid, "each once"
    assert_books_are_right()
    assert sql(LOST) == 0
    call_command("reconcile")
    call_command("audit_verify")


def middle_of_paying(host: network.Host, workers: set[int]) -> set[int]:
    """Cut the host off while its workers pay; the jobs they were in the middle of."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        wait_for(lambda: sql(PAYING, list(workers), PAYING_JOBS) > 0, seconds=PATIENCE)
        host.cut_off()
        time.sleep(0.3)  # what was on its way has arrived
        if sql(PAYING, list(workers), PAYING_JOBS) > 0:
            return set(sql(DOING, list(workers)))
        host.let_back()
    pytest.fail("its workers were never caught in the middle")


def when(since: float, **conditions: Callable[[], bool]) -> dict[str, float]:
    """Wait until all are so; the seconds that each took since then."""
    told: dict[str, float] = {}

    def all_are_so() -> bool:
        for name, condition in conditions.items():
            if name not in told and condition():
                told[name] = round(time.monotonic() - since, 1)
        return len(told) == len(conditions)

    wait_for(all_are_so, seconds=TAKEN_OVER_WITHIN)
    return told


def cut_off(site: Site, clients: Clients, victims: set[int]) -> dict[str, object]:
    """Cut the first host off in the middle, for a while, and let it back; what became free when."""
    cut = site.hosts[0]
    session = site.hold(cut, "session", f"select pg_advisory_lock({OUR_LOCK})", site.pool.sessions)
    wallet = f"select id from settlement_wallet where id = {clients.market.wallet.pk} for update"  # noqa: S608 - a number
    row = site.hold(cut, "row", wallet, site.pool.transactions)
    caught = middle_of_paying(cut, victims)
    at, settled = time.monotonic(), Settlement.objects.filter(status="settled").count()
    told: dict[str, object] = {"in_the_middle": len(caught)}
    told |= when(
        at,
        row_free_after_s=lambda: not sql(HOLDS_STILL, row, OUR_LOCK),
        session_lock_free_after_s=lambda: not sql(HOLDS_STILL, session, OUR_LOCK),
        jobs_taken_over_after_s=lambda: not caught & set(sql(DOING, list(victims))),
        workers_ended_after_s=lambda: all(one.started_again for one in site.of(WORKER) if one.host is cut),
    )
    time.sleep(max(0.0, at + CUT_SECONDS - time.monotonic()))
    told["settled_while_cut"] = Settlement.objects.filter(status="settled").count() - settled

    known = living()
    cut.let_back()
    told |= when(
        time.monotonic(),
        web_back_after_s=lambda: reaches_database(clients.webs[0]),
        workers_back_after_s=lambda: len(living() - known) == 2,
    )
    with ThreadPoolExecutor(2 * THREADS) as all_at_once:
        assert all(all_at_once.map(reaches_database, [clients.webs[0]] * 2 * THREADS)), "no thread hangs"
    return told


def test_a_host_is_cut_off_in_the_middle_of_its_work(site: Site, clients: Clients, log: IO[str]) -> None:
    accept_backlog(clients, "before")
    victims, _others = (start_workers(site, listens=[True, False], hosts=[host]) for host in site.hosts)

    with site.keeping_up(), ThreadPoolExecutor(1) as asking:
        jobs.hurry()
        trading = asking.submit(load, clients, "during", rate=LOAD_RATE, duration=LOAD_SECONDS)
        told = cut_off(site, clients, victims)
        run = trading.result()
        wait_for(lambda: not Settlement.objects.filter(status__in=["approved", "paying"]).exists(), seconds=PATIENCE)
        wait_for(lambda: sql(DUE) == 0, seconds=PATIENCE)
    site.end(WORKER)

    told |= {f"{kind}_ms": spread([1000 * one for one in run.seconds[kind]]) for kind in run.seconds}
    told |= {"unanswered": sum(clients.unanswered.values()), "put_off": dict(clients.put_off)}
    longest = round(clients.longest, 1)
    tell(log, **told, longest_answer_s=longest, trades=len(clients.accepted), load=os.getloadavg())
    assert clients.unanswered[clients.webs[0]] > 0, "the host was cut off while its web was asked"
    assert int(str(told["settled_while_cut"])) > 0, "the others went on"
    nothing_lost_or_doubled(clients)
