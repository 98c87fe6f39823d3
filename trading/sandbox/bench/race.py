"""One run: ours, psycopg and pgbench after one another on one database, and what their figures say about each other."""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any, LiteralString

import psycopg

from trading.sandbox.bench import pace, script
from trading.sandbox.bench.parties import BEST, PRICES
from trading.sandbox.ground import Ground
from trading.sandbox.localenv import LOCAL, ROOT

type Json = dict[str, Any]

HOME, CLUSTER_HOME = LOCAL / "bench", LOCAL / "postgres-bench"
MILLISECONDS = 1000
BLUR = 0.9
PATIENCE = 120.0  # beyond what was asked for: to start, and to come to an end
OWN = "\\set own random(1, 1000000000000000)\n"
# What one lifecycle adds to each table; what stands there briefly (jobs' events) counts, too.
ROWS: LiteralString = """
select relname, n_tup_ins from pg_stat_user_tables
where relname ~ '^(rfq|settlement|users|procrastinate|alerting)_' order by relname
"""
OTHERS: LiteralString = """
select pid from pg_stat_activity
where backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()
"""


class OtherWrites(Exception):
    """Two of the racers did not write the same rows for one lifecycle: what they took says nothing about each other."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many processes trade beside each other, in how many turns, and for how many seconds each of the three."""

    processes: int = 2
    turns: int = 3
    seconds: float = 5.0


@contextmanager
def ground() -> Iterator[Ground]:
    """The bench's own database; kept for the next run."""
    made = Ground(HOME, CLUSTER_HOME)
    try:
        made.open({})
        yield made
    finally:
        made.close()


class Race:
    """Three racers on one database."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        """Nothing runs yet."""
        self._ground = ground
        self._plan = plan
        self._steps = script.whole(len(PRICES), BEST)

    def run(self) -> Json:
        """
        All three, in turn.

        :raises OtherWrites: they did not do the same work.
        """
        prepared = json.loads(self._command("trading.sandbox.bench.prepare", str(self._plan.processes)))
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / f"{number}.json" for number in range(self._plan.processes)]
            for file, values in zip(files, prepared["values"], strict=True):
                file.write_text(json.dumps({"values": values, "steps": self._steps}))
            turns = [self._turn(files, prepared["values"]) for _ in range(self._plan.turns)]
        ours, plain = (_added([turn[name] for turn in turns]) for name in ("ours", "psycopg"))
        _same_writes(ours, plain)
        bare = {"per_second": round(mean(turn["pgbench"]["per_second"] for turn in turns), 1)}
        return {
            "plan": asdict(self._plan),
            "ours": ours,
            "psycopg": plain,
            "pgbench": bare,
            "said": prepared["said"],
            "ratio_to_psycopg": round(median(_ratio(turn, "psycopg") for turn in turns), 3),
            "ratio_to_pgbench": round(median(_ratio(turn, "pgbench") for turn in turns), 3),
        }

    def _turn(self, files: list[Path], values: list[dict[str, str]]) -> Json:
        """Each of the three once, close together: a machine is not equally fast from one minute to the next."""
        return {
            "ours": self._together([("trading.sandbox.bench.ours", str(n)) for n in range(self._plan.processes)]),
            "psycopg": self._together([("trading.sandbox.bench.plain", str(file)) for file in files]),
            "pgbench": self._pgbench(values),
        }

    def _command(self, module: str, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, env=self._ground.environment, check=True,
            stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip

    def _together(self, commands: list[tuple[str, str]]) -> Json:
        """Processes that begin at the same moment, once all of them are warm; what they did, added up."""
        racers = [
            subprocess.Popen(
                [sys.executable, "-m", module, argument, str(self._plan.seconds)], cwd=ROOT, text=True,
                env=self._ground.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for module, argument in commands
        ]  # fmt: skip
        try:
            for racer in racers:
                if racer.stdout is None or racer.stdout.readline().strip() != pace.READY:
                    raise ChildProcessError("A racer ended before it was warm: its words stand above.")
            before = self._rows()
            for racer in racers:
                self._say_go(racer)
            told = [json.loads(racer.communicate(timeout=self._plan.seconds + PATIENCE)[0]) for racer in racers]
        finally:
            for racer in racers:
                racer.kill()
                racer.wait()
        self._await_end()
        return _summed(told, before, self._rows())

    def _await_end(self) -> None:
        """A session tells of its rows when it ends, which is a moment after its process."""
        with psycopg.connect(self._ground.environment["DATABASE_OWNER_URL"], autocommit=True) as session:
            patience = time.monotonic() + PATIENCE
            while session.execute(OTHERS).fetchall() and time.monotonic() < patience:
                time.sleep(0.01)

    @staticmethod
    def _say_go(racer: subprocess.Popen[str]) -> None:
        if racer.stdin is not None:
            racer.stdin.write("go\n")
            racer.stdin.flush()

    def _rows(self) -> dict[str, int]:
        """How many rows were ever added to each table, as those say who still trade and those who have left."""
        with psycopg.connect(self._ground.environment["DATABASE_OWNER_URL"], autocommit=True) as session:
            return dict(session.execute(ROWS).fetchall())

    def _pgbench(self, values: list[dict[str, str]]) -> Json:
        """
        The plain script by pgbench, a connection for each client's script.

        It takes one script for all its connections, so that all trade for the first client: its share of the time spent
        waiting for the client's row is what this figure understates.
        """
        defined = [part for name, text in values[0].items() for part in ("-D", f"{name}={text}")]
        said = self._ground.cluster.binaries.run(
            "pgbench", "-n", "-M", "prepared", "-c", "1", "-j", "1", "-T", str(max(1, round(self._plan.seconds))),
            "-f", "-", *defined, self._ground.environment["DATABASE_URL"], text=OWN + "".join(self._steps.values()),
        )  # fmt: skip
        found = re.search(r"tps = ([0-9.]+)", said)
        if found is None:
            raise ChildProcessError(f"pgbench said nothing of its speed: {said[-400:]}")
        return {"per_second": round(float(found[1]), 1)}


def _summed(told: list[Json], before: Mapping[str, int], after: Mapping[str, int]) -> Json:
    """What processes did beside each other."""
    steps: dict[str, list[float]] = {}
    for one in told:
        for name, took in one["steps"].items():
            steps.setdefault(name, []).extend(took)
    return {
        "per_second": sum(one["lifecycles"] / one["seconds"] for one in told),
        "lifecycles": sum(one["lifecycles"] for one in told),
        "cpu_seconds": sum(one["cpu_seconds"] for one in told),
        "steps": steps,
        "rows": {name: number - before.get(name, 0) for name, number in after.items()},
    }


def _added(turns: list[Json]) -> Json:
    """What was done in all turns, for one lifecycle each; tables that got no row are left out."""
    rounds = sum(turn["lifecycles"] for turn in turns)
    rows = {name: sum(turn["rows"][name] for turn in turns) / rounds for name in turns[0]["rows"]}
    steps = {name: [took for turn in turns for took in turn["steps"][name]] for name in turns[0]["steps"]}
    return {
        "per_second": round(mean(turn["per_second"] for turn in turns), 1),
        "cpu_ms_per_lifecycle": round(sum(turn["cpu_seconds"] for turn in turns) / rounds * MILLISECONDS, 2),
        "steps_ms": {name: _spread(took) for name, took in steps.items()},
        "rows": {name: round(number, 1) for name, number in rows.items() if number >= BLUR},
    }


def _ratio(turn: Json, other: str) -> float:
    return float(turn["ours"]["per_second"] / turn[other]["per_second"])


def _spread(took: list[float]) -> dict[str, float]:
    cuts = quantiles(took, n=100)
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}


def _same_writes(ours: Json, plain: Json) -> None:
    """Both added the same rows to the same tables; a lifecycle cut off at the end may blur the first decimal."""
    other = {
        name: (ours["rows"].get(name, 0), plain["rows"].get(name, 0))
        for name in sorted({*ours["rows"], *plain["rows"]})
        if abs(ours["rows"].get(name, 0) - plain["rows"].get(name, 0)) > BLUR
    }
    if other:
        raise OtherWrites(f"Rows per lifecycle of ours and of psycopg differ: {other}")


def table(found: Json) -> str:
    """For people."""
    ours, plain = found["ours"], found["psycopg"]
    lines = [
        f"{'':14}{'lifecycles/s':>14}{'CPU ms each':>14}",
        f"{'operations':14}{ours['per_second']:14}{ours['cpu_ms_per_lifecycle']:14}",
        f"{'psycopg':14}{plain['per_second']:14}{plain['cpu_ms_per_lifecycle']:14}",
        f"{'pgbench':14}{found['pgbench']['per_second']:14}",
        f"ratio to psycopg {found['ratio_to_psycopg']}, to pgbench {found['ratio_to_pgbench']}",
        f"{'':14}{'p50':>8}{'p95':>8}{'p99':>8}{'psycopg p50':>13}{'statements':>12}{'round trips':>13}",
    ]
    for name, took in ours["steps_ms"].items():
        said = found["said"][name]
        lines.append(
            f"{name:14}{took['p50']:8}{took['p95']:8}{took['p99']:8}{plain['steps_ms'][name]['p50']:13}"
            f"{said['statements']:12}{said['round_trips']:13}"
        )
    return "\n".join(lines)
