"""Making a login that waits: a new person, another login of somebody known, a service."""

from typing import Any

import pytest

from tests import factories
from tests.concurrency.threads import at_once
from tests.console import scene
from tests.console.conftest import verified_client
from trading.lib import clock
from users import operations
from users.models import AuditEvent, Role, User
from users.operations import NewUser
from users.operations.people import NameTaken


@pytest.fixture
def olga(db: None) -> User:
    return scene.person("olga", Role.OPS)


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def fields(**changes: str) -> dict[str, str]:
    usual = {"username": "petra", "kind": "human", "full_name": "Petra Novák", "same_person_as": "", "counterparty": ""}
    return usual | {"language": "fa", "time_zone": "Europe/Prague"} | changes


def test_ops_make_a_login_that_waits(olga: User) -> None:
    client = verified_client(olga)
    assert "New user" in text(client.get("/users/"))

    answer = client.post("/users/new/", fields(), follow=True)

    petra = User.objects.get(username="petra")
    assert answer.redirect_chain == [(f"/users/{petra.ref}/", 302)]
    assert "petra waits." in text(answer)
    assert (petra.status, petra.language, petra.time_zone) == ("pending", "fa", "Europe/Prague")
    assert str(petra.person) == "Petra Novák"
    assert not petra.has_usable_password()
    made = AuditEvent.objects.get(name="user.created", subject_ref=petra.ref)
    assert (made.actor, made.capability, made.after["person"]) == (olga, "user.create", petra.person.ref)  # type: ignore[union-attr]


def test_another_login_of_somebody_is_the_same_person(olga: User) -> None:
    known = factories.user("approver", username="amir")

    verified_client(olga).post("/users/new/", fields(full_name="", same_person_as="AMIR"))

    assert User.objects.get(username="petra").person == known.person


def test_a_service_of_a_counterparty(olga: User) -> None:
    lp = factories.counterparty("lp")

    verified_client(olga).post("/users/new/", fields(kind="service", full_name="", counterparty=lp.ref))

    petra = User.objects.get(username="petra")
    assert (petra.kind, petra.person, petra.counterparty) == ("service", None, lp)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": ""}, "Username: choose one."),
        ({"username": "Petra"}, "small letters"),
        ({"full_name": ""}, "Name a new person"),
        ({"kind": "service"}, "a service is nobody"),
        ({"same_person_as": "olga"}, "Name a new person"),
        ({"full_name": "", "same_person_as": "nobody"}, "nobody is called so"),
        ({"counterparty": "CPY-NOBODYS"}, "not one of the available choices"),
        ({"time_zone": "Mars/Base"}, "not one of the available choices"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(olga: User, changes: dict[str, str], words: str) -> None:
    answer = verified_client(olga).post("/users/new/", fields(**changes))

    assert answer.status_code == 422
    assert words in text(answer)
    assert not User.objects.filter(username="petra").exists()


def test_a_name_is_taken_once(olga: User) -> None:
    client = verified_client(olga)
    client.post("/users/new/", fields())

    answer = client.post("/users/new/", fields(full_name="Another Petra"))

    assert answer.status_code == 409
    assert "petra is taken" in text(answer)


def test_of_two_at_once_one_gets_the_name(olga: User) -> None:
    new = NewUser(username="petra", full_name="Petra Novák")

    outcomes = at_once([lambda: operations.create_user(new=new, actor=olga, now=clock.now()) for _ in range(3)])

    assert sum(isinstance(one, User) for one in outcomes) == 1
    assert sum(isinstance(one, NameTaken) for one in outcomes) == 2


def test_who_makes_none(db: None) -> None:
    for role in (Role.AUDITOR, Role.APPROVER, Role.ADMIN):
        client = verified_client(scene.person(f"one-{role}", role))
        assert client.post("/users/new/", fields()).status_code == 403
        assert "New user" not in text(client.get("/users/"))


def test_a_scoped_person_makes_none_outside(db: None) -> None:
    cedar, pars = factories.counterparty(name="Cedar Imports"), factories.counterparty(name="Pars Export")
    olga = scene.person("olga", Role.OPS)
    reason = "She looks after this client only."
    operations.narrow_scope(user=olga, keep=[cedar], actor=factories.founders()[0], reason=reason, now=clock.now())
    client = verified_client(olga)

    assert "Pars Export" not in text(client.get("/users/new/"))
    assert client.post("/users/new/", fields(counterparty=pars.ref)).status_code == 422
    assert client.post("/users/new/", fields(counterparty=cedar.ref)).status_code == 302
