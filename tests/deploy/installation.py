"""An installation of the real image on an engine without networks: every container on the machine's own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deploy import engine
from tests.deploy.engine import APPLICATION, docker
from tests.deploy.images import POSTGRES, PROXY
from tests.deploy.yard import DEPLOY
from trading.sandbox import localenv
from trading.sandbox.localenv import ROOT

NAME = "desk.example"
PLACES = ("postgres", "proxy", "alive", "plain", "web-1", "web-2", "telegram", "mail")
# The sandbox's own, for its people and their Telegram; and what Compose would let through to a production.
SANDBOX = ("SANDBOX_CONTROL_KEY", "SANDBOX_PASSWORD", "SANDBOX_TOTP_KEY")
ON_MACHINE = "127.0.0.1"
PATIENT = {"start_period": "180s", "timeout": "30s"}  # a busy machine starts a process in minutes


@dataclass
class Installation:
    """A copy of `deploy/`, its ports, and the sandbox's environment."""

    place: Path
    ports: dict[str, int]
    sandbox: dict[str, str]

    def run(self, command: str, *arguments: str) -> int:
        """The exit status of one of the commands; what it says is shown."""
        variables = {"DESK_WAIT": "240", "DESK_ATTEMPTS": "40", "DESK_PAUSE": "1", "DESK_IN_ROW": "2"}
        return subprocess.run([self.place / command, *arguments], env=os.environ | variables, check=False).returncode

    def running(self) -> set[str]:
        """The images of the desk's containers that run."""
        told = docker("ps", "--format", '{{.Label "com.docker.compose.service"}} {{.Image}}')
        pairs = [line.split() for line in told.splitlines()]
        return {image for service, image in pairs if re.fullmatch(r"web-\d|signer|worker|bot", service)}

    def sums(self) -> list[str]:
        """What the ledger holds: its entries and balances, as a backup notes them."""
        (container,) = docker("ps", "--quiet", "--filter", "label=com.docker.compose.service=postgres").split()
        command = ["exec", "--interactive", container, "psql", "-XqAt", "-U", "desk_owner", "-d", "desk"]
        told = docker(*command, input=(self.place / "sums.sql").read_text())
        return [line for line in told.splitlines() if re.match(r"rows (settlement_|rfq_fill)|entries|balances", line)]

    @contextmanager
    def people(self, home: Path) -> Iterator[None]:
        """The sandbox's Telegram, and who quotes there."""
        commands = (
            ("-m", "trading.sandbox.telegram", str(home / "telegram")),
            ("manage.py", "sandbox", "market"),
        )
        with ExitStack() as running, (home / "people.log").open("w") as log:
            for command in commands:
                process = subprocess.Popen(
                    [sys.executable, *command],
                    cwd=ROOT,
                    env=os.environ | self.sandbox,
                    stdout=log,
                    stderr=log,
                )
                running.callback(process.wait)
                running.callback(process.send_signal, signal.SIGTERM)
            yield

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """Whoever opens the console by its name."""
        with httpx.Client(base_url=f"https://{NAME}", transport=ByName(self.ports["proxy"]), timeout=60) as made:
            yield made


class ByName(httpx.HTTPTransport):
    """Leads the console's name to this machine, as a resolver does; whose certificate it is, is not looked at."""

    def __init__(self, port: int) -> None:
        super().__init__(verify=False)
        self.port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask this machine what was asked of that name."""
        place = request.url.copy_with(host=ON_MACHINE, port=self.port)
        extensions = {**request.extensions, "sni_hostname": NAME}
        sent = httpx.Request(
            request.method, place, headers=request.headers, stream=request.stream, extensions=extensions
        )
        return super().handle_request(sent)


def lay_out(home: Path) -> Installation:
    """A copy of `deploy/` for this engine, prepared."""
    place = home / "deploy"
    shutil.copytree(DEPLOY, place, ignore=shutil.ignore_patterns("secrets", "state", "backups", "desk.env"))
    ports = {name: localenv.free_port() for name in PLACES}
    given = yaml.safe_load((place / "compose.yaml").read_text())
    (place / "compose.yaml").write_text(yaml.safe_dump(on_the_machine(given, ports), sort_keys=False))
    _move_proxy(place / "Caddyfile", ports)
    subprocess.run([place / "prepare"], check=True, capture_output=True)
    sandbox = localenv.ensure(home / "sandbox.env") | _addresses(ports)
    for name in ("database_url", "database_owner_url"):
        _rewrite(place / "secrets" / name, "@postgres:5432/", f"@{ON_MACHINE}:{ports['postgres']}/")
    _rewrite(place / "secrets" / "telegram_bot_token", "", sandbox["TELEGRAM_BOT_TOKEN"])
    settings = {"DESK_HOST": NAME, "DESK_TLS": "internal", "AUTO_SETTLEMENT_ALLOWED": "true", **_addresses(ports)}
    settings |= {name: sandbox[name] for name in SANDBOX}
    (place / "desk.env").write_text("".join(f"{name}={text}\n" for name, text in settings.items()))
    return Installation(place, ports, sandbox)


def on_the_machine(given: dict[str, Any], ports: dict[str, int]) -> dict[str, Any]:
    """Put each container on the machine's network; who watches is a toy, the people are the sandbox's."""
    made = engine.without_network(given)
    services = made["services"]
    for name in ("postgres", "proxy"):
        services[name] = {
            key: part for key, part in given["services"][name].items() if key not in {"networks", "ports"}
        }
    for name in APPLICATION:
        services[name]["environment"] = {**services[name]["environment"], "DESK_ENV": "sandbox"}
        services[name]["environment"]["ALLOWED_HOSTS"] += f",{ON_MACHINE}"
        services[name]["healthcheck"] = {**given["services"][name]["healthcheck"], **PATIENT}
        if name.startswith("web-"):
            services[name]["environment"]["DESK_PORT"] = str(ports[name])
    for name in (*APPLICATION, "postgres", "proxy"):
        services[name]["network_mode"] = "host"
    _settle_postgres(services["postgres"], ports["postgres"])
    _settle_proxy(services["proxy"], ports)
    return made


def _settle_postgres(service: dict[str, Any], port: int) -> None:
    service["image"] = POSTGRES
    service["command"] = [*service["command"], "-c", f"port={port}", "-c", f"listen_addresses={ON_MACHINE}"]
    service["environment"] = {**service["environment"], "PGPORT": str(port)}
    service["healthcheck"] = {**service["healthcheck"], "test": [*service["healthcheck"]["test"], "-p", str(port)]}


def _settle_proxy(service: dict[str, Any], ports: dict[str, int]) -> None:
    service["image"] = PROXY
    webs = " ".join(f"{ON_MACHINE}:{ports[name]}" for name in ("web-1", "web-2"))
    service["environment"] = {**service["environment"], "DESK_WEBS": webs}
    asks = f"import urllib.request as r; r.urlopen('http://{ON_MACHINE}:{ports['alive']}/alive')"
    service["healthcheck"] = {**service["healthcheck"], **PATIENT, "test": ["CMD", "python", "-c", asks]}


def _move_proxy(file: Path, ports: dict[str, int]) -> None:
    _rewrite(file, "admin off", f"admin off\n\thttps_port {ports['proxy']}\n\thttp_port {ports['plain']}")
    _rewrite(file, "127.0.0.1:8081", f"{ON_MACHINE}:{ports['alive']}")


def _addresses(ports: dict[str, int]) -> dict[str, str]:
    telegram = f"http://{ON_MACHINE}:{ports['telegram']}"
    return {
        "TELEGRAM_API_URL": telegram,
        "SANDBOX_TELEGRAM_URL": telegram,
        "SANDBOX_TELEGRAM_PORT": str(ports["telegram"]),
        "SANDBOX_MAIL_PORT": str(ports["mail"]),
        "SANDBOX_MARKET_INTERVAL": "0",  # nobody trades but who is told to
        "DESK_URL": f"https://{NAME}",
    }


def _rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, old
    mode = file.stat().st_mode
    file.chmod(0o600)
    file.write_text(text.replace(old, new) if old else new)
    file.chmod(mode)
