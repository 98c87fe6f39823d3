"""Plain forms that the script sends in the browser's place: it gets whole pages, and addresses for redirects."""

import re
from pathlib import Path

from django.conf import settings
from django.test import Client

from tests import factories
from tests.console.test_rooms import text
from trading.lib import clock
from trading.sandbox import alarms
from users.models import User

SCRIPT = {"HX-Request": "true", "HX-Target": "main"}
FORM = re.compile(r"<form[^>]*method=\"post\"[^>]*>")
COPIES = re.compile(r"\{% url '[a-z:-]+-export'|\{% url 'rfq:receipt' ")


def test_the_script_is_told_where_to_go_and_the_outcome_waits_there(console: Client) -> None:
    alert = alarms.simulate("wallet_gas_low", now=clock.now())

    answer = console.post(f"/alerts/{alert.ref}/acknowledgement/", headers=SCRIPT)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/alerts/{alert.ref}/")
    assert "nobody further is told" in text(console.get(f"/alerts/{alert.ref}/"))


def test_a_refusal_is_a_whole_page_though_the_room_has_fragments(console: Client, olga: User) -> None:
    asked = factories.propose("user.reject", factories.newcomer("newcomer").ref, by=olga)
    factories.decide(asked, verdict="decline")

    answer = console.post(f"/approvals/{asked.ref}/withdrawal/", headers=SCRIPT)

    assert answer.status_code == 409
    assert '<main id="main"' in text(answer)


def test_a_session_key_that_changed_reaches_the_browser(console: Client, olga: User) -> None:
    before = console.cookies[settings.SESSION_COOKIE_NAME].value
    answer = console.post("/sign-out/", headers=SCRIPT)

    assert answer.status_code == 204
    assert answer.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Location" not in answer.headers


def test_forms_whose_answer_is_a_file_are_left_to_the_browser() -> None:
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    forms = [form for template in templates for form in FORM.findall(template.read_text())]
    copies = [form for form in forms if COPIES.search(form)]

    assert len(copies) >= 6
    assert [form for form in copies if "data-download" not in form] == []
    assert [form for form in forms if "data-download" in form and form not in copies] == []
