"""The market's pages: stopped by one at once, changed by two, and what was typed is kept."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rfq.models import MarketState, Pair
from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.factories import Market
from trading.lib import clock
from users import operations as user_operations
from users.models import ApprovalRequest, Counterparty, Role, User

REASON = "Agreed with the client by letter of last week."


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def propose(client: Client, url: str, **fields: object) -> Any:
    usual = {"reason": REASON, "otp_token": code(scene.TOTP_KEY), "key": factories.unique("key")}
    return client.post(url, usual | fields, follow=True)


def proposed(act: str) -> ApprovalRequest:
    return ApprovalRequest.objects.filter(act=act).latest("pk")


TERMS = {"markup_bps": "۱۲٫۵", "minimum": "250", "maximum": "2,000", "daily_notional": "9000"}


def test_terms_are_proposed_with_what_is_now_beside_them(console: Client, market: Market) -> None:
    where = f"/counterparties/{market.client.ref}/terms/"
    page = text(console.get(f"{where}?act=terms.change&pair=EUR"))
    assert 'value="1000000"' in page

    answer = propose(console, f"{where}proposals/terms.change/?pair=EUR", **TERMS)

    request = proposed("terms.change")
    assert answer.redirect_chain == [(f"/approvals/{request.ref}/", 302)]
    assert request.payload == {
        "pair": "USDT/EUR",
        "markup_bps": "12.5",
        "minimum": "250",
        "maximum": "2000",
        "daily_notional": "9000",
    }
    assert "1,000,000" in text(answer)
    assert where in text(answer)
    assert request.ref in text(console.get(where))


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(console: Client, market: Market) -> None:
    where = f"/counterparties/{market.client.ref}/terms/proposals/terms.change/?pair=EUR"

    malformed = propose(console, where, **(TERMS | {"maximum": "plenty"}))
    nonsense = propose(console, where, **(TERMS | {"maximum": "1"}))

    assert (malformed.status_code, nonsense.status_code) == (422, 422)
    for page in (text(malformed), text(nonsense)):
        assert REASON in page
        assert 'value="250"' in page
        assert "Not proposed yet" in page
    assert not ApprovalRequest.objects.filter(requested_by__username="olga").exists()


@pytest.mark.parametrize(
    ("typed", "windows"),
    [
        ("Mon-Fri 09:00-17:00", [{"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00"}]),
        ("sat, sun 9:00 – 02:00", [{"days": [5, 6], "from": "09:00", "to": "02:00"}]),
        (
            "Fri-Mon 00:00-00:00\n\nWed ۰۸:۰۰-۰۹:۳۰",
            [
                {"days": [0, 4, 5, 6], "from": "00:00", "to": "00:00"},
                {"days": [2], "from": "08:00", "to": "09:30"},
            ],
        ),
    ],
)
def test_hours_are_typed_a_window_a_line(
    console: Client, market: Market, typed: str, windows: list[dict[str, object]]
) -> None:
    where = f"/counterparties/{market.client.ref}/terms/"

    propose(console, f"{where}proposals/hours.change/", time_zone="Asia/Tehran", windows=typed)

    request = proposed("hours.change")
    assert request.payload == {"time_zone": "Asia/Tehran", "windows": windows}
    assert factories.decide(request).status == "executed"
    page = text(console.get(f"{where}?act=hours.change"))
    assert "Asia/Tehran" in page
    again = propose(console, f"{where}proposals/hours.change/", time_zone="Asia/Tehran", windows=_shown_in(page))
    assert "Everything is as proposed already" in text(again)


def _shown_in(page: str) -> str:
    """What the form's field of windows holds."""
    return page.partition('name="windows"')[2].partition(">")[2].partition("</textarea>")[0].strip()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"windows": "whenever", "time_zone": "UTC"}, "is not a window like"),
        ({"windows": "Abc 09:00-17:00", "time_zone": "UTC"}, "is not a window like"),
        ({"windows": "Mon 09:00-25:00", "time_zone": "UTC"}, "give 1 to 21 windows"),
        ({"windows": "", "time_zone": "UTC"}, "give 1 to 21 windows"),
        ({"windows": "Mon 09:00-17:00", "time_zone": "Berlin"}, "is not a time zone"),
    ],
)
def test_hours_nobody_could_keep_are_refused(
    console: Client, market: Market, fields: dict[str, str], words: str
) -> None:
    answer = propose(console, f"/counterparties/{market.client.ref}/terms/proposals/hours.change/", **fields)

    assert answer.status_code == 422
    assert words in text(answer)


def test_an_lps_cap_is_proposed(console: Client, market: Market) -> None:
    where = f"/counterparties/{market.meridian.ref}/terms/"
    half = propose(console, f"{where}proposals/lp_terms.change/", unsettled_cap="", pause_window="20")
    assert half.status_code == 422

    propose(console, f"{where}proposals/lp_terms.change/", unsettled_cap="2,000,000.5", pause_window="")

    request = proposed("lp_terms.change")
    assert request.payload["unsettled_cap"] == "2000000.5"
    factories.decide(request)
    assert "2,000,000" in text(console.get(where))


def test_a_client_is_frozen_by_one_and_unfrozen_by_two(console: Client, market: Market) -> None:
    where = f"/counterparties/{market.client.ref}/terms/"
    assert console.post(f"{where}stop/", {"reason": "so"}).status_code == 422

    done = console.post(f"{where}stop/", {"reason": REASON}, follow=True)
    again = console.post(f"{where}stop/", {"reason": REASON})

    assert "is frozen. Two people let it trade again" in text(done)
    assert again.status_code == 409
    propose(console, f"{where}proposals/client.unfreeze/")
    assert factories.decide(proposed("client.unfreeze")).status == "executed"
    assert Counterparty.objects.get(pk=market.client.pk).status == "active"


def test_an_lp_is_paused_by_one_and_resumed_by_two(console: Client, market: Market) -> None:
    where = f"/counterparties/{market.meridian.ref}/terms/"

    done = console.post(f"{where}stop/", {"reason": REASON}, follow=True)
    assert "is paused and its quotes are pulled" in text(done)
    assert REASON in text(console.get(where))
    propose(console, f"{where}proposals/lp.resume/")
    assert factories.decide(proposed("lp.resume")).status == "executed"


def test_the_desk_is_paused_by_one_and_resumed_by_two(console: Client, market: Market) -> None:
    assert console.post("/market/pause/", {"reason": ""}).status_code == 422

    done = console.post("/market/pause/", {"reason": REASON}, follow=True)
    assert "The whole desk is paused" in text(done)
    assert console.post("/market/pause/", {"reason": REASON}).status_code == 409
    assert "Resume the desk" in text(console.get("/market/"))
    propose(console, "/market/resumption/")
    assert factories.decide(proposed("desk.resume")).status == "executed"
    assert MarketState.objects.get().paused_at is None


NUMBERS = {"price_scale": "5", "rfq_ttl_seconds": "120", "quote_ttl_seconds": "20"}


def test_a_pair_is_opened_by_two(console: Client, market: Market) -> None:
    assert propose(console, "/pairs/new/", currency="KWD1", decimals="3", **NUMBERS).status_code == 422
    propose(console, "/pairs/new/", currency="kwd", decimals="3", **NUMBERS)

    assert factories.decide(proposed("pair.open")).status == "executed"
    assert propose(console, "/pairs/new/", currency="KWD", decimals="3", **NUMBERS).status_code == 409
    assert "USDT/KWD" in text(console.get("/market/"))


def test_only_the_numbers_that_change_are_proposed(console: Client, market: Market) -> None:
    factories.open_pair("USDT/KWD", price_scale=5, rfq_ttl_seconds=120, quote_ttl_seconds=20)
    assert propose(console, "/pairs/KWD/proposals/pair.change/", **NUMBERS).status_code == 422

    propose(console, "/pairs/KWD/proposals/pair.change/", **(NUMBERS | {"rfq_ttl_seconds": "60"}))

    assert proposed("pair.change").payload == {"rfq_ttl_seconds": 60}


def test_a_pair_is_paused_by_one_and_resumed_by_two(console: Client, market: Market) -> None:
    assert "is paused" in text(console.post("/pairs/EUR/pause/", {"reason": REASON}, follow=True))
    assert console.post("/pairs/EUR/pause/", {"reason": REASON}).status_code == 409

    propose(console, "/pairs/EUR/proposals/pair.resume/")

    factories.decide(proposed("pair.resume"))
    assert Pair.objects.get(code="USDT/EUR").is_enabled


def test_the_step_of_a_price_is_not_asked_for_once_it_was_traded(console: Client, market: Market) -> None:
    assert 'name="price_scale"' in text(console.get("/pairs/EUR/?act=pair.change"))
    factories.fill(market)

    assert 'name="price_scale"' not in text(console.get("/pairs/EUR/?act=pair.change"))


@pytest.mark.parametrize("where", ["/market/", "/pairs/EUR/"])
def test_auditors_look_and_change_nothing(db: None, market: Market, where: str) -> None:
    audrey = verified_client(scene.person("audrey", Role.AUDITOR))
    for path in (where, f"/counterparties/{market.client.ref}/terms/?act=terms.change&pair=EUR"):
        page = text(audrey.get(path))
        assert 'name="reason"' not in page
    assert audrey.post(f"{where}pause/", {"reason": REASON}).status_code == 403
    assert audrey.post(f"/counterparties/{market.client.ref}/terms/stop/", {"reason": REASON}).status_code == 403
    assert audrey.get("/pairs/new/").status_code == 404
    refused = propose(audrey, f"/counterparties/{market.client.ref}/terms/proposals/terms.change/?pair=EUR", **TERMS)
    assert refused.status_code == 403


def test_what_is_not_there_is_not_found(console: Client, market: Market) -> None:
    client, lp = market.client.ref, market.meridian.ref
    for path in ("/pairs/XXX/", "/counterparties/CPY-NOBODY1/terms/"):
        assert console.get(path).status_code == 404
    for path in (
        f"/counterparties/{client}/terms/proposals/lp_terms.change/",
        f"/counterparties/{lp}/terms/proposals/terms.change/?pair=EUR",
        f"/counterparties/{client}/terms/proposals/terms.change/?pair=XXX",
        f"/counterparties/{client}/terms/proposals/client.unfreeze/",
        "/pairs/EUR/proposals/pair.open/",
    ):
        assert propose(console, path).status_code == 404, path


def test_who_does_not_serve_it_does_not_find_it(market: Market) -> None:
    scoped = scene.person("leila", Role.OPS)
    user_operations.narrow_scope(user=scoped, keep=[], actor=factories.founders()[0], reason=REASON, now=clock.now())
    client = verified_client(User.objects.get(pk=scoped.pk))

    for path in ("", "stop/", "proposals/hours.change/"):
        where = f"/counterparties/{market.client.ref}/terms/{path}"
        answer = client.post(where, {"reason": REASON}) if path else client.get(where)
        assert answer.status_code == 404


def test_pages_cost_the_same_queries_for_few_and_many_pairs(console: Client, market: Market) -> None:
    places = ("/market/", f"/counterparties/{market.client.ref}/terms/")
    counts: list[list[int]] = []
    for codes in ((), ("AED", "TRY", "GBP", "CHF")):
        for one in codes:
            factories.set_terms(market.client, factories.open_pair(f"USDT/{one}"))
        asked = []
        for place in places:
            console.get(place)
            with CaptureQueriesContext(connection) as queries:
                console.get(place)
            asked.append(len(queries))
        counts.append(asked)

    assert counts[0] == counts[1]
    assert max(counts[0]) <= 22
