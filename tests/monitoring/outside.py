"""
A real Prometheus and a real Alertmanager on loopback ports, for a trial, with the files of `deploy/`.

The files are the production ones, read and made impatient: shorter intervals and waiting times, and every receiver is a
webhook of ours, which keeps what it is told. Nothing of the rules is written here a second time.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from trading.sandbox import localenv
from trading.sandbox.localenv import ROOT

DEPLOY = ROOT / "deploy"
PROMETHEUS, ALERTMANAGER = "prometheus", "prometheus-alertmanager"
SCRAPE, EVALUATE, PENDING = "3s", "1s", "1s"
SILENT_SECONDS = 25  # instead of the sixty that the rules say: the bot is heard every ten seconds at most
SAYS_SILENT = {"WorkerSilent", "BotSilent"}
IMPATIENT = {"group_wait": "1s", "group_interval": "2s", "repeat_interval": "1h"}
END_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert as a receiver was told of it."""

    receiver: str
    alert: str
    status: str
    labels: Mapping[str, str]
    summary: str


def is_there() -> bool:
    """Whether both programs are installed."""
    return all(shutil.which(name) for name in (PROMETHEUS, ALERTMANAGER))


class Monitoring:
    """Prometheus, Alertmanager and the webhook, in a folder of their own."""

    def __init__(self, home: Path, *, web: str, token: str) -> None:
        """Plan to watch the web at this host and port, with its token for metrics."""
        self.home = home
        self._web, self._token = web, token
        self.notices: list[Notice] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start all three."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.prometheus_port, self._alertmanager_port = localenv.free_port(), localenv.free_port()
        try:
            webhook = self._listen()
            self._write(f"http://127.0.0.1:{webhook}")
            self._run(
                ALERTMANAGER,
                f"--config.file={self.home / 'alertmanager/alertmanager.yml'}",
                f"--storage.path={self.home / 'alerts'}",
                f"--web.listen-address=127.0.0.1:{self._alertmanager_port}",
                "--cluster.listen-address=",
            )
            self._run(
                PROMETHEUS,
                f"--config.file={self.home / 'prometheus/prometheus.yml'}",
                f"--storage.tsdb.path={self.home / 'series'}",
                f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
            )
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all three."""
        self._stack.close()

    # What became known

    def heard(self, alert: str, *, by: str, status: str = "firing") -> bool:
        """Whether a receiver was told so."""
        return any((one.alert, one.receiver, one.status) == (alert, by, status) for one in self.notices)

    def asked(self, expression: str) -> list[float]:
        """What Prometheus answers to an expression now; nothing while it starts."""
        found = self._get(self.prometheus_port, f"/api/v1/query?query={httpx.QueryParams({'q': expression})['q']}")
        return [float(one["value"][1]) for one in found["data"]["result"]] if found else []

    def held_back(self) -> dict[str, list[str]]:
        """The alerts that Alertmanager knows and tells nobody of, with those that inhibit them."""
        known = {one["fingerprint"]: one for one in self._get(self._alertmanager_port, "/api/v2/alerts") or ()}
        return {
            one["labels"]["alertname"]: sorted(
                known[by]["labels"]["alertname"] for by in one["status"]["inhibitedBy"] if by in known
            )
            for one in known.values()
            if one["status"]["inhibitedBy"]
        }

    def _get(self, port: int, path: str) -> Any:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10)
        except httpx.TransportError:
            return None
        return answer.json() if answer.is_success else None

    # Starting

    def _run(self, program: str, *arguments: str) -> None:
        log = self._stack.enter_context((self.home / f"{program}.log").open("wb"))
        process = subprocess.Popen([program, *arguments], cwd=self.home, stdout=log, stderr=log)
        self._stack.callback(_end, process)

    def _listen(self) -> int:
        notices = self.notices

        class Webhook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                notices.extend(_notices(told))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Nothing: what came is kept in `notices`."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        return server.server_port

    def _write(self, webhook: str) -> None:
        shutil.copytree(DEPLOY / "prometheus", self.home / "prometheus")
        shutil.copytree(DEPLOY / "alertmanager", self.home / "alertmanager")
        prometheus, alertmanager = self.home / "prometheus", self.home / "alertmanager"
        (prometheus / "secrets/metrics_token").write_text(self._token)
        targets = {"desk": [self._web], "alertmanager": [f"127.0.0.1:{self._alertmanager_port}"]}
        for path in (prometheus / "targets").glob("*.yml"):
            path.write_text(yaml.safe_dump([{"targets": targets.get(path.stem, [])}]))
        _change(prometheus / "prometheus.yml", self._impatient_scrapes)
        for path in (prometheus / "rules").glob("*.yml"):
            _change(path, impatient_rules)
        _change(alertmanager / "alertmanager.yml", lambda given: impatient_routes(given, webhook))

    def _impatient_scrapes(self, given: dict[str, Any]) -> dict[str, Any]:
        given["global"] = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": EVALUATE}
        for job in given["scrape_configs"]:
            if job["job_name"] == "prometheus":
                job["static_configs"] = [{"targets": [f"127.0.0.1:{self.prometheus_port}"]}]
        return given


def impatient_rules(given: dict[str, Any]) -> dict[str, Any]:
    """The same rules with hardly any waiting."""
    for rule in (rule for group in given["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = PENDING
        if rule.get("alert") in SAYS_SILENT:
            sooner = rule["expr"].replace("> 60", f"> {SILENT_SECONDS}")
            assert sooner != rule["expr"], f"{rule['alert']} says otherwise when somebody is silent"
            rule["expr"] = sooner
    return given


def impatient_routes(given: dict[str, Any], webhook: str) -> dict[str, Any]:
    """The same routes with hardly any waiting, every receiver being a webhook that is named like it."""
    for route in (given["route"], *given["route"]["routes"]):
        route.update({name: text for name, text in IMPATIENT.items() if name in route})
    given["receivers"] = [
        {"name": one["name"], "webhook_configs": [{"url": f"{webhook}/", "send_resolved": True}]}
        for one in given["receivers"]
    ]
    del given["global"]
    return given


def _change(path: Path, how: Any) -> None:
    path.write_text(yaml.safe_dump(how(yaml.safe_load(path.read_text())), sort_keys=False))


def _notices(told: Mapping[str, Any]) -> Iterator[Notice]:
    for one in told["alerts"]:
        labels = one["labels"]
        yield Notice(told["receiver"], labels["alertname"], one["status"], labels, one["annotations"]["summary"])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
