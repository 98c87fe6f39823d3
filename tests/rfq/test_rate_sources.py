"""The sources of rates: exchanges by ccxt, documents by HTTP, and the round that asks them all."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from rfq.rates import configuration
from rfq.rates.base import Source, SourceFailed, Tick, one_line, read_instant, read_number
from rfq.rates.fetching import Fetcher
from tests.fakes.web import FakeWeb, serving
from tests.rfq.fake_kraken import kraken
from trading.lib import clock

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
EUR = "USDT/EUR"


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    with serving() as served:
        yield served


def source(*legs: dict[str, Any], **more: Any) -> Source:
    described = {"name": "one", "pairs": {EUR: list(legs)}, **more}
    return configuration.build([described], clock=lambda: NOW)[0]


def web_leg(web: FakeWeb, pointer: str = "/rates/EUR", path: str = "/one.json", **more: Any) -> dict[str, Any]:
    return {"url": f"{web.url}{path}", "pointer": pointer, **more}


def mid(found: Source) -> str:
    (tick,) = found.fetch([EUR])
    return f"{tick.mid.normalize():f}"


def problem(found: Source) -> str:
    with pytest.raises(SourceFailed) as told:
        found.fetch([EUR])
    assert told.value.ticks == []
    assert len(str(told.value)) <= 200
    return str(told.value)


# --- documents -------------------------------------------------------------------------------


def test_a_number_is_taken_from_a_document_with_its_time(web: FakeWeb) -> None:
    web.says("/one.json", {"rates": {"EUR": 0.9213}, "at": "2026-11-26T11:59:50Z"})

    found = source(web_leg(web, at="/at")).fetch([EUR, "USDT/AED"])

    assert [(tick.pair, str(tick.mid), tick.at) for tick in found] == [
        (EUR, "0.9213000000", NOW - timedelta(seconds=10))
    ]


def test_pointers_lead_through_lists_and_escapes(web: FakeWeb) -> None:
    web.says("/one.json", {"a/b": [{"~": "0.92"}]})

    assert mid(source(web_leg(web, "/a~1b/0/~0"))) == "0.92"


def test_without_a_time_it_is_as_of_the_answer(web: FakeWeb) -> None:
    web.says("/one.json", {"rates": {"EUR": "0.9213"}})

    assert source(web_leg(web)).fetch([EUR])[0].at == NOW


def test_legs_are_multiplied_and_may_be_inverted(web: FakeWeb) -> None:
    web.says("/usd.json", {"usdt": 0.999})
    web.says("/eur.json", {"eurusd": "1.25", "time": (NOW - timedelta(hours=20)).timestamp()})

    slow = web_leg(web, "/eurusd", "/eur.json", at="/time", inverted=True, max_age_seconds=86_400)
    found = source(web_leg(web, "/usdt", "/usd.json"), slow).fetch([EUR])

    assert (str(found[0].mid), found[0].at) == ("0.7992000000", NOW)


def test_a_leg_that_is_too_old_even_for_itself_is_refused(web: FakeWeb) -> None:
    web.says("/one.json", {"rates": {"EUR": 1.1}, "time": int((NOW - timedelta(days=3)).timestamp()) * 1000})
    slow = web_leg(web, at="/time", max_age_seconds=86_400)

    assert "too old" in problem(source(web_leg(web), slow))


def test_one_document_is_fetched_once_a_round(web: FakeWeb) -> None:
    web.says("/one.json", {"rates": {"EUR": 0.92, "AED": 3.67}})
    pairs = {code: web_leg(web, f"/rates/{code[-3:]}") for code in (EUR, "USDT/AED")}
    (found,) = configuration.build([{"name": "one", "pairs": pairs}], clock=clock.now)

    for _ in range(2):
        assert len(found.fetch([EUR, "USDT/AED"])) == 2

    assert web.asked == ["/one.json"] * 2


@pytest.mark.parametrize(
    "written",
    [
        *("NaN", "Infinity", "-Infinity", "1e400", "-0.92", "0", "0.0", "1e10", "1e-10", "true", "null", "[]", "{}"),
        *('"NaN"', '"Infinity"', '"1e400"', '"-1"', '"0x1"', '"0,92"', '"٠.٩٢"', '""', '"one"', '"1_0"', '"+1"'),
        pytest.param("9" * 5000, id="long"),
        pytest.param('"' + "9" * 5000 + '"', id="long text"),
        pytest.param("0." + "3" * 5000, id="long fraction"),
    ],
)
def test_hostile_numbers_are_refused(web: FakeWeb, written: str) -> None:
    web.says("/one.json", f'{{"rates": {{"EUR": {written}}}}}')

    assert problem(source(web_leg(web)))


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html>",
        "{",
        '{"rates": {}}',
        '{"rates": []}',
        '"0.92"',
        pytest.param("[" * 100_000, id="deep"),
        '{"rates": {"EUR": }}',
    ],
)
def test_malformed_documents_are_refused(web: FakeWeb, page: str) -> None:
    web.says("/one.json", page)

    assert problem(source(web_leg(web)))


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-11-26T12:00:00", "2026-11-26T12:00:31Z", None, True, {}, "1e300", 10**30, -(10**30)]
)
def test_times_that_are_none_or_to_come_are_refused(web: FakeWeb, at: object) -> None:
    web.says("/one.json", {"rates": {"EUR": 0.92}, "at": at})

    assert "time" in problem(source(web_leg(web, at="/at")))


def test_a_clock_a_little_ahead_is_now() -> None:
    assert read_instant("2026-11-26T12:00:20+00:00", now=NOW) == NOW


def test_refusals_and_redirects_are_problems(web: FakeWeb) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/one.json")
        handler.end_headers()

    web.says("/one.json", {"rates": {"EUR": 0.92}})
    web.pages["/moved.json"] = elsewhere

    assert "answers 404" in problem(source(web_leg(web, path="/none.json")))
    assert "answers 302" in problem(source(web_leg(web, path="/moved.json")))


def test_a_server_that_is_away_is_a_problem(web: FakeWeb) -> None:
    leg = web_leg(web)
    leg["url"] = "http://127.0.0.1:9/one.json"

    assert "127.0.0.1" in problem(source(leg))


def test_answers_without_end_are_cut_off(web: FakeWeb) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 100_000)

    def trickling(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    web.pages["/endless.json"] = _until_they_hang_up(endless)
    web.pages["/trickling.json"] = _until_they_hang_up(trickling)
    begun = time.monotonic()

    assert "more than" in problem(source(web_leg(web, path="/endless.json"), timeout_seconds=5))
    assert "took more than" in problem(source(web_leg(web, path="/trickling.json"), timeout_seconds=0.3))
    assert time.monotonic() - begun < 4


def _until_they_hang_up(page: Any) -> Any:
    def serve(handler: BaseHTTPRequestHandler) -> None:
        try:
            page(handler)
        except OSError:
            handler.close_connection = True

    return serve


# --- exchanges -------------------------------------------------------------------------------


def exchange(web: FakeWeb, symbol: str = EUR, **more: Any) -> Source:
    options = {"kraken": {"urls": {"api": {"public": web.url, "private": web.url}}}}
    return source({"exchange": "kraken", "symbol": symbol, **more}, options=options, timeout_seconds=2)


def test_an_exchange_gives_the_middle_of_bid_and_ask(web: FakeWeb) -> None:
    kraken(web, bid="0.92010", ask="0.92030")

    found = exchange(web).fetch([EUR])

    assert [(str(tick.mid), tick.at) for tick in found] == [("0.9202000000", NOW)]


def test_an_exchange_is_asked_for_its_markets_once(web: FakeWeb) -> None:
    kraken(web, bid="0.92010", ask="0.92030")
    found = exchange(web)

    for _ in range(3):
        found.fetch([EUR])

    asked = [path.partition("?")[0] for path in web.asked]
    assert asked.count("/0/public/AssetPairs") == 1
    assert asked.count("/0/public/Ticker") == 3


@pytest.mark.parametrize(
    ("bid", "ask", "words"),
    [
        ("0.93", "0.92", "bid above ask"),
        ("0.92", "0.99", "too far apart"),
        ("NaN", "0.92", ""),
        ("0.92", "1e400", ""),
        ("-0.92", "0.92", ""),
        ("0", "0.92", ""),
        ("", "0.92", ""),
        ("many", "0.92", ""),
    ],
)
def test_hostile_tickers_are_refused(web: FakeWeb, bid: str, ask: str, words: str) -> None:
    kraken(web, bid=bid, ask=ask)

    assert words in problem(exchange(web))


def test_what_an_exchange_does_not_trade_or_say_is_a_problem(web: FakeWeb) -> None:
    kraken(web, bid="0.92010", ask="0.92030")
    assert "BadSymbol" in problem(exchange(web, "USDT/XXX"))

    web.says("/0/public/Ticker", {"error": ["EService:Unavailable"], "result": {}})
    assert "kraken" in problem(exchange(web))
    web.says("/0/public/Ticker", "<html>busy</html>")
    assert "kraken" in problem(exchange(web))
    web.says("/0/public/Ticker", {"error": [], "result": []})
    assert "kraken" in problem(exchange(web))


def test_one_pair_in_trouble_leaves_the_others(web: FakeWeb) -> None:
    web.says("/one.json", {"rates": {"EUR": 0.92}})
    pairs = {code: web_leg(web, f"/rates/{code[-3:]}") for code in (EUR, "USDT/AED")}
    (found,) = configuration.build([{"name": "one", "pairs": pairs}], clock=clock.now)

    with pytest.raises(SourceFailed, match="USDT/AED: there is nothing at /rates/AED") as told:
        found.fetch(["USDT/AED", EUR])
    assert [tick.pair for tick in told.value.ticks] == [EUR]


# --- the configuration -----------------------------------------------------------------------

LEG = {"url": "https://rates.example/one.json", "pointer": "/eur"}


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({}, "needs a name"),
        ({"name": "One", "pairs": {EUR: LEG}}, "needs a name"),
        ({"name": "one"}, "needs pairs"),
        ({"name": "one", "pairs": {}}, "needs pairs"),
        ({"name": "one", "pairs": {EUR: LEG}, "key": 1}, "'key' is not known"),
        ({"name": "one", "pairs": {"EURUSDT": LEG}}, "written like USDT/EUR"),
        ({"name": "one", "pairs": {EUR: []}}, "without max_age_seconds"),
        ({"name": "one", "pairs": {EUR: LEG | {"max_age_seconds": 60}}}, "without max_age_seconds"),
        ({"name": "one", "pairs": {EUR: "url"}}, "a leg is an object"),
        ({"name": "one", "pairs": {EUR: LEG | {"url": "http://rates.example/"}}}, "https"),
        ({"name": "one", "pairs": {EUR: LEG | {"url": "file:///etc/passwd"}}}, "https"),
        ({"name": "one", "pairs": {EUR: LEG | {"pointer": "eur"}}}, "pointer"),
        ({"name": "one", "pairs": {EUR: LEG | {"at": "at"}}}, "pointer to the time"),
        ({"name": "one", "pairs": {EUR: LEG | {"inverted": "yes"}}}, "true or false"),
        ({"name": "one", "pairs": {EUR: [LEG, LEG | {"max_age_seconds": 0}]}}, "max_age_seconds"),
        ({"name": "one", "pairs": {EUR: {"exchange": "bank", "symbol": EUR}}}, "no exchange 'bank'"),
        ({"name": "one", "pairs": {EUR: {"exchange": "kraken"}}}, "needs a symbol"),
        ({"name": "one", "pairs": {EUR: LEG}, "timeout_seconds": 60}, "timeout_seconds"),
        ({"name": "one", "pairs": {EUR: LEG}, "options": {"kraken": {"apiKey": "k"}}}, "no keys"),
        ({"name": "one", "pairs": {EUR: LEG}, "options": {"kraken": 1}}, "one object per exchange"),
    ],
)
def test_what_makes_no_sense_is_said(described: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words) as told:
        configuration.build([described], clock=clock.now)
    assert str(told.value).startswith("REFERENCE_SOURCES: ")


def test_two_sources_have_two_names() -> None:
    described = {"name": "one", "pairs": {EUR: LEG}}

    with pytest.raises(ImproperlyConfigured, match="same name"):
        configuration.build([described, described], clock=clock.now)


# --- a round ---------------------------------------------------------------------------------


class FakeSource(Source):
    def __init__(self, name: str, outcome: Tick | Exception | Event) -> None:
        self.name = name
        self.outcome = outcome
        self.asked = 0

    def fetch(self, pair_codes: Sequence[str]) -> list[Tick]:
        self.asked += 1
        assert pair_codes == [EUR]
        if isinstance(self.outcome, Event):
            self.outcome.wait(10)
            return []
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return [self.outcome]


def tick(price: str = "0.92") -> Tick:
    return Tick(EUR, read_number(price), NOW)


def test_a_round_has_an_answer_of_each_source_and_none_stops_the_others() -> None:
    sources = [
        FakeSource("good", tick()),
        FakeSource("failing", SourceFailed("out of order", [tick("0.93")])),
        FakeSource("broken", RuntimeError("never\nseen before")),
    ]

    good, failing, broken = Fetcher(lambda: sources).round([EUR])

    assert (good.source, good.ticks, good.problem) == ("good", (tick(),), "")
    assert (failing.ticks, failing.problem) == ((tick("0.93"),), "out of order")
    assert (broken.ticks, broken.problem) == ((), "RuntimeError: never seen before")


def test_a_source_that_hangs_is_not_waited_for_nor_asked_again_before_it_comes_back() -> None:
    hanging = FakeSource("hanging", Event())
    fetcher = Fetcher(lambda: [hanging, FakeSource("good", tick())], seconds=0.2)
    begun = time.monotonic()

    for _ in range(3):
        first, second = fetcher.round([EUR])
        assert (first.problem, second.problem) == ("does not answer within 0.2 s", "")
    assert time.monotonic() - begun < 2
    assert hanging.asked == 1

    assert isinstance(hanging.outcome, Event)
    hanging.outcome.set()
    time.sleep(0.1)
    fetcher.round([EUR])  # collects what came late
    assert fetcher.round([EUR])[0].problem == ""
    assert hanging.asked == 2


def test_what_others_wrote_is_one_short_printable_line() -> None:
    assert one_line("a\nb\x1b[31m\u202ec" + "x" * 5000).startswith("a b [31m c")
    assert len(one_line("x" * 5000)) == 200
