"""The stand-in serves what the simulated market is at, as two sources of rates."""

import random
import threading
import time

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from rfq.rates import configuration
from tests.sandbox.conftest import KEY, Sandbox
from trading import checks, env
from trading.lib import clock
from trading.sandbox import market
from trading.sandbox.rates import sandbox_sources
from trading.sandbox.telegram.client import SandboxClient, SandboxError

PAIRS = ["USDT/EUR", "USDT/AED"]


def test_the_desk_reads_both_sources_of_the_market(sandbox: Sandbox) -> None:
    sandbox.client.rates({"EUR": 0.92, "AED": 3.67})
    one, two = configuration.build(sandbox_sources(sandbox.url), clock=clock.now)

    first, second = ({tick.pair: tick for tick in source.fetch(PAIRS)} for source in (one, two))

    assert [str(first[pair].mid) for pair in PAIRS] == ["0.9200460000", "3.6701835000"]
    assert [str(second[pair].mid) for pair in PAIRS] == ["0.9199540000", "3.6698165000"]
    assert 0 <= (clock.now() - first["USDT/EUR"].at).total_seconds() < 10


def test_before_the_market_speaks_there_are_no_rates(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/rates/one.json").status_code == 404
    sandbox.client.rates({"EUR": 0.92})
    assert httpx.get(f"{sandbox.url}/rates/one.json").status_code == 200
    assert httpx.get(f"{sandbox.url}/rates/three.json").status_code == 404


@pytest.mark.parametrize("rates", ['{"EUR": "0.92"}', '{"EUR": -1}', '{"EUR": NaN}', '{"EURO": 1}', "[]", "1", "null"])
def test_what_are_no_rates_is_refused(sandbox: Sandbox, rates: str) -> None:
    answer = httpx.post(f"{sandbox.url}/control/rates", content=f'{{"rates": {rates}}}', headers={"X-Sandbox-Key": KEY})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_only_the_market_sets_them(sandbox: Sandbox) -> None:
    with SandboxClient(sandbox.url, "another key") as stranger, pytest.raises(SandboxError, match="wrong_key"):
        stranger.rates({"EUR": 0.92})


def test_the_market_announces_until_it_is_told_to_stop(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "ANNOUNCE_SECONDS", 0.05)
    stop = threading.Event()
    client = SandboxClient(sandbox.url, KEY)
    announcer = market.Announcer(client=client, prices=market.Prices(random.Random(1)), stop=stop)
    thread = threading.Thread(target=announcer.run, daemon=True)
    thread.start()
    seen = set()
    for _ in range(20):
        time.sleep(0.05)
        seen.add(httpx.get(f"{sandbox.url}/rates/one.json").json().get("at"))

    stop.set()
    thread.join(5)

    assert not thread.is_alive()
    assert len(seen) > 3


def test_sources_are_a_list_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFERENCE_SOURCES", raising=False)
    assert env.objects("REFERENCE_SOURCES", [{"name": "default"}]) == [{"name": "default"}]
    for value in ("{}", "[1]", "kraken", '"[]"'):
        monkeypatch.setenv("REFERENCE_SOURCES", value)
        with pytest.raises(ImproperlyConfigured, match="REFERENCE_SOURCES"):
            env.objects("REFERENCE_SOURCES", [])


def test_checks_say_what_is_wrong_with_the_sources(settings: pytest.MonkeyPatch) -> None:
    for sources, faults, warnings in (
        ([], [], ["desk.W010"]),
        ([{"name": "one"}], ["desk.E010"], ["desk.W010"]),
        (sandbox_sources("https://rates.example"), [], []),
    ):
        settings.REFERENCE_SOURCES = sources  # type: ignore[attr-defined]
        assert [fault.id for fault in checks.reference_sources()] == faults
        assert [warning.id for warning in checks.two_sources()] == warnings
