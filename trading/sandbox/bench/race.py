"""One run: ours, psycopg and pgbench after one another on one database, and what their figures say about each other."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, LiteralString

import psycopg

from trading.sandbox.bench import pace, script
from trading.sandbox.bench.parties import BEST, PRICES
from trading.sandbox.ground import Ground
from trading.sandbox.localenv import LOCAL, ROOT

type Json = dict[str, Any]

HOME, CLUSTER_HOME = LOCAL / "bench", LOCAL / "postgres-bench"
MILLISECONDS = 1000
BLUR = 0.5
PATIENCE = 120.0  # beyond what was asked for: to start, and to come to an end
OWN = "\\set own random(1, 1000000000000000)\n"
# What one lifecycle adds to each table; what stands there briefly (jobs' events) counts, too.
ROWS: LiteralString = """
select relname, n_tup_ins from pg_stat_user_tables
where relname ~ '^(rfq|settlement|users|procrastinate|alerting)_' order by relname
"""


class OtherWrites(Exception):
    """Two of the racers did not write the same rows for one lifecycle: what they took says nothing about each other."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many processes trade beside each other, and for how many seconds each of the three runs."""

    processes: int = 2
    seconds: float = 10.0


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
            ours = self._together([("trading.sandbox.bench.ours", str(n)) for n in range(self._plan.processes)])
            plain = self._together([("trading.sandbox.bench.plain", str(file)) for file in files])
            bare = self._pgbench(prepared["values"])
        _same_writes(ours, plain)
        return {
            "plan": {"processes": self._plan.processes, "seconds": self._plan.seconds},
            "ours": ours,
            "psycopg": plain,
            "pgbench": bare,
            "said": prepared["said"],
            "ratio_to_psycopg": round(ours["per_second"] / plain["per_second"], 3),
            "ratio_to_pgbench": round(ours["per_second"] / bare["per_second"], 3),
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
        return _summed(told, before, self._rows())

    @staticmethod
    def _say_go(racer: subprocess.Popen[str]) -> None:
        if racer.stdin is not None:
            racer.stdin.write("go\n")
            racer.stdin.flush()

    def _rows(self) -> dict[str, int]:
        """How many rows were ever added to each table, as the server's statistics have them."""
        with psycopg.connect(self._ground.environment["DATABASE_OWNER_URL"], autocommit=True) as session:
            session.execute("select pg_stat_force_next_flush()")
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
    rounds = sum(one["lifecycles"] for one in told)
    steps: dict[str, list[float]] = {}
    for one in told:
        for name, took in one["steps"].items():
            steps.setdefault(name, []).extend(took)
    return {
        "per_second": round(sum(one["lifecycles"] / one["seconds"] for one in told), 1),
        "cpu_ms_per_lifecycle": round(sum(one["cpu_seconds"] for one in told) / rounds * MILLISECONDS, 2),
        "steps_ms": {name: _spread(took) for name, took in steps.items()},
        "rows": {name: round((after[name] - before.get(name, 0)) / rounds, 1) for name in after},
    }


def _spread(took: list[float]) -> dict[str, float]:
    cuts = quantiles(took, n=100)
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}


def _same_writes(ours: Json, plain: Json) -> None:
    """Both added the same rows to the same tables; a lifecycle cut off at the end may blur the first decimal."""
    other = {
        name: (ours["rows"][name], plain["rows"][name])
        for name in ours["rows"]
        if abs(ours["rows"][name] - plain["rows"][name]) > BLUR
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
