"""
The desk's real image on a real engine: deployed, traded on, replaced under load, broken and brought back.

`make test-image` runs it. Real are the image (`deploy/Dockerfile`), the commands of `deploy/`, Compose, the engine,
PostgreSQL, Caddy with the deployed Caddyfile, TLS. Not so: networks of the engine (every container is on the
machine's), the images of others (`tests/deploy/images.py`), monitoring (a toy), and the world outside, which is the
sandbox's.
"""

import io
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.crash.running import wait_for
from tests.deploy import engine, images, installation
from tests.deploy.engine import docker
from tests.deploy.installation import Installation
from tests.deploy.trial_proxy import FINE, Front, asking
from trading.sandbox.smoke import USABLE, Smoke

ASKERS, ENOUGH = 3, 200
LASTING = re.compile(r"rows (rfq_fill|settlement_(settlement|transfer|journal|entry))\b|entries|balances")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("machine")
    engine.toy(engine.root_file_system(engine.PROGRAMS), "toy:around", VERSION="0")
    made = installation.lay_out(home)
    with made.people(home):
        yield made
        containers = docker("ps", "--all", "--quiet").split()
        if containers:
            docker("rm", "--force", *containers)


@contextmanager
def load(machine: Installation) -> Iterator[Counter[str]]:
    """Pages and forms through the proxy, all along; what came of each."""
    found, stop = Counter[str](), threading.Event()
    front = Front(machine.ports["proxy"], {})
    askers = [threading.Thread(target=asking, args=(front, found, stop)) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    try:
        yield found
    finally:
        stop.set()
        for asker in askers:
            asker.join()


def trade(machine: Installation) -> str:
    """Sign in through the proxy and trade once, as `make smoke` does; the settlement's reference."""
    with machine.browser() as browser:
        smoke = Smoke(io.StringIO(), machine.sandbox, browser)
        smoke.step("sign in", smoke.sign_in)
        smoke.step("trade", smoke.trade)
        smoke.step("settled", smoke.see_settlement)
    return smoke.known["settlement"]


def see(machine: Installation, settlement: str) -> None:
    """It is still there, as settled."""
    with machine.browser() as browser:
        smoke = Smoke(io.StringIO(), machine.sandbox, browser, known={"settlement": settlement})
        smoke.step("sign in", smoke.sign_in)
        smoke.step("settled", smoke.see_settlement)


def has_rates(machine: Installation) -> bool:
    token = (machine.place / "secrets/metrics_token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Host": installation.NAME, "X-Forwarded-Proto": "https"}
    told = httpx.get(f"http://127.0.0.1:{machine.ports['web-1']}/metrics", headers=headers, trust_env=False, timeout=60)
    found = dict(USABLE.findall(told.text))
    return bool(found) and "0.0" not in found.values()


def settled_sums(machine: Installation) -> list[str]:
    """What stays as it is while nobody trades: trades, settlements, payments, and all that was booked."""
    return [line for line in machine.sums() if LASTING.match(line)]


def test_a_desk_lives_through_its_releases(machine: Installation, tmp_path: Path) -> None:
    begun = time.monotonic()
    first = images.make_all("1.0.0", tmp_path)
    tell(f"{first}: {docker('image', 'inspect', '--format', '{{.Size}}', first).strip()} bytes", begun)

    assert machine.run("deploy", first, "1.0.0") == 0
    assert machine.running() == {first}
    wait_for(lambda: has_rates(machine))
    tell("1.0.0 runs; " + trade(machine), begun)

    second = images.release("1.1.0", first, tmp_path)
    with load(machine) as found:
        assert machine.run("deploy", second, "1.1.0") == 0
    tell(f"1.1.0 runs; meanwhile {dict(found)}", begun)
    assert machine.running() == {second}
    assert found["GET /sign-in/ 200"] > ENOUGH
    assert {key for key in found if key.rsplit(" ", 1)[1] not in FINE} == set(), found

    known, before = trade(machine), settled_sums(machine)
    bad = {
        "1.2.0": images.release("1.2.0", second, tmp_path, WEB_PROCESSES="none"),  # gunicorn does not start
        "1.3.0": images.release("1.3.0", second, tmp_path, DESK_VERSION="1.1.0"),  # another version answers
    }
    for version, image in bad.items():
        with load(machine) as found:
            assert machine.run("deploy", image, version) == 1
        tell(f"{version} did not come up, 1.1.0 is back; meanwhile {dict(found)}", begun)
        assert machine.running() == {second}
        assert {key for key in found if key.rsplit(" ", 1)[1] not in FINE} == set(), found

    assert settled_sums(machine) == before
    see(machine, known)
    tell("nothing is lost; " + trade(machine), begun)
    assert machine.run("compose", "run", "--rm", "tools", "manage", "audit_verify") == 0
    assert machine.run("backup") == 0
    assert machine.run("drill") == 0
    tell("the evidence is whole; a backup was restored beside it, with the same sums", begun)


def tell(what: str, begun: float) -> None:
    print(f"{time.monotonic() - begun:6.0f} s  {what}", flush=True)  # noqa: T201 - a trial shows what it does
