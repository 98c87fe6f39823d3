"""A scoped person at the console and the REST interface: what is outside the scope is not there, wherever one looks."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rfq.models import Fill, Rfq
from settlement.models import Settlement
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_people import nominee, propose
from tests.remembered import remembered
from trading.lib import clock
from users import operations
from users.models import ApprovalRequest, Counterparty, Role, User

NARROWED = "She looks after these clients only from today on."


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


@remembered
def narrowed() -> tuple[User, dict[str, str]]:
    """
    Olga of operations, for Cedar Imports only, and how the things are called of a client that she does not serve.

    She approves and administers too, so that no page is closed for want of a role.
    """
    built = scene.build(8)
    client = Counterparty.objects.get(name="Pars Export Co.")
    request = factories.propose("user.reject", factories.newcomer("nadia", of=client).ref)
    fill = Fill.objects.filter(client=client).earliest("pk")
    things = {
        "client": client.ref,
        "name": client.name,
        "user": User.objects.get(username="tara").ref,
        "request": request.ref,
        "rfq": built.rfqs[1].ref,
        "settlement": built.settlements[0].ref,
        "fill": fill.ref,
        "dispute": factories.dispute(fill).ref,
    }
    user = scene.person("olga", Role.OPS, Role.APPROVER, Role.ADMIN)
    narrow(user, factories.counterparty(name="Cedar Imports"))
    return user, things


@pytest.fixture
def desk(db: None) -> tuple[User, dict[str, str]]:
    return narrowed()


@pytest.fixture
def outside(desk: tuple[User, dict[str, str]]) -> dict[str, str]:
    return desk[1]


@pytest.fixture
def olga(desk: tuple[User, dict[str, str]]) -> Client:
    return verified_client(desk[0])


def narrow(user: User, *keep: Counterparty) -> None:
    operations.narrow_scope(user=user, keep=keep, actor=factories.founders()[0], reason=NARROWED, now=clock.now())


LISTS = [
    "/",
    "/rfqs/",
    "/settlements/",
    "/disputes/?tab=all",
    "/lps/",
    "/exposure/",
    "/users/",
    "/counterparties/",
    "/approvals/?tab=open",
    "/approvals/?tab=waiting",
    "/approvals/?tab=decided",
    "/rfqs/?q=Pars",
    "/settlements/?q=Pars",
    "/disputes/?q=Pars",
    "/users/?q=tara",
    "/counterparties/?q=Pars",
]


@pytest.mark.parametrize("where", LISTS)
def test_lists_show_nothing_of_what_is_outside(olga: Client, outside: dict[str, str], where: str) -> None:
    page = text(olga.get(where))

    shown = page.replace(where.rpartition("=")[2], "") if "q=" in where else page
    for name in ("client", "name", "user", "request", "rfq", "settlement", "fill", "dispute"):
        assert outside[name] not in shown, name
    assert not re.search(r"(RFQ|STL|DSP)-[A-Z2-9]{8}", shown)


def test_counts_leave_it_out(olga: Client) -> None:
    page = text(olga.get("/"))

    assert Rfq.objects.exists()
    assert Settlement.objects.exists()
    for room in ("/rfqs/", "/settlements/", "/disputes/", "/approvals/"):
        found = re.search(rf'<li><a href="{room}".*?<span class="n( hot)?"[^>]*>(.*?)</a>', page, re.DOTALL)
        assert found is not None, room
        assert re.sub(r"<[^>]+>", "", found[2]) == "0", room


PAGES = [
    "/rfqs/{rfq}/",
    "/settlements/{settlement}/",
    "/disputes/{dispute}/",
    "/fills/{fill}/disputes/new/",
    "/users/{user}/",
    "/users/{user}/?act=role.grant",
    "/counterparties/{client}/",
    "/approvals/{request}/",
    "/users/{user}/scope/",
]
POSTS = [
    "/disputes/{dispute}/assignment/",
    "/disputes/{dispute}/giving-back/",
    "/disputes/{dispute}/notes/",
    "/disputes/{dispute}/resolution/",
    "/fills/{fill}/disputes/new/",
    "/users/{user}/checks/",
    "/users/{user}/suspension/",
    "/users/{user}/role-revocation/",
    "/users/{user}/sessions/ending/",
    "/users/{user}/proposals/user.reject/",
    "/users/{user}/scope/",
    "/counterparties/{client}/checks/",
    "/approvals/{request}/decision/",
    "/approvals/{request}/withdrawal/",
]


@pytest.mark.parametrize("where", PAGES)
def test_pages_of_it_are_not_there(olga: Client, outside: dict[str, str], where: str) -> None:
    assert olga.get(where.format(**outside)).status_code == 404


@pytest.mark.parametrize("where", POSTS)
def test_nothing_is_done_to_it(olga: Client, outside: dict[str, str], where: str) -> None:
    answer = olga.post(where.format(**outside), {"reason": NARROWED})

    assert answer.status_code in ({403, 404} if "withdrawal" in where else {404})
    assert User.objects.get(ref=outside["user"]).status == "active"
    assert ApprovalRequest.objects.get(ref=outside["request"]).status == "pending"


@pytest.mark.parametrize("name", ["rfq", "settlement", "fill", "dispute", "user", "client", "request"])
def test_the_search_does_not_find_it(olga: Client, outside: dict[str, str], name: str) -> None:
    answer = olga.get("/search/", {"q": outside[name]})

    assert (answer.status_code, answer.context["sections"]) == (200, [])


def test_the_rest_interface_does_not_show_it(olga: Client, outside: dict[str, str]) -> None:
    assert olga.get(f"/api/approvals/{outside['request']}").status_code == 404
    listed = [one["request"] for one in olga.get("/api/approvals").json()["items"]]
    assert outside["request"] not in listed


@pytest.mark.parametrize("where", ["/", "/rfqs/", "/settlements/", "/disputes/", "/users/", "/approvals/?tab=open"])
def test_a_scope_costs_no_query(olga: Client, where: str) -> None:
    amir = verified_client(scene.person("amir", Role.OPS, Role.APPROVER, Role.ADMIN))
    counts = []
    for client in (olga, amir):
        client.get(where)
        with CaptureQueriesContext(connection) as asked:
            client.get(where)
        counts.append(len(asked))

    assert counts[0] <= counts[1]


# --- the card --------------------------------------------------------------------------------


@pytest.fixture
def ada(db: None) -> Client:
    return verified_client(scene.person("ada", Role.ADMIN))


def test_an_administrator_narrows_with_a_reason(ada: Client) -> None:
    cedar, leila = factories.counterparty(name="Cedar Imports"), factories.user("ops", username="leila")
    where = f"/users/{leila.ref}/scope/"
    assert "The whole desk" in text(ada.get(f"/users/{leila.ref}/"))

    unknown = ada.post(where, {"keep": "CPY-NOBODY1", "reason": NARROWED})
    short = ada.post(where, {"keep": cedar.ref, "reason": "so"})
    done = ada.post(where, {"keep": cedar.ref.lower(), "reason": NARROWED}, follow=True)
    again = ada.post(where, {"keep": cedar.ref, "reason": NARROWED})

    assert (unknown.status_code, short.status_code, again.status_code) == (422, 422, 409)
    assert "nobody has the ref CPY-NOBODY1" in text(unknown)
    assert "serves less from now on" in text(done)
    assert "This is not less than leila serves now" in text(again)
    leila.refresh_from_db()
    assert leila.is_scoped


def test_an_administrator_proposes_more(ada: Client) -> None:
    cedar, pars = factories.counterparty(name="Cedar Imports"), factories.counterparty(name="Pars Export")
    leila = factories.user("ops", username="leila")
    narrow(leila, cedar)
    where = f"/users/{leila.ref}/proposals/scope.widen/"

    both = propose(ada, where, whole_desk="on", counterparties=pars.ref, nominee=nominee())
    answer = propose(ada, where, counterparties=pars.ref, nominee=nominee())

    assert both.status_code == 422
    request = ApprovalRequest.objects.get(act="scope.widen")
    assert request.payload == {"counterparties": [pars.ref]}
    assert "Cedar Imports, Pars Export" in text(answer)
