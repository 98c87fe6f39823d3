"""One machine to deploy to: the real commands of `deploy/`, a Docker that is played, a folder of its own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from trading.sandbox.localenv import ROOT

DEPLOY = ROOT / "deploy"
STUB = Path(__file__).parent / "stub"
SERVICES = ("web-1", "web-2", "signer", "worker", "bot")
PATIENCE = 60


@dataclass
class Yard:
    """The machine, and what happened on it."""

    home: Path

    def __post_init__(self) -> None:
        for name in ("behaviour", "image", "images", "looks", "restarts", "stopped"):
            (self.stub / name).mkdir(parents=True, exist_ok=True)
        (self.home / "desk.env").write_text("DESK_HOST=desk.example\nDESK_TLS=internal\n")

    @property
    def stub(self) -> Path:
        return self.home / "docker"

    @property
    def state(self) -> Path:
        return self.home / "state"

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{STUB}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "STUB": str(self.stub),
            "DESK_STATE": str(self.state),
            "DESK_SETTINGS": str(self.home / "desk.env"),
            "DESK_BACKUPS": str(self.home / "backups"),
            "DESK_PAUSE": "0",
            "DESK_ATTEMPTS": "6",
            "DESK_IN_ROW": "2",
        }

    def image(self, version: str, **behaviour: str | int) -> str:
        """An image of that version that behaves so."""
        name = f"desk:{version}"
        text = "".join(f"{key}={value}\n" for key, value in behaviour.items())
        for known in (name, pinned(version)):
            (self.stub / "behaviour" / known.replace(":", "_").replace("/", "_").replace("@", "_")).write_text(text)
        return name

    def start(self, *command: str, **variables: str) -> "subprocess.Popen[str]":
        """Begin a command of `deploy/`, in a process group of its own."""
        return subprocess.Popen(
            [DEPLOY / command[0], *command[1:]],
            env=self.environment() | variables, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str, **variables: str) -> tuple[int, str]:
        """Its exit status, and what it said."""
        process = self.start(*command, **variables)
        said, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    def deploy(self, version: str, **behaviour: str | int) -> tuple[int, str]:
        return self.run("deploy", self.image(version, **behaviour), version)

    def running(self) -> set[str]:
        """The versions whose images the desk's services run."""
        places = [self.stub / "image" / service for service in SERVICES]
        stopped = {path.name for path in (self.stub / "stopped").iterdir()}
        return {
            place.read_text().strip().rpartition(":")[2]
            for place in places
            if place.exists() and place.name not in stopped
        }

    def named(self, mark: str) -> str:
        """The version that `current`, `previous` or `switching` points at; "" when nothing does."""
        place = self.state / mark
        return place.resolve().name.partition("-")[2] if place.exists() else ""

    def events(self) -> list[tuple[str, str]]:
        """What is kept of releases: the event, and of which version."""
        lines = (self.state / "releases.jsonl").read_text().splitlines()
        return [(one["event"], one["release"].partition("-")[2]) for one in map(json.loads, lines)]

    def calls(self) -> list[str]:
        """What Docker was asked for, without the options that are always the same."""
        lines = (self.stub / "calls").read_text().splitlines()
        return [line.partition("compose.yaml ")[2] or line for line in lines]

    def log(self, version: str, stage: str) -> str:
        (folder,) = self.state.glob(f"releases/*-{version}")
        return (folder / f"{stage}.log").read_text()


def pinned(version: str) -> str:
    """What the registry calls the image of that version."""
    return f"registry.example/desk@sha256:desk:{version}"
