import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from trading.sandbox import processes
from trading.sandbox.supervise import Program, State, Supervisor, configuration

pytestmark = pytest.mark.processes
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
PROGRAMS = (Program(name="first", command=SLEEP, priority=1), Program(name="second", command=SLEEP))


@pytest.fixture
def supervisor(workplace: Path) -> Iterator[Supervisor]:
    made = Supervisor(workplace / "run", workplace / "log", PROGRAMS)
    yield made
    made.stop()


def start(supervisor: Supervisor) -> dict[str, State]:
    supervisor.end_leftovers()
    supervisor.start(os.environ)
    supervisor.launch("first", "second")
    return until(supervisor, lambda states: all(one.state == "RUNNING" for one in states.values()))


def until(supervisor: Supervisor, wanted: Callable[[dict[str, State]], bool]) -> dict[str, State]:
    limit = time.monotonic() + 10
    while not wanted(states := {one.name: one for one in supervisor.states()}):
        assert time.monotonic() < limit, states
        time.sleep(0.05)
    return states


def test_configuration_keeps_secrets_out_and_percent_signs_whole(workplace: Path) -> None:
    program = Program(name="odd", command=("/bin/echo", "100%"))
    supervisor = Supervisor(workplace / "run", workplace / "log", [program])

    parsed = RawConfigParser()
    parsed.read_string(configuration(supervisor))

    assert '"100%%"' in parsed["program:odd"]["command"]
    assert parsed["program:odd"]["autorestart"] == "true"
    assert not any("environment" in parsed[section] for section in parsed)


def test_what_dies_is_started_again(supervisor: Supervisor) -> None:
    before = start(supervisor)

    os.kill(before["second"].pid, signal.SIGKILL)

    after = until(supervisor, lambda now: now["second"].pid not in {0, before["second"].pid})
    assert after["first"].pid == before["first"].pid


def test_what_says_that_nothing_would_be_different_is_left_alone_and_other_ends_are_not(workplace: Path) -> None:
    lives, script = workplace / "lives", workplace / "script.py"
    script.write_text(
        f"import pathlib, sys, time\n"
        f"lives = pathlib.Path({str(lives)!r})\n"
        f"lives.open('a').write('x')\n"
        f"time.sleep(1.5)\n"
        f"sys.exit(78 if lives.stat().st_size > 1 else 1)\n"
    )
    program = Program(name="first", command=(sys.executable, str(script)), final_exit=78)
    supervisor = Supervisor(workplace / "run", workplace / "log", [program])
    try:
        supervisor.end_leftovers()
        supervisor.start(os.environ)
        supervisor.launch("first")
        until(supervisor, lambda states: states["first"].state == "EXITED" and lives.read_text() == "xx")
        time.sleep(1.5)
        assert supervisor.states()[0].state == "EXITED"
    finally:
        supervisor.stop()
    assert lives.read_text() == "xx"


def test_stop_leaves_no_process(supervisor: Supervisor) -> None:
    states = start(supervisor)

    supervisor.stop()

    assert not any(processes.alive(one.pid) for one in states.values())


def test_killed_supervisor_leaves_nothing_that_blocks_the_next_start(supervisor: Supervisor) -> None:
    before = start(supervisor)
    os.kill(supervisor.pid, signal.SIGKILL)

    supervisor.stop()
    after = start(supervisor)

    assert not any(processes.alive(one.pid) for one in before.values())
    assert {one.state for one in after.values()} == {"RUNNING"}


def test_left_program_is_ended_only_while_its_number_is_still_its_own(workplace: Path) -> None:
    ours, stranger = (subprocess.Popen(SLEEP) for _ in range(2))
    (workplace / "ours.pid").write_text(f"{ours.pid}\n{' '.join(SLEEP)}\n")
    (workplace / "stranger.pid").write_text(f"{stranger.pid}\n/usr/bin/another program\n")

    try:
        while not all(processes.command_line(one.pid) for one in (ours, stranger)):
            time.sleep(0.01)  # a program just started has no command line for a moment
        assert processes.end_leftovers(workplace) == ["ours"]
        assert ours.wait(1) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        for process in (ours, stranger):
            process.kill()
            process.wait()
    assert list(workplace.iterdir()) == []
