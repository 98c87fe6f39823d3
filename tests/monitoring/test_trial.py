"""
A desk that dies, watched from outside: worker, bot and database are killed, and the right people hear of it.

Everything is real: PostgreSQL, two web processes, worker, bot, Telegram's stand-in, Prometheus, Alertmanager with the
files of `deploy/`, and the webhook it delivers to.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.monitoring import outside
from tests.monitoring.outside import Monitoring
from trading.sandbox.rig import BOT, WEB, Rig

WORKER = "worker-1"
REQUESTS = 24  # over as many connections, so that each web process gets some


@pytest.mark.processes
@pytest.mark.skipif(not outside.is_there(), reason="Prometheus and Alertmanager are not installed")
def test_the_right_alert_comes_for_each_that_is_killed_and_its_consequences_are_held_back(tmp_path: Path) -> None:
    with Rig(chats=1, fsync=False) as rig:
        rig.start(WEB, WORKER, BOT)
        web = f"http://127.0.0.1:{rig.web_port}"
        rig.wait_for(
            lambda: rig.count("select count(*) from alerting_heartbeat where at > now() - interval '1 min'") == 2
        )
        rig.wait_for(lambda: _is_live(web))
        with Monitoring(tmp_path / "monitoring", web=f"127.0.0.1:{rig.web_port}", token=rig.control_key) as watch:
            _all_is_well(rig, watch, web, tmp_path)
            _silent(rig, watch)
            _felled(rig, watch)
            _mended(rig, watch)


def _all_is_well(rig: Rig, watch: Monitoring, web: str, folder: Path) -> None:
    _await(rig, "Prometheus reads the desk", lambda: watch.asked('up{job="desk"}') == [1])
    _await(rig, "the dead man's switch is heard", lambda: watch.heard("DeadMansSwitch", by="dead-mans-switch"))
    before = _served(rig, web)
    for _ in range(REQUESTS):
        httpx.get(f"{web}/health/live", trust_env=False).raise_for_status()
    assert [_served(rig, web) - before for _ in range(4)] == [REQUESTS] * 4  # whichever process answers
    page = folder / "metrics.txt"
    page.write_text(_page(rig, web))
    subprocess.run([settings.BASE_DIR / "bin/monitoring-check", page], check=True)


def _silent(rig: Rig, watch: Monitoring) -> None:
    rig.kill(WORKER)
    rig.kill(BOT)
    _say("Killed: the worker and the bot.")
    for alert in ("WorkerSilent", "BotSilent"):
        for receiver in ("pager", "on-call"):
            _await(rig, f"{receiver} hears {alert}", lambda a=alert, r=receiver: watch.heard(a, by=r))  # type: ignore[misc]
    assert not watch.heard("DatabaseDown", by="pager")


def _felled(rig: Rig, watch: Monitoring) -> None:
    rig.fell_database()
    _say("Killed: PostgreSQL.")
    for receiver in ("pager", "on-call"):
        _await(rig, f"{receiver} hears DatabaseDown", lambda r=receiver: watch.heard("DatabaseDown", by=r))  # type: ignore[misc]
    _await(
        rig,
        "CollectorFailing is held back by it",
        lambda: "DatabaseDown" in watch.held_back().get("CollectorFailing", ()),
    )
    assert {one.receiver for one in watch.notices if one.alert == "CollectorFailing"} == set()


def _mended(rig: Rig, watch: Monitoring) -> None:
    rig.raise_database()
    rig.start(WORKER, BOT)
    _say("Started again: PostgreSQL, the worker, the bot.")
    _await(
        rig, "pager hears that the database is back", lambda: watch.heard("DatabaseDown", by="pager", status="resolved")
    )
    for program in ("worker", "bot"):
        age = f'desk_worker_heartbeat_age_seconds{{program="{program}"}} < {outside.SILENT_SECONDS}'
        _await(rig, f"the {program} is heard again", lambda e=age: bool(watch.asked(e)))  # type: ignore[misc]
    for one in watch.notices:
        if one.alert != "DeadMansSwitch":
            _say(f"  {one.receiver:<12} {one.status:<9} {one.alert:<16} {one.summary}")


def _is_live(web: str) -> bool:
    try:
        return httpx.get(f"{web}/health/live", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _page(rig: Rig, web: str) -> str:
    given = {"Authorization": f"Bearer {rig.control_key}"}
    return httpx.get(f"{web}/metrics", headers=given, trust_env=False, timeout=60).raise_for_status().text


def _served(rig: Rig, web: str) -> int:
    """How many times all web processes together served `/health/live`."""
    name = "django_http_responses_total_by_status_view_method_total{"
    lines = [line for line in _page(rig, web).splitlines() if line.startswith(name) and 'view="health-live"' in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


def _await(rig: Rig, what: str, condition: Callable[[], bool]) -> None:
    try:
        rig.wait_for(condition)
    except TimeoutError as error:
        raise AssertionError(f"not so: {what}") from error
    _say(f"Seen: {what}.")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
