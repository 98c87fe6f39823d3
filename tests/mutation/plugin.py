"""
Do the tests notice? `pytest -p tests.mutation.plugin --mutate FILE TESTS`, or `make mutation M=FILE`.

The tests run once as they are, and which of them ran which line is noted. Then, for each mutant, a fork of this process
gives the function its changed code and runs the tests that ran the changed line, quickest first, until one fails.
"""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from django.db import connections

from tests import remembered
from trading.env import BASE_DIR

TOOL = BASE_DIR / ".tools" / "mutation" / "bin" / "python"
LIST = BASE_DIR / "tests" / "mutation" / "mutants.py"
MONITOR = sys.monitoring.PROFILER_ID
POLL_SECONDS = 0.01
LONGEST_SECONDS = 120  # for one mutant; what takes longer is noticed, too: a loop that does not end
ON_BUILT_DESKS = 20  # so many of the tests are run once more on desks that are built anew
CONTEXT = 40  # characters
ROOM = 100  # labels for the desks of one fork
KILLED, SURVIVED, TIMED_OUT, NO_TEST = "killed", "survived", "timed out", "no test"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say which file is changed, and of how many mutants a sample is taken."""
    parser.addoption("--mutate", type=Path, required=True, metavar="FILE")
    parser.addoption("--mutants", type=int, default=0, metavar="N", help="an even sample; all of them without it")
    parser.addoption("--at", default="", metavar="LINE,…", help="those of these lines: what survived, once more")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Instead of running the tests: run them on each mutant."""
    path: Path = session.config.getoption("--mutate")
    mutants = chosen(listed(path), session.config.getoption("--at"), session.config.getoption("--mutants"))
    functions = dict(functions_of(import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))))
    runs = Runs(session)
    runs.watch([function.__code__ for function in functions.values()])
    name = mutants[0]["function"]
    control = {"first": 1, "last": sys.maxsize, "source": path.read_text()}
    if (outcome := runs.try_on(control, functions[name], path)) != SURVIVED:
        raise pytest.UsageError(f"with the code as it is a fork's tests end with: {outcome}")
    outcomes: Counter[str] = Counter()
    for mutant in mutants:
        outcome = runs.try_on(mutant, functions[mutant["function"]], path)
        outcomes[outcome] += 1
        if outcome not in {KILLED, TIMED_OUT}:
            said(session, f"{path}:{mutant['first']} {outcome}: {change(mutant['before'], mutant['after'])}")
    figures = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    said(session, f"{path}: {len(mutants)} mutants: {figures}")
    return True


def listed(path: Path) -> list[dict[str, Any]]:
    """The mutants of the file."""
    lines = subprocess.run([TOOL, LIST, path], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def chosen(mutants: list[dict[str, Any]], at: str, most: int) -> list[dict[str, Any]]:
    """Those that begin on one of these lines (all without any); of them an even sample, where they are too many."""
    places = {int(line) for line in at.split(",") if line}
    found = [mutant for mutant in mutants if not places or mutant["first"] in places]
    return found[:: max(1, -(-len(found) // most))] if most else found


def change(before: str, after: str) -> str:
    """What differs between the two, with a little of what stands before it."""
    same = alike(before, after)
    at_end = alike(before[same:][::-1], after[same:][::-1])
    known = before[max(0, same - CONTEXT) : same]
    return f"…{known}[{before[same : len(before) - at_end]} -> {after[same : len(after) - at_end]}]"


def alike(one: str, other: str) -> int:
    """So many characters at their beginning are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def functions_of(owner: Any, path: str = "") -> Iterator[tuple[str, FunctionType]]:
    """The functions and methods defined in a module or a class, without what is wrapped around them, by their names."""
    module = owner.__name__ if inspect.ismodule(owner) else owner.__module__
    for name, member in vars(owner).items():
        held = getattr(member, "__func__", None) or getattr(member, "fget", None) or getattr(member, "func", member)
        found = inspect.unwrap(held) if callable(held) else held
        if getattr(found, "__module__", None) != module:
            continue
        if inspect.isclass(found) and found.__name__ == name:
            yield from functions_of(found, f"{path}{name}.")
        elif isinstance(found, FunctionType) and found.__name__ == name:
            yield f"{path}{name}", found


def code_of(source: str, path: Path, function: FunctionType) -> CodeType | None:
    """The code of the function in a changed source; none where it does not compile."""
    try:
        code = compile(source, str(BASE_DIR / path), "exec", dont_inherit=True)
    except SyntaxError:
        return None
    return next(one for one in nested(code) if one.co_qualname == function.__qualname__)


def nested(code: CodeType) -> Iterator[CodeType]:
    """The code and all that is defined within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def said(session: pytest.Session, line: str) -> None:
    """Write one line of the report."""
    session.config.pluginmanager.getplugin("terminalreporter").write_line(line)


@dataclass
class Runs:
    """The tests of this session, how long each takes and which lines it runs."""

    session: pytest.Session
    seconds: dict[pytest.Item, float] = field(default_factory=dict)
    lines: dict[pytest.Item, set[int]] = field(default_factory=lambda: defaultdict(set))

    def watch(self, codes: list[CodeType]) -> None:
        """
        Run each test once, noting the lines of these codes.

        :raises pytest.UsageError: one fails as it is.
        """
        sys.monitoring.use_tool_id(MONITOR, "mutation")
        for code in (part for whole in codes for part in nested(whole)):
            sys.monitoring.set_local_events(MONITOR, code, sys.monitoring.events.LINE)
        for item in self.session.items:
            ran = self.lines[item]
            sys.monitoring.register_callback(
                MONITOR, sys.monitoring.events.LINE, lambda _code, line, ran=ran: ran.add(line)
            )
            began = time.monotonic()
            if not self.passes(item):
                raise pytest.UsageError(f"{item.nodeid} fails on the code as it is")
            self.seconds[item] = time.monotonic() - began
        sys.monitoring.free_tool_id(MONITOR)

    def passes(self, item: pytest.Item) -> bool:
        """Run one test; nothing but the session's fixtures outlives it."""
        nothing_more: Any = self.session
        return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=nothing_more))

    def try_on(self, mutant: dict[str, Any], function: FunctionType, path: Path) -> str:
        """What the tests that ran the changed lines say to it."""
        of_function = {line for code in nested(function.__code__) for *_, line in code.co_lines() if line}
        of_line = [
            item for item, ran in self.lines.items() if any(mutant["first"] <= line <= mutant["last"] for line in ran)
        ]
        tests = of_line or [item for item, ran in self.lines.items() if ran & of_function]
        if not tests:
            return NO_TEST
        code = code_of(mutant["source"], path, function)
        if code is None:
            return KILLED
        connections.close_all()
        if child := os.fork():
            return self.awaited(child, tests[0])
        function.__code__ = code
        os._exit(0 if self.all_pass(tests) else 1)

    def all_pass(self, tests: list[pytest.Item]) -> bool:
        """Whether none of them fails, nor any on a desk that the changed code has built."""
        by_time = sorted(self.session.items, key=self.seconds.__getitem__)
        if not all(self.passes(item) for item in by_time if item in tests):
            return False
        remembered._desks.clear()
        remembered._labels = count(os.getpid() * ROOM)  # those of other forks lie in the same tables
        return all(self.passes(item) for item in {*by_time[:ON_BUILT_DESKS], *tests[:ON_BUILT_DESKS]})

    def awaited(self, child: int, sweeper: pytest.Item) -> str:
        """The outcome of a fork; one that takes too long is ended, and any test sweeps up after it."""
        until = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < until:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return SURVIVED if status == 0 else KILLED
            time.sleep(POLL_SECONDS)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self.passes(sweeper)
        return TIMED_OUT
