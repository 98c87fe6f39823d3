"""Onboarding checks at the console: recorded by ops, shown to everybody who reads about the login."""

from typing import Any

import pytest

from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_people import nominee, propose
from users.models import OnboardingCheck, Role, User

EVIDENCE = "Passport N1234 seen in the office, copy in file 77."


@pytest.fixture
def olga(db: None) -> User:
    return scene.person("olga", Role.OPS)


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def fields(**changes: str) -> dict[str, str]:
    return {"kind": "identity", "result": "passed", "evidence": EVIDENCE, "valid_until": "2031-05-01"} | changes


def test_ops_record_a_check_and_all_read_it(olga: User) -> None:
    newcomer, client = factories.pending_user("newcomer"), verified_client(olga)
    before = text(client.get(f"/users/{newcomer.ref}/"))
    assert before.count("Missing") == 3

    answer = client.post(f"/users/{newcomer.ref}/checks/", fields(), follow=True)

    assert "The check is recorded." in text(answer)
    seen = text(verified_client(scene.person("audrey", Role.AUDITOR)).get(f"/users/{newcomer.ref}/"))
    for words in (EVIDENCE, "(olga)", "2031-05-01"):
        assert words in seen
    assert "Record a check" not in seen


def test_a_counterparty_is_checked_too(olga: User) -> None:
    company, client = factories.counterparty(name="Cedar Imports"), verified_client(olga)

    answer = client.post(f"/counterparties/{company.ref}/checks/", fields(kind="ownership"), follow=True)

    assert answer.redirect_chain == [(f"/counterparties/{company.ref}/", 302)]
    assert EVIDENCE in text(answer)
    assert OnboardingCheck.objects.get(counterparty=company).kind == "ownership"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("evidence", "seen", "Evidence: write at least 20 characters"),
        ("kind", "ownership", "not one of the available choices"),
        ("kind", "", "Check: choose one."),
        ("result", "", "Result: passed or failed?"),
        ("valid_until", "tomorrow", "Holds until: enter a date."),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_kept(olga: User, field: str, value: str, words: str) -> None:
    newcomer = factories.pending_user()

    answer = verified_client(olga).post(f"/users/{newcomer.ref}/checks/", fields(**{field: value}))

    assert answer.status_code == 422
    assert words in text(answer)
    assert field == "evidence" or EVIDENCE in text(answer)
    assert not OnboardingCheck.objects.filter(user=newcomer).exists()


def test_others_record_nothing(olga: User) -> None:
    newcomer = factories.pending_user()
    audrey = verified_client(scene.person("audrey", Role.AUDITOR))
    for path in (f"users/{newcomer.ref}", f"counterparties/{factories.counterparty().ref}"):
        assert audrey.post(f"/{path}/checks/", fields()).status_code == 403
    own = verified_client(olga).post(f"/users/{olga.ref}/checks/", fields())
    assert own.status_code == 403
    assert not OnboardingCheck.objects.filter(evidence=EVIDENCE).exists()


def test_the_panel_shows_each_check_and_a_proposal_without_them_is_refused(olga: User) -> None:
    newcomer, client = factories.pending_user("newcomer"), verified_client(olga)
    where = f"/users/{newcomer.ref}/proposals/user.approve/"

    refused = propose(client, where, roles=["ops"], nominee=nominee())
    factories.check(newcomer)
    accepted = propose(client, where, roles=["ops"], nominee=nominee())

    assert refused.status_code == 409
    assert "These checks are not passed: newcomer: Identity document" in text(refused)
    assert "Mandate to act (newcomer)" in text(accepted)
    assert factories.REASON in text(accepted)
