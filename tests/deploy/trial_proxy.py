"""
Two webs of the desk behind Debian's nginx, by the very file of docs/examples (`make test-proxy`).

No part of the gate: it needs the package. While pages are asked for and reports sent steadily, each web in turn is
ended as a deploy ends it, and started again: no page fails, and a report only in the moment in which its web ends.
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

from trading.sandbox import localenv
from trading.sandbox.bench import race
from trading.sandbox.ground import Ground

ROOT = Path(settings.BASE_DIR)
NAME, ASKERS, PAUSE, TURNS, PATIENCE = "desk.example", 4, 0.02, 2, 60
FINE = {"200", "204", "429"}  # the reports are more than one address may send
ENOUGH, MOST_LOST = 100, 2 * TURNS * ASKERS
PROGRAM = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass
class Front:
    """The proxy's port, and the webs behind it by theirs."""

    port: int
    environ: dict[str, str]
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, port: int) -> None:
        """A web as the container starts it; back when it answers."""
        command = [sys.executable, "-m", "gunicorn", "trading.wsgi", "--no-control-socket", "--graceful-timeout", "30"]
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


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    if PROGRAM is None:
        pytest.fail("nginx is not installed: apt-get install nginx-light")
    key, certificate = tmp_path / "desk.key", tmp_path / "desk.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command += [*named, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    port, *webs = (localenv.free_port() for _ in range(3))
    text = (ROOT / "docs" / "examples" / "nginx.conf").read_text()
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:9101", f"127.0.0.1:{webs[0]}"),
        ("127.0.0.1:9102", f"127.0.0.1:{webs[1]}"),
        ("/etc/nginx/desk.pem", str(certificate)),
        ("/etc/nginx/desk.key", str(key)),
    ):
        assert old in text, old
        text = text.replace(old, new)
    whole = tmp_path / "nginx.conf"
    paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}"
        f" http {{ access_log off; {paths} {text} }}"
    )
    with race.ground() as ground, ExitStack() as running:
        made = Front(port, _as_behind(ground))
        running.callback(made.end_all)
        for web in webs:
            made.start(web)
        nginx = running.enter_context(subprocess.Popen([PROGRAM, "-c", str(whole), "-p", str(tmp_path)]))
        running.callback(nginx.terminate)
        yield made


def _as_behind(ground: Ground) -> dict[str, str]:
    behind = {
        "BEHIND_PROXY": "true",
        "TRUSTED_PROXIES": "1",
        "DESK_URL": f"https://{NAME}",
        "ALLOWED_HOSTS": NAME,
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
            for method, path in (("GET", "/sign-in/"), ("GET", "/health/live"), ("POST", "/csp-report/")):
                try:
                    answer = asker.request(method, path, json={"csp-report": {}} if method == "POST" else None)
                    found[f"{method} {path} {answer.status_code}"] += 1
                except httpx.TransportError as error:
                    found[f"{method} {path} {type(error).__name__}"] += 1
                time.sleep(PAUSE)


def test_no_page_fails_while_each_web_is_replaced(front: Front) -> None:
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

    failed = Counter({key: number for key, number in found.items() if key.rsplit(" ", 1)[1] not in FINE})
    assert found["GET /sign-in/ 200"] > ENOUGH
    # What changes something is never sent twice: the few that a web had taken but not read when it ended are lost.
    assert set(failed) <= {"POST /csp-report/ 502"}, found
    assert failed.total() <= MOST_LOST, found


def test_the_proxy_says_who_asks_and_how(front: Front) -> None:
    with client(front) as asker:
        page = asker.get("/sign-in/")
        assert page.status_code == 200
        assert "strict-transport-security" in page.headers
        assert all("Secure" in cookie for cookie in page.headers.get_list("set-cookie"))
        assert asker.get("/metrics").status_code == 404
        too_large = asker.post("/csp-report/", content=b"x" * (3 * 1024 * 1024))
        assert too_large.status_code == 413
