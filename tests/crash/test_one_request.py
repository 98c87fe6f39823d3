"""One request through real processes: web, worker, Telegram. Its id is in their logs, its trace goes through them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as desk_settings

from alerting.models import OutboundMessage
from tests.bot.scene import TARA, cast
from tests.console import scene as people
from tests.console.conftest import verified_client
from tests.crash.running import environment, logged, wait_for
from tests.fakes import collector
from tests.fakes.collector import Seen
from tests.sandbox.conftest import free_port
from trading.sandbox.telegram.client import SandboxClient
from users.models import Role

Line = dict[str, Any]


def lines(file: Path) -> list[Line]:
    """What a process logged, as JSON; what else it wrote is its own affair."""
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def freeze(url: str, client: str) -> str:
    """A person of the desk, signed in, freezes a client in a browser's way; the id of the request."""
    session = verified_client(people.person("olga", Role.OPS)).cookies[desk_settings.SESSION_COOKIE_NAME].value
    with httpx.Client(base_url=url, cookies={desk_settings.SESSION_COOKIE_NAME: session}) as browser:
        assert browser.get(f"/counterparties/{client}/terms/").status_code == 200
        token = browser.cookies[desk_settings.CSRF_COOKIE_NAME]
        typed = {"reason": "Their bank called: an account was taken over.", "csrfmiddlewaretoken": token}
        answer = browser.post(
            f"/counterparties/{client}/terms/stop/", data=typed, headers={"Referer": desk_settings.DESK_URL}
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["X-Request-ID"]


@pytest.mark.processes
def test_its_id_and_its_trace_reach_the_message(db: None, telegram: SandboxClient, tmp_path: Path) -> None:
    telegram.reset()
    market, port = cast(), free_port()
    url, logs = f"http://127.0.0.1:{port}", tmp_path / "log"
    gunicorn = ("-m", "gunicorn", "trading.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket")
    with collector.running() as traces, logs.open("w") as log:
        wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT": traces.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        wanted |= {"DESK_URL": desk_settings.DESK_URL, "LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}
        with (
            logged(log, sys.executable, *gunicorn, **wanted),
            logged(log, sys.executable, "manage.py", "worker", "--queues", "messages", **wanted),
        ):
            wait_for(lambda: answers(url))
            request_id = freeze(url, market.client.ref)
            told = OutboundMessage.objects.filter(chat_id=TARA, method="send", status="sent")
            wait_for(told.exists)
            message = told.get()
            wait_for(lambda: of_message(traces.spans, request_id) != [])
            wait_for(lambda: is_whole(traces.spans, request_id))
            wait_for(lambda: any("is sent" in line["event"] for line in lines(logs)))

    assert message.request_id == request_id
    about = [line for line in lines(logs) if line.get("request_id") == request_id]
    assert [line["event"] for line in about if line["logger"] == "desk.web"] == [
        f"POST /counterparties/{market.client.ref}/terms/stop/: 302"
    ]
    assert f"message {message.pk} is sent: send" in [line["event"] for line in about if "job" in line]

    named = [one for one in traces.spans if one.facts.get("desk.request_id") == request_id]
    (web,) = [one for one in named if one.service == "desk-web"]
    whole = [one for one in traces.spans if one.trace == web.trace]
    assert {one.service for one in whole} == {"desk-web", "desk-worker"}
    assert {"alerting.dispatch_event", "alerting.deliver"} <= {one.name for one in whole}
    assert any(one.facts.get("db.query.text", "").startswith("INSERT INTO") for one in whole)
    assert desk_settings.TELEGRAM_BOT_TOKEN.encode() not in traces.raw
    assert b"an account was taken over" not in traces.raw
    assert desk_settings.TELEGRAM_BOT_TOKEN not in logs.read_text()


def caused(spans: list[Seen], request_id: str) -> list[Seen]:
    """All of a request's trace that has come so far."""
    trace = {one.trace for one in spans if one.facts.get("desk.request_id") == request_id}
    return [one for one in spans if one.trace in trace]


def of_message(spans: list[Seen], request_id: str) -> list[Seen]:
    """The calls to Telegram in it."""
    return [one for one in caused(spans, request_id) if one.name == "POST" and one.service == "desk-worker"]


def is_whole(spans: list[Seen], request_id: str) -> bool:
    """Whether everything in it hangs together: what began the others has ended, and come, as well."""
    whole = caused(spans, request_id)
    return {one.parent for one in whole} <= {one.span for one in whole} | {""}


@pytest.mark.processes
def test_nothing_of_the_library_is_loaded_where_nothing_is_traced(db: None) -> None:
    code = "import sys; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run(
        (sys.executable, "manage.py", "shell", "--no-imports", "-c", code),
        cwd=desk_settings.BASE_DIR,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
