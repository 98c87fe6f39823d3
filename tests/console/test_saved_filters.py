"""Filters of lists under names of one's own: kept, listed, opened, removed, within bounds, and recorded."""

from typing import Any

import pytest
from django.db import Error
from django.test import Client

from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_rooms import text
from trading.lib import clock
from trading.lib.errors import DeskError
from users import operations
from users.listing import LISTS
from users.models import AuditEvent, Role, SavedFilter, User
from users.operations import filters

BLOTTER = "rfq:list"


def save(client: Client, name: str = "Buys", query: str = "side=buy", page: str = BLOTTER) -> Any:
    return client.post(f"/filters/{page}/new/", {"name": name, "query": query}, follow=True)


def events(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(name=name).order_by("pk"))


def test_a_filter_is_saved_listed_opened_and_removed(console: Client, olga: User) -> None:
    scene.build(4)
    assert "Save this filter as" not in text(console.get("/rfqs/"))
    page = text(console.get("/rfqs/?side=sell&before=RFQ-AAAA&v=1&other=x"))
    assert 'name="query" value="side=sell"' in page

    answer = save(console, "  Sales   by hand ", "state=&side=sell&before=RFQ-AAAA&v=1&other=x")

    assert answer.redirect_chain == [("/rfqs/?side=sell", 302)]
    kept = SavedFilter.objects.get()
    assert (kept.user, kept.page, kept.name, kept.query) == (olga, BLOTTER, "Sales by hand", "side=sell")
    page = text(console.get("/rfqs/"))
    assert 'href="/rfqs/?side=sell"' in page
    assert "Sales by hand" in page
    assert text(console.get("/rfqs/?side=sell")).count("<tr data-row") == 1
    assert "Sales by hand" not in text(console.get("/settlements/"))
    profile = text(console.get("/profile/"))
    assert 'href="/rfqs/?side=sell"' in profile

    gone = console.post(f"/filters/{kept.pk}/removal/", {"next": "/rfqs/?side=sell"}, follow=True)

    assert gone.redirect_chain == [("/rfqs/?side=sell", 302)]
    assert not SavedFilter.objects.exists()
    facts = {"list": BLOTTER, "name": "Sales by hand", "query": "side=sell"}
    (saved,), (removed,) = events("user.filter_saved"), events("user.filter_removed")
    assert (saved.actor, saved.subject_ref, saved.after) == (olga, olga.ref, facts)
    assert (removed.actor, removed.before) == (olga, facts)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"name": "   "}, 422, "no_filter_name"),
        ({"name": "x" * 41}, 422, "no_filter_name"),
        ({"query": "before=RFQ-1&state="}, 422, "nothing_filtered"),
        ({"query": "q=" + "x" * 600}, 422, "filter_too_long"),
        ({"name": "KNOWN"}, 409, "filter_name_taken"),
        ({"page": "users:profile"}, 404, "unknown_list"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_code_and_what_was_typed_stays(
    console: Client, olga: User, given: dict[str, str], status: int, code: str
) -> None:
    save(console, "Known")
    usual = {"page": BLOTTER, "name": "Another", "query": "side=buy"} | given

    answer = save(console, **usual)
    with pytest.raises(DeskError) as refused:
        operations.save_filter(**usual, actor=olga, now=clock.now())

    assert answer.status_code == status
    assert refused.value.code == code
    assert refused.value.sentence in text(answer).replace("&quot;", '"')
    if status != 404:
        assert 'value="side=buy"' in text(answer) or "query" in given
    assert SavedFilter.objects.count() == 1


def test_one_keeps_so_many_on_a_list_and_no_more(console: Client, olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MOST", 2)
    for name in ("one", "two"):
        assert save(console, name).status_code == 200

    full = save(console, "three")

    assert (full.status_code, "more are not kept" in text(full)) == (409, True)
    assert save(console, "three", "state=settled", "settlement:list").status_code == 200


def test_they_are_their_owners_alone(console: Client, olga: User) -> None:
    save(console)
    adele = verified_client(scene.person("adele", Role.APPROVER))
    kept = SavedFilter.objects.get()

    assert "Buys" not in text(adele.get("/rfqs/"))
    answer = adele.post(f"/filters/{kept.pk}/removal/")
    assert (answer.status_code, "no such saved filter" in text(answer)) == (404, True)
    assert save(adele).status_code == 200
    assert SavedFilter.objects.count() == 2


def test_names_are_escaped_and_one_leads_nowhere_else(console: Client) -> None:
    evil = "<script>alert(1)</script>"
    save(console, evil)

    assert evil not in text(console.get("/rfqs/")) + text(console.get("/profile/"))
    kept = SavedFilter.objects.get()
    answer = console.post(f"/filters/{kept.pk}/removal/", {"next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/profile/"


def test_every_list_keeps_filters(console: Client) -> None:
    assert console.get("/rfqs/").status_code == 200  # addresses are read, and with them the lists
    assert len(LISTS) >= 17
    for page, one in LISTS.items():
        answer = console.get(f"{one.url()}?{one.parameters[0]}=x")
        assert answer.status_code == 200, page
        assert f"/filters/{page}/new/" in text(answer), page


def test_the_database_keeps_no_nameless_and_no_second_one_of_a_name(olga: User) -> None:
    row = {"user": olga, "page": BLOTTER, "query": "side=buy", "created_at": clock.now()}
    SavedFilter.objects.create(name="Buys", **row)
    for name in ("", "BUYS"):
        with pytest.raises(Error):
            SavedFilter.objects.create(name=name, **row)
