"""How fast the bot is: from a command to its answer on the screen, and how many updates one worker handles."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp

from trading.sandbox.people import by_username
from trading.sandbox.rig import BOT, TELEGRAM, Rig

type Json = dict[str, Any]

COMMAND = "/balance"
BURSTS = 3
BARE_PER_SECOND = 2.0
WRITERS = 8
LONG_POLL_SECONDS = 20
QUIET_SECONDS = 2.0
PATIENCE = 900.0
POLL_SECONDS = 0.2
WARM_UP_SECONDS = 12
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    chats: int = 50
    rate: float = 10.0
    seconds: float = 30.0
    updates: int = 2000


@dataclass(slots=True)
class Chat:
    """One chat: when its commands were written, and when each answer was on the screen."""

    chat_id: int
    version: int = 0
    written: list[float] = field(default_factory=list)
    shown: dict[int, float] = field(default_factory=dict)

    def waits(self, first: int) -> list[float]:
        """Seconds from each command to its answer, from the command of that number on."""
        return [shown - written for written, shown in list(zip(self.written, self.shown.values(), strict=True))[first:]]


class Bench:
    """One run on one rig with one worker."""

    def __init__(self, rig: Rig, plan: Plan) -> None:
        self._rig = rig
        self._plan = plan
        self._chats = [Chat(chat_id) for chat_id in rig.chats]
        self._watching: list[asyncio.Task[None]] = []

    async def run(self) -> Json:
        """Measure everything, in turn."""
        found: Json = {"machine": machine(), "plan": {name: getattr(self._plan, name) for name in Plan.__slots__}}
        key = {"X-Sandbox-Key": self._rig.control_key}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self._rig.telegram_url, headers=key, connector=connector) as self._http:
            self._watching = [asyncio.create_task(self._watch(chat)) for chat in self._chats]
            await self._warm_up()
            await asyncio.sleep(QUIET_SECONDS)
            with self._spent() as spent:
                found["steady"], found["bare"] = await self._steady()
            found["steady"]["cpu"] = spent
            waits = []
            for _ in range(BURSTS):
                await asyncio.sleep(QUIET_SECONDS)
                waits += await self._burst()
            found["burst"] = spread(waits)
            for task in self._watching:
                task.cancel()
            found["drain"] = await self._drain()
        return found

    async def _warm_up(self) -> None:
        """Imports, connections, templates; and what is told of the setting up, which counts for nothing."""
        await asyncio.gather(*(self._say(chat) for chat in self._chats))
        await asyncio.sleep(WARM_UP_SECONDS)
        for chat in self._chats:
            chat.written.clear()
            chat.shown.clear()

    # What is measured

    async def _steady(self) -> tuple[Json, Json]:
        """Commands at an even pace, chat by chat in turn; beside them bare calls of sendMessage."""
        count = int(self._plan.rate * self._plan.seconds)
        before = [len(chat.written) for chat in self._chats]
        ended = asyncio.Event()
        calling = asyncio.create_task(self._bare_calls(ended))
        begun, writing = time.monotonic(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / self._plan.rate - time.monotonic()))
            writing.append(asyncio.create_task(self._say(self._chats[number % len(self._chats)])))
        await asyncio.gather(*writing)
        await self._all_answered()
        ended.set()
        pairs = zip(self._chats, before, strict=True)
        return spread([wait for chat, first in pairs for wait in chat.waits(first)]), spread(await calling)

    async def _burst(self) -> list[float]:
        """One command in every chat at once."""
        before = [len(chat.written) for chat in self._chats]
        await asyncio.gather(*(self._say(chat) for chat in self._chats))
        await self._all_answered()
        return [wait for chat, first in zip(self._chats, before, strict=True) for wait in chat.waits(first)]

    async def _bare_calls(self, ended: asyncio.Event) -> list[float]:
        """How long Telegram itself takes meanwhile."""
        path = f"/bot{self._rig.token}/sendMessage"
        chat_id, waits = by_username("tara").telegram_id, []
        while not ended.is_set():
            begun = time.monotonic()
            async with self._http.post(path, json={"chat_id": chat_id, "text": "bare"}) as answer:
                await answer.read()
            waits.append(time.monotonic() - begun)
            await asyncio.sleep(1 / BARE_PER_SECOND)
        return waits

    async def _drain(self) -> Json:
        """What the bot stores while no worker runs, and what one worker then handles."""
        (worker,) = self._rig.workers
        await asyncio.to_thread(self._rig.end, worker)
        already = self._rig.count("select count(*) from alerting_inboundupdate")
        numbers = iter(range(self._plan.updates))

        async def write() -> None:
            for number in numbers:
                await self._say(self._chats[number % len(self._chats)])

        await asyncio.gather(*(write() for _ in range(WRITERS)))
        await self._until("select count(*) >= %s from alerting_inboundupdate", already + self._plan.updates)
        self._rig.start(worker)
        await self._until("select count(*) > %s from alerting_inboundupdate where status = 'handled'", already)
        with self._spent() as spent:
            await self._until(
                "select (select count(*) from alerting_inboundupdate where status = 'waiting')"
                " + (select count(*) from alerting_outboundmessage where status in ('waiting', 'sending')) <= %s", 0,
            )  # fmt: skip
        ((stored, handled, answered),) = self._rig.rows(RATES, [self._plan.updates])
        return {
            "stored_per_second": round(float(stored), 1),
            "handled_per_second": round(float(handled), 1),
            "answered_per_second": round(float(answered), 1),
            "worker_ms_per_update": round(spent[worker] * 1000 / float(answered), 1),
            "postgres_ms_per_update": round(spent["postgres"] * 1000 / float(answered), 1),
            "cpu": spent,
        }

    # How

    async def _say(self, chat: Chat) -> None:
        chat.written.append(time.monotonic())
        async with self._http.post("/control/say", json={"user_id": chat.chat_id, "text": COMMAND}) as answer:
            answer.raise_for_status()

    async def _watch(self, chat: Chat) -> None:
        """Look at a chat's screen as it changes."""
        while True:
            query = {"chat_id": chat.chat_id, "after": chat.version, "wait": LONG_POLL_SECONDS}
            async with self._http.get("/control/messages", params=query) as answer:
                changed = (await answer.json())["result"]
            now, chat.version = time.monotonic(), changed["version"]
            for message in changed["messages"]:
                if message["from"]["is_bot"]:
                    chat.shown.setdefault(message["message_id"], now)

    async def _all_answered(self) -> None:
        limit = time.monotonic() + PATIENCE
        while any(len(chat.shown) < len(chat.written) for chat in self._chats):
            if time.monotonic() > limit:
                raise TimeoutError("Some commands have no answer yet: see the logs in .local/rig.")
            await asyncio.sleep(POLL_SECONDS)

    async def _until(self, condition: Any, number: int) -> None:
        limit = time.monotonic() + PATIENCE
        while not any(row[0] for row in await asyncio.to_thread(self._rig.rows, condition, [number])):
            if time.monotonic() > limit:
                raise TimeoutError(f"Not in {PATIENCE:g} s: {condition} (see the logs in .local/rig).")
            await asyncio.sleep(POLL_SECONDS)

    @contextmanager
    def _spent(self) -> Iterator[Json]:
        """What each process uses of a processor inside, and how much of the machine others have."""
        begun = time.monotonic()
        spent: Json = {}
        before, all_before = self._used(), busy_seconds()
        yield spent
        seconds, used = time.monotonic() - begun, self._used()
        spent |= {name: round((used[name] - before[name]) / seconds, 3) for name in used}
        others = (busy_seconds() - all_before) / seconds - sum(spent.values())
        spent["others"] = round(max(0.0, others), 3)

    def _used(self) -> dict[str, float]:
        """Seconds of processor time so far."""
        used = {name: used_seconds(self._rig.pid(name)) for name in (BOT, TELEGRAM, *self._rig.workers)}
        server = self._rig.cluster.server_pid() or 0
        return {
            **used,
            "postgres": used_seconds(server, ended=True) + sum(used_seconds(pid) for pid in children(server)),
            "bench": used_seconds(os.getpid()),
        }


RATES = """
    with newest as (select * from alerting_inboundupdate order by update_id desc limit %s),
    answers as (
        select message.sent_at from alerting_outboundmessage message
        join newest on message.key = 'tg:' || newest.update_id || ':0'
    )
    select count(*) / extract(epoch from max(received_at) - min(received_at)),
        count(*) / extract(epoch from max(handled_at) - min(handled_at)),
        count(*) / extract(epoch from (select max(sent_at) from answers) - min(handled_at))
    from newest
"""


def spread(seconds: list[float]) -> Json:
    """Median, 99th percentile and longest, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {
        "count": len(seconds),
        "p50_ms": round(cuts[49] * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
        "longest_ms": round(max(seconds) * 1000, 1),
    }


def machine() -> Json:
    """Processors, and how many processes wanted one in the last minute."""
    return {"processors": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1)}


def used_seconds(pid: int, *, ended: bool = False) -> float:
    """Processor time of a process; with that of its ended children, if wanted. Nothing where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11 : 15 if ended else 13])) / TICKS


def children(pid: int) -> list[int]:
    """The processes that this one started and that still run."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def busy_seconds() -> float:
    """Processor time of the whole machine, idle and waiting for disks left out."""
    user, nice, system, _idle, _waiting, *rest = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + sum(rest)) / TICKS


def table(found: Json) -> str:
    """The figures for people."""
    lines = [f"{'':34}{'count':>8}{'p50 ms':>10}{'p99 ms':>10}{'longest':>10}"]
    names = {
        "bare": "sendMessage alone",
        "steady": "command to answer, steady",
        "burst": "command to answer, all at once",
    }
    for name, words in names.items():
        row = found[name]
        lines.append(f"{words:34}{row['count']:8}{row['p50_ms']:10}{row['p99_ms']:10}{row['longest_ms']:10}")
    drain = found["drain"]
    lines.append("")
    for name, words in (
        ("stored_per_second", "updates stored by the bot, per second"),
        ("handled_per_second", "updates handled by one worker, per second"),
        ("answered_per_second", "… with their answers sent"),
        ("worker_ms_per_update", "processor time of the worker for each, ms"),
        ("postgres_ms_per_update", "… of PostgreSQL, ms"),
    ):
        lines.append(f"{words:44}{drain[name]:8}")
    for phase in ("steady", "drain"):
        shares = ", ".join(f"{name} {share}" for name, share in found[phase]["cpu"].items())
        lines.append(f"processors used, {phase}: {shares}")
    machine = found["machine"]
    lines.append(f"{machine['processors']} processors, load {machine['load_before']} before")
    return "\n".join(lines)
