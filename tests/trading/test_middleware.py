"""What happens around every request."""

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client

from users import context


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a view sees of the request it serves."""
    found: dict[str, object] = {}

    def view(_request: HttpRequest) -> HttpResponse:
        found.update(structlog.contextvars.get_contextvars(), origin=context.current())
        return original(_request)

    from trading import health, urls  # noqa: PLC0415 - the address is looked up once Django is up

    original = health.live
    route = next(one for one in urls.urlpatterns if getattr(one, "name", "") == "health-live")
    monkeypatch.setattr(route, "callback", view)
    return found


def test_one_request_id_in_answer_log_and_audit(client: Client, seen: dict[str, object], db: None) -> None:
    answer = client.get("/health/live", REMOTE_ADDR="203.0.113.7")

    request_id = answer["X-Request-ID"]
    assert request_id.startswith("REQ-")
    assert seen["request_id"] == request_id
    assert seen["origin"] == context.Origin(request_id, "203.0.113.7", "/health/live")


def test_a_proxys_request_id_is_kept_and_a_silly_one_is_not(client: Client, db: None) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": "abc-12345678"})["X-Request-ID"] == "abc-12345678"
    assert client.get("/health/live", headers={"X-Request-ID": "a\nb"})["X-Request-ID"].startswith("REQ-")


def test_each_request_is_a_line_but_for_what_comes_every_few_seconds(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="desk.web")
    client.get("/health/live")
    client.get("/rfqs/?v=abc", headers={"HX-Request": "true"})
    client.get("/sign-in/?next=/rfqs/")

    assert [line.getMessage() for line in caplog.records if line.name == "desk.web"] == ["GET /sign-in/: 200"]
