"""
Two webs of the desk behind Debian's nginx and Caddy, by the very files of docs/examples and deploy (`make test-proxy`).

No part of the gate: it needs the packages. While pages are asked for and reports sent steadily, each web in turn is
ended as a deploy ends it, and started again: nothing fails, reports included.
"""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.crash.running import wait_for
from trading.sandbox import localenv
from trading.sandbox.bench import race
from trading.sandbox.ground import Ground

ROOT = Path(settings.BASE_DIR)
NAME, ASKERS, PAUSE, TURNS, PATIENCE = "desk.example", 4, 0.02, 2, 60
FINE = {"200", "204", "429"}  # the reports are more than one address may send
ENOUGH = 100
BY_NAME = {"sni_hostname": NAME}  # as whoever asks does whose resolver knows the name
REPORT, REPORT_TYPE = b'{"csp-report": {}}', {"Content-Type": "application/csp-report"}
PATH = f"{os.environ['PATH']}:/usr/sbin"


@dataclass
class Front:
    """The proxy's port, and the webs behind it by theirs."""

    port: int
    environ: dict[str, str]
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, port: int) -> None:
        """A web as the container starts it; back when it answers."""
        command = [sys.executable, "-m", "gunicorn", "trading.wsgi", "--config", "python:trading.serving"]
        command += ["--no-control-socket", "--graceful-timeout", "30"]
        self.webs[port] = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "4"],
            cwd=ROOT, env=self.environ,
        )  # fmt: skip
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health/live", headers={"Host": NAME}).status_code < 400:
                    return
            except httpx.TransportError:
                assert time.monotonic() < limit, "the web did not come up"
                time.sleep(0.1)

    def end(self, port: int) -> None:
        """What is asked is answered, nothing new is taken."""
        web = self.webs.pop(port)
        web.send_signal(signal.SIGTERM)
        web.wait(PATIENCE)

    def end_all(self) -> None:
        """Nothing is left running."""
        for port in list(self.webs):
            self.end(port)


@pytest.fixture(params=["nginx", "caddy"])
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Front]:
    program = shutil.which(request.param, path=PATH)
    if program is None:
        pytest.fail("a proxy is not installed: apt-get install nginx-light caddy")
    port, *webs = (localenv.free_port() for _ in range(3))
    arguments, variables = {"nginx": nginx, "caddy": caddy}[request.param](tmp_path, port, webs)
    with race.ground() as ground, ExitStack() as running:
        made = Front(port, _as_behind(ground))
        running.callback(made.end_all)
        for web in webs:
            made.start(web)
        proxy = running.enter_context(subprocess.Popen([program, *arguments], env=os.environ | variables))
        running.callback(proxy.terminate)
        wait_for(lambda: not localenv.is_free(port))
        yield made


def certified(home: Path) -> tuple[Path, Path]:
    """A certificate for the desk's name, and its key."""
    certificate, key = home / "desk.pem", home / "desk.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command += [*named, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def changed(text: str, **changes: str) -> str:
    """The file with other places in it; each of them must be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(home: Path, port: int, webs: list[int]) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of an nginx by the example."""
    certificate, key = certified(home)
    places = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "127.0.0.1:9101": f"127.0.0.1:{webs[0]}",
        "127.0.0.1:9102": f"127.0.0.1:{webs[1]}",
        "/etc/nginx/desk.pem": str(certificate),
        "/etc/nginx/desk.key": str(key),
    }
    text = changed((ROOT / "docs" / "examples" / "nginx.conf").read_text(), **places)
    paths = "".join(f"{name}_temp_path {home}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = home / "nginx.conf"
    whole.write_text(
        f"daemon off; pid {home}/pid; error_log {home}/error.log; events {{}} http {{ access_log off; {paths} {text} }}"
    )
    return ["-c", str(whole), "-p", str(home)], {}


def caddy(home: Path, port: int, webs: list[int]) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of a Caddy by the file that is deployed."""
    certificate, key = certified(home)
    ports = f"https_port {port}\n\thttp_port {localenv.free_port()}\n\tauto_https disable_redirects"
    places = {
        "admin off": f"admin off\n\t{ports}",
        "http://127.0.0.1:8081": f"http://127.0.0.1:{localenv.free_port()}",
        "\tlog\n": "",
    }
    whole = home / "Caddyfile"
    whole.write_text(changed((ROOT / "deploy" / "Caddyfile").read_text(), **places))
    variables = {
        "DESK_HOST": NAME,
        "DESK_TLS": f"{certificate} {key}",
        "DESK_WEBS": " ".join(f"127.0.0.1:{web}" for web in webs),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
    }
    return ["run", "--adapter", "caddyfile", "--config", str(whole)], variables


def _as_behind(ground: Ground) -> dict[str, str]:
    behind = {
        "BEHIND_PROXY": "true",
        "TRUSTED_PROXIES": "1",
        "DESK_URL": f"https://{NAME}",
        "ALLOWED_HOSTS": f"{NAME},127.0.0.1",
        "LOG_LEVEL": "ERROR",
    }
    return ground.environment | behind


@contextmanager
def client(front: Front) -> Iterator[httpx.Client]:
    """Whoever asks: by name and certificate, at this machine's port."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    base = f"https://127.0.0.1:{front.port}"
    with httpx.Client(base_url=base, verify=context, headers={"Host": NAME}, trust_env=False, timeout=30) as made:
        yield made


def asking(front: Front, found: Counter[str], stop: threading.Event) -> None:
    """Pages and forms, steadily; what came of each."""
    with client(front) as asker:
        while not stop.is_set():
            for method, path in (("GET", "/sign-in/"), ("POST", "/csp-report/"), ("POST", "/csp-report/")):
                try:
                    content = REPORT if method == "POST" else None
                    answer = asker.request(method, path, content=content, headers=REPORT_TYPE, extensions=BY_NAME)
                    found[f"{method} {path} {answer.status_code}"] += 1
                except httpx.TransportError as error:
                    found[f"{method} {path} {type(error).__name__}"] += 1
                time.sleep(PAUSE)


def test_nothing_fails_while_each_web_is_replaced(front: Front) -> None:
    found, stop = Counter[str](), threading.Event()
    askers = [threading.Thread(target=asking, args=(front, found, stop)) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    time.sleep(2)
    for _ in range(TURNS):
        for web in list(front.webs):
            front.end(web)
            time.sleep(1)
            front.start(web)
            time.sleep(3)  # until the proxy gives it requests again
    stop.set()
    for asker in askers:
        asker.join()

    print(dict(found))  # noqa: T201 - a trial shows what it does
    assert found["GET /sign-in/ 200"] > ENOUGH
    assert {key for key in found if key.rsplit(" ", 1)[1] not in FINE} == set(), found


def test_the_proxy_says_who_asks_and_how(front: Front) -> None:
    with client(front) as asker:
        page = asker.get("/sign-in/", extensions=BY_NAME)
        assert page.status_code == 200
        assert "strict-transport-security" in page.headers
        assert all("Secure" in cookie for cookie in page.headers.get_list("set-cookie"))
        assert asker.get("/metrics", extensions=BY_NAME).status_code == 404
        too_large = asker.post("/csp-report/", content=b"x" * (3 * 1024 * 1024), extensions=BY_NAME)
        assert too_large.status_code in {413, 502}  # 502: Debian's Caddy 2.6, whose way to the web ends in the middle
