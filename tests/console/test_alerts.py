"""The pages of alerts, rules and silences: what is seen, done with one click, silenced with a reason, proposed."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerting.defaults import DEFAULTS
from alerting.engine import settle
from alerting.findings import Finding
from alerting.models import Alert, AlertRule, Silence
from alerting.rules import terms_of
from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.console.test_rooms import poll_url, text
from tests.factories import REASON
from trading.lib import clock
from trading.sandbox import alarms
from users.models import ApprovalRequest, Role, User

KIND = "wallet_gas_low"
POLL = {"HX-Request": "true"}


@pytest.fixture
def alert(console: Client) -> Alert:
    return alarms.simulate(KIND, now=clock.now())


def propose(client: Client, kind: str = KIND, **changes: Any) -> Any:
    rule = AlertRule.objects.filter(type=kind).latest("version")
    terms = terms_of(rule) | changes
    thresholds = {f"threshold_{name}": value for name, value in terms.pop("thresholds").items()}
    data = terms | thresholds | {"reason": REASON, "key": factories.unique("alert-rule")}
    return client.post(f"/alerts/rules/{kind}/proposals/", {"otp_token": code(scene.TOTP_KEY)} | data)


def test_what_fires_is_on_the_dashboard_in_its_list_and_on_its_page(console: Client, alert: Alert) -> None:
    assert f'href="/alerts/{alert.ref}/"' in text(console.get("/"))
    page = text(console.get("/alerts/"))
    for words in ("A wallet is short of coins for fees", "simulated-1", "Good for so many payments", "Firing"):
        assert words in page
    assert console.get(poll_url(page), headers=POLL).status_code == 204
    detail = text(console.get(f"/alerts/{alert.ref}/"))
    for words in ("Who was told", "It fired", "Operations", "alert.fired", "v1", "Silence this alert"):
        assert words in detail
    assert console.get("/alerts/ALT-NONE/").status_code == 404


def test_one_click_acknowledges_and_one_takes_it_back(console: Client, olga: User, alert: Alert) -> None:
    path = f"/alerts/{alert.ref}/acknowledgement/"
    done = text(console.post(path, follow=True))
    assert "nobody further is told" in done
    assert "Take the acknowledgement back" in done
    assert Alert.objects.get().acknowledged_by == olga

    assert "fires again" in text(console.post(path, {"undo": "1"}, follow=True))
    assert console.post(path, {"undo": "1"}).status_code == 409
    settle(kind=KIND, findings=[], now=clock.now())
    refused = console.post(path)
    assert (refused.status_code, "does not fire" in text(refused)) == (409, True)
    assert alert.ref in text(console.get("/alerts/?state=over"))
    assert "All is well" in text(console.get("/alerts/"))


def test_silence_takes_a_length_within_bounds_and_a_reason(console: Client, alert: Alert) -> None:
    path = f"/alerts/{alert.ref}/silence/"
    for data in ({"minutes": "60"}, {"reason": REASON}, {"minutes": "61", "reason": REASON}):
        assert console.post(path, data).status_code == 422
    assert "Ends" in text(console.post(path, {"minutes": "60", "reason": REASON}, follow=True))

    silence = Silence.objects.get()
    assert (silence.type, silence.fingerprint, silence.reason) == (KIND, alert.fingerprint, REASON)
    assert silence.ref in text(console.get("/alerts/silences/"))
    ended = f"/alerts/silences/{silence.ref}/ending/"
    assert "is told again" in text(console.post(ended, follow=True))
    assert console.post(ended).status_code == 409


def test_whole_type_is_silenced_with_what_goes_quiet_shown_and_critical_for_an_hour_at_most(
    console: Client, alert: Alert
) -> None:
    page = text(console.get(f"/alerts/rules/{KIND}/"))
    assert "This goes quiet:" in page
    assert alert.ref in page
    assert console.post(f"/alerts/rules/{KIND}/silence/", {"minutes": "1440", "reason": REASON}).status_code == 302
    assert Silence.objects.get().fingerprint == ""

    critical = "/alerts/rules/transfer_unknown/"
    assert 'value="60"' in text(console.get(critical))
    assert 'value="240"' not in text(console.get(critical))
    assert console.post(f"{critical}silence/", {"minutes": "240", "reason": REASON}).status_code == 422


def test_rules_are_listed_and_other_terms_proposed_with_their_history(console: Client) -> None:
    listed = text(console.get("/alerts/rules/"))
    assert all(f"/alerts/rules/{kind}/" in listed for kind in DEFAULTS)
    assert propose(console, thresholds={"transfers": "many"}).status_code == 422
    assert propose(console).status_code == 409, "nothing changes"

    asked = propose(console, thresholds={"transfers": 9}, severity="critical")
    assert asked.status_code == 302
    request = ApprovalRequest.objects.get(act="alert_rule.change")
    assert request.ref in text(console.get(f"/alerts/rules/{KIND}/"))
    decision = text(console.get(f"/approvals/{request.ref}/"))
    assert "Transfers it must be able to pay for" in decision
    factories.decide(request)
    page = text(console.get(f"/alerts/rules/{KIND}/"))
    assert page.index(">9<") < page.index("Earlier") < page.rindex(">20<")
    assert console.get("/alerts/rules/nothing/").status_code == 404


def test_who_only_looks_is_offered_nothing_and_refused(alert: Alert) -> None:
    auditor = verified_client(scene.person("audrey", Role.AUDITOR))
    page = text(auditor.get(f"/alerts/{alert.ref}/"))
    assert "<form" not in page[page.index('id="main"') : page.index("</main>")]
    for path in ("acknowledgement", "silence"):
        assert auditor.post(f"/alerts/{alert.ref}/{path}/").status_code == 403
    assert auditor.post(f"/alerts/rules/{KIND}/silence/").status_code == 403


def test_alert_of_a_party_the_reader_does_not_serve_is_not_there(console: Client, olga: User) -> None:
    party = factories.counterparty()
    settle(kind=KIND, findings=[Finding("one", counterparty_id=party.pk)], now=clock.now())
    ref = Alert.objects.get().ref
    assert ref in text(console.get("/alerts/"))
    factories.narrowed(olga)
    assert ref not in text(console.get("/alerts/"))
    assert console.get(f"/alerts/{ref}/").status_code == 404


def test_list_costs_the_same_queries_for_few_and_many(console: Client) -> None:
    counts = []
    for number in (3, 30):
        settle(kind=KIND, findings=[Finding(f"w{each}") for each in range(number)], now=clock.now())
        console.get("/alerts/")
        with CaptureQueriesContext(connection) as asked:
            console.get("/alerts/")
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 10
