"""The simulated people: what they read, at which price they answer, and that nothing stops them."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.conftest import KEY, LEO, Sandbox, bot_api, free_port
from trading.sandbox import market
from trading.sandbox.telegram.client import SandboxClient
from trading.sandbox.telegram.server import ConfigurationError

FELIX = 7003
CARD = "RFQ-7KQ2 · You sell USDT: 10,000.00 EUR, USDT/EUR\nOpen until 14:35\n\nReply: /quote RFQ-7KQ2 <price>"


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "POLL_SECONDS", 0.5)


def say(sandbox: Sandbox, chat_id: int, text: str, *buttons: str) -> Any:
    rows = [[{"text": label, "callback_data": label} for label in buttons]] if buttons else []
    return bot_api(sandbox, "sendMessage", chat_id=chat_id, text=text, reply_markup={"inline_keyboard": rows})


@contextmanager
def at_work(actor: market.Actor) -> Iterator[None]:
    thread = threading.Thread(target=actor.run, daemon=True)
    thread.start()
    time.sleep(0.3)
    try:
        yield
    finally:
        actor.stop.set()
        thread.join(5)
        assert not thread.is_alive()


def parts(url: str) -> dict[str, Any]:
    chance = random.Random(7)
    prices = market.Prices(chance)
    return {"client": SandboxClient(url, KEY), "prices": prices, "chance": chance, "stop": threading.Event()}


def leo(url: str, **changes: Any) -> market.LiquidityProvider:
    habits: dict[str, Any] = {"spread_bps": (5.0, 5.0), "passes": 0.0, "improves": 0.0, **changes}
    return market.LiquidityProvider(username="leo", **habits, **parts(url))


def said_by(sandbox: Sandbox, user_id: int, count: int, seconds: float = 8) -> list[str]:
    deadline = time.monotonic() + seconds
    while True:
        texts = [m["text"] for m in sandbox.client.messages(user_id) if not m["from"]["is_bot"]]
        if len(texts) >= count:
            return texts
        assert time.monotonic() < deadline, f"only {texts} was said"
        time.sleep(0.1)


def test_a_card_tells_reference_currency_and_side() -> None:
    assert market.read_card(CARD) == market.Request("RFQ-7KQ2", "EUR", lp_sells=True)
    assert market.read_card(CARD.replace("sell", "buy").replace("EUR", "AED")) == market.Request(
        "RFQ-7KQ2", "AED", lp_sells=False
    )


def test_a_card_is_read_through_bidi_marks() -> None:
    assert market.read_card(CARD.replace("RFQ-7KQ2", "\u2066RFQ-7KQ2\u2069")) is not None


@pytest.mark.parametrize("text", ["", "RFQ-7KQ2 expired", "Reply: /quote RFQ-7KQ2 <price>", "You sell USDT/EUR"])
def test_other_messages_are_not_cards(text: str) -> None:
    assert market.read_card(text) is None


def test_an_lp_sells_above_the_mid_and_buys_below_it() -> None:
    assert market.quote_price(0.92, lp_sells=True, spread_bps=10) == Decimal("0.9210")
    assert market.quote_price(0.92, lp_sells=False, spread_bps=10) == Decimal("0.9190")


def test_prices_move_stay_near_home_and_repeat_for_the_same_seed() -> None:
    def walk(seed: int) -> list[float]:
        ticks = iter(range(0, 100_000, 30))
        prices = market.Prices(random.Random(seed), clock=lambda: float(next(ticks)))
        return [prices.mid("EUR") for _ in range(500)]

    assert walk(1) == walk(1) != walk(2)
    assert len(set(walk(1))) > 400
    assert all(0.92 * 0.97 <= price <= 0.92 * 1.03 for price in walk(1))


def test_an_lp_answers_a_card_once_and_again_when_its_quote_ran_out(sandbox: Sandbox) -> None:
    actor = leo(sandbox.url)
    with at_work(actor):
        card = say(sandbox, LEO, CARD)
        (quote,) = said_by(sandbox, LEO, 1)
        bot_api(
            sandbox, "editMessageText", chat_id=LEO, message_id=card["message_id"], text=CARD + "\nYour quote: 0.92"
        )
        bot_api(
            sandbox,
            "editMessageText",
            chat_id=LEO,
            message_id=card["message_id"],
            text=CARD + "\nYou have no live quote now.",
        )
        assert len(said_by(sandbox, LEO, 2)) == 2

    command, reference, price = quote.split()
    assert (command, reference) == ("/quote", "RFQ-7KQ2")
    assert Decimal("0.92") < Decimal(price) < Decimal("0.96")


def test_an_lp_that_improves_gives_a_better_price_the_second_time(sandbox: Sandbox) -> None:
    actor = leo(sandbox.url, improves=1.0, spread_bps=(50.0, 50.0))
    with at_work(actor):
        say(sandbox, LEO, CARD)
        first, second = said_by(sandbox, LEO, 2)

    assert Decimal(second.split()[2]) < Decimal(first.split()[2])


def test_an_lp_that_passes_says_nothing(sandbox: Sandbox) -> None:
    with at_work(leo(sandbox.url, passes=1.0)):
        say(sandbox, LEO, CARD)
        time.sleep(1)

        assert [m for m in sandbox.client.messages(LEO) if not m["from"]["is_bot"]] == []


def test_what_was_asked_before_the_market_opened_is_left_alone(sandbox: Sandbox) -> None:
    say(sandbox, LEO, CARD)
    with at_work(leo(sandbox.url)):
        time.sleep(1)

        assert [m for m in sandbox.client.messages(LEO) if not m["from"]["is_bot"]] == []


def test_a_trader_asks_accepts_and_confirms(sandbox: Sandbox) -> None:
    actor = market.Trader(username="felix", interval=0.3, takes=1.0, **parts(sandbox.url))
    with at_work(actor):
        asked = said_by(sandbox, FELIX, 1)[0]
        card = say(sandbox, FELIX, "RFQ-7KQ2 quoted", "Accept 0.9213", "Cancel")
        accept = _press(sandbox, 0)
        bot_api(
            sandbox,
            "editMessageText",
            chat_id=FELIX,
            message_id=card["message_id"],
            text="RFQ-7KQ2 check the terms",
            reply_markup={"inline_keyboard": [[{"text": "Confirm: buy", "callback_data": "yes"}]]},
        )
        confirm = _press(sandbox, 1)

    assert asked.split()[0] == "/rfq"
    assert asked.split()[1] in ("buy", "sell")
    assert (accept["data"], confirm["data"]) == ("Accept 0.9213", "yes")


def _press(sandbox: Sandbox, index: int) -> Any:
    deadline = time.monotonic() + 10
    while True:
        updates = bot_api(sandbox, "getUpdates", timeout=1)
        presses = [update["callback_query"] for update in updates if "callback_query" in update]
        if len(presses) > index:
            return presses[index]
        assert time.monotonic() < deadline, "no button was pressed"


def test_an_actor_outlives_a_sandbox_that_is_away_and_does_not_hammer_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(market, "FIRST_PAUSE_SECONDS", 0.2)
    caplog.set_level("WARNING")
    actor = leo(f"http://127.0.0.1:{free_port()}")
    thread = threading.Thread(target=actor.run, daemon=True)

    thread.start()
    time.sleep(1.2)

    assert thread.is_alive()
    assert 2 <= len(caplog.records) <= 4
    assert "does not answer" in caplog.text
    actor.stop.set()
    thread.join(5)


@pytest.mark.parametrize(("name", "value"), [("SANDBOX_MARKET_INTERVAL", "soon"), ("SANDBOX_MARKET_INTERVAL", "-1")])
def test_a_senseless_interval_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("SANDBOX_CONTROL_KEY", KEY)
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name):
        market.Configuration.from_environment()


def test_with_interval_zero_only_the_lps_act() -> None:
    cast = market.actors(market.Configuration(url="http://x", control_key=KEY, interval=0), threading.Event())

    assert [actor.username for actor in cast] == ["leo", "mina"]
    for actor in cast:
        actor.client.close()
