"""
`deploy/deploy` and `deploy/rollback` on a real Docker engine, guarded as `deploy/compose.yaml` says.

`make test-deploy` runs it. The images are a toy of a few programs of this machine: what is tried is the
commands, Compose and the engine.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.running import wait_for
from tests.deploy import engine
from tests.deploy.engine import docker

PATIENCE = 300


@dataclass
class Machine:
    """An installation on the real engine."""

    place: Path
    packed: bytes

    def start(self, command: str, *arguments: str) -> "subprocess.Popen[str]":
        variables = {"DESK_WAIT": "30", "DESK_ATTEMPTS": "5", "DESK_PAUSE": "1", "DESK_IN_ROW": "2"}
        return subprocess.Popen(
            [self.place / command, *arguments], env=os.environ | variables, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        process = self.start(command, *arguments)
        said, _ = process.communicate(timeout=PATIENCE)
        print(said)  # noqa: T201 - a trial shows what it does
        return process.returncode, said

    def image(self, version: str, **behaviour: str) -> tuple[str, str]:
        return engine.toy(self.packed, f"toy:{version}", **{"VERSION": version, **behaviour}), version

    def deploy(self, version: str, **behaviour: str) -> int:
        return self.run("deploy", *self.image(version, **behaviour))[0]

    def running(self) -> set[str]:
        """The images of the desk's containers that run."""
        told = docker("ps", "--format", '{{.Label "com.docker.compose.service"}} {{.Image}}')
        pairs = [line.split() for line in told.splitlines()]
        return {image for service, image in pairs if re.fullmatch(r"web-\d|signer|worker|bot", service)}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    packed = engine.root_file_system(engine.PROGRAMS)
    engine.toy(packed, "toy:around", VERSION="0")
    made = Machine(engine.lay_out(tmp_path_factory.mktemp("machine")), packed)
    yield made
    containers = docker("ps", "--all", "--quiet").split()
    if containers:
        docker("rm", "--force", *containers)


def test_what_happens_to_a_desk_on_a_real_engine(machine: Machine) -> None:
    assert machine.deploy("0.9", DOWN="web") == 2
    assert machine.running() == set()
    assert machine.deploy("1.0") == 0
    assert machine.running() == {"toy:1.0"}
    assert machine.deploy("1.1") == 0
    assert machine.running() == {"toy:1.1"}

    for bad in ({"LOOP": "web"}, {"DOWN": "alive"}, {"VERSION": "1.1"}):
        assert machine.deploy("1.2", **bad) == 1, bad
        assert machine.running() == {"toy:1.1"}
    assert machine.deploy("1.2", FAIL="--no-input") == 3

    _killed_on_the_way(machine)
    assert machine.deploy("1.4") == 0
    assert machine.running() == {"toy:1.4"}
    assert machine.run("rollback")[0] == 0
    assert machine.running() == {"toy:1.1"}


def _killed_on_the_way(machine: Machine) -> None:
    process = machine.start("deploy", *machine.image("1.3"))
    wait_for(lambda: "toy:1.3" in machine.running())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert (machine.place / "state/switching").exists()


def test_containers_are_guarded_as_the_file_says(machine: Machine) -> None:
    for line in docker("ps", "--format", "{{.ID}}").split():
        told = docker(
            "inspect", "--format",
            "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.HostConfig.Memory}} "
            "{{.HostConfig.PidsLimit}}",
            line,
        )  # fmt: skip
        assert re.fullmatch(r"true \[ALL\] \[no-new-privileges:true\] [1-9]\d+ [1-9]\d+\n", told), told
