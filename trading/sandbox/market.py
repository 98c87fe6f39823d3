"""
The simulated market: LPs that answer RFQs around a moving price, and a client that trades now and then.

They are Telegram users of the sandbox and nothing else: they read what the bot writes to them and answer
as a person would. Each has a thread of his own that sleeps in a long poll, and survives whatever is away.
"""

import logging
import random
import re
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from trading.sandbox.people import by_username
from trading.sandbox.rates import MIDS
from trading.sandbox.telegram.client import SandboxClient, SandboxError
from trading.sandbox.telegram.server import ConfigurationError, from_environment

type Json = dict[str, Any]

log = logging.getLogger("sandbox.market")

TICK = Decimal("0.0001")
STEP_BPS = 1.5
PULL_HOME = 0.02
LONGEST_DRIFT = 0.03
POLL_SECONDS = 20.0
ANNOUNCE_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
WAIT_FOR_QUOTES_SECONDS = 25.0
WAIT_FOR_CONFIRM_SECONDS = 10.0
REMEMBERED = 500
DAY_SECONDS = 86_400
LONGEST_WALK = 60
AMOUNTS = (500, 750, 1000, 1500, 2000, 2500, 5000)

REPLY_LINE = re.compile(r"Reply: /quote (RFQ-[A-Z2-9]{4,8})\b")
REFERENCE = re.compile(r"\bRFQ-[A-Z2-9]{4,8}\b")
PAIR = re.compile(r"\bUSDT/([A-Z]{3})\b")
ISOLATES = re.compile("[\u200e\u200f\u2066-\u2069]")
NO_LIVE_QUOTE = "no live quote"
MOST_QUOTES = 8
LP_SELLS = re.compile(r"\b(?:you |LP )?sells?\b", re.IGNORECASE)
LP_BUYS = re.compile(r"\b(?:you |LP )?buys?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """How the market is to behave; ``interval`` 0 means that only the LPs act."""

    url: str
    control_key: str
    interval: float = 30.0
    seed: int | None = None

    @classmethod
    def from_environment(cls) -> "Configuration":
        """
        Read SANDBOX_TELEGRAM_URL, SANDBOX_CONTROL_KEY, SANDBOX_MARKET_INTERVAL (seconds), SANDBOX_MARKET_SEED.

        :raises ConfigurationError: one is missing or makes no sense.
        """
        key = from_environment("SANDBOX_CONTROL_KEY")
        if not key:
            raise ConfigurationError("SANDBOX_CONTROL_KEY is not set: `make run` makes one in .local/desk.env.")
        interval = from_environment("SANDBOX_MARKET_INTERVAL", "30")
        seed = from_environment("SANDBOX_MARKET_SEED")
        try:
            seconds, chosen = float(interval), int(seed) if seed else None
        except ValueError:
            raise ConfigurationError("SANDBOX_MARKET_INTERVAL and SANDBOX_MARKET_SEED must be numbers.") from None
        if not 0 <= seconds <= DAY_SECONDS:
            raise ConfigurationError("SANDBOX_MARKET_INTERVAL must be between 0 and 86400 (a day).")
        url = from_environment("SANDBOX_TELEGRAM_URL", "http://127.0.0.1:9091")
        return cls(url=url, control_key=key, interval=seconds, seed=chosen)


class Prices:
    """A mid per currency that walks at random and is drawn home, so that it stays believable for days."""

    def __init__(self, chance: random.Random, clock: Callable[[], float] = time.monotonic) -> None:
        """Start at home."""
        self._chance = chance
        self._clock = clock
        self._now = {currency: (mid, clock()) for currency, mid in MIDS.items()}
        self._lock = threading.Lock()

    def mid(self, currency: str) -> float:
        """
        Give the mid as of now: one step for each second since it was last asked.

        :raises KeyError: the market does not make this currency.
        """
        with self._lock:
            price, at = self._now[currency]
            seconds = min(LONGEST_WALK, int(self._clock() - at))
            home = MIDS[currency]
            for _ in range(seconds):
                price *= 1 + self._chance.gauss(0, STEP_BPS / 10_000)
                price += (home - price) * PULL_HOME
            price = min(max(price, home * (1 - LONGEST_DRIFT)), home * (1 + LONGEST_DRIFT))
            if seconds:
                self._now[currency] = (price, at + seconds if seconds < LONGEST_WALK else self._clock())
            return price


@dataclass(frozen=True, slots=True)
class Request:
    """What an LP's card asks: ``lp_sells`` says that the LP would sell USDT."""

    reference: str
    currency: str
    lp_sells: bool


def read_card(text: str) -> Request | None:
    """Read an LP's RFQ card; None when the text is something else."""
    text = ISOLATES.sub("", text)
    reply, pair = REPLY_LINE.search(text), PAIR.search(text)
    if not reply or not pair:
        return None
    sells, buys = LP_SELLS.search(text), LP_BUYS.search(text)
    if not sells and not buys:
        return None
    lp_sells = buys is None or (sells is not None and sells.start() < buys.start())
    return Request(reply[1], pair[1], lp_sells)


def quote_price(mid: float, *, lp_sells: bool, spread_bps: float) -> Decimal:
    """Price around ``mid``: an LP sells above it and buys below it."""
    price = Decimal(repr(mid * (1 + (spread_bps if lp_sells else -spread_bps) / 10_000)))
    return price.quantize(TICK, ROUND_CEILING if lp_sells else ROUND_FLOOR)


@dataclass(slots=True, kw_only=True)
class Actor(ABC):
    """Someone with a chat, who looks at it again and again."""

    username: str
    client: SandboxClient
    prices: Prices
    chance: random.Random
    stop: threading.Event
    version: int = 0
    telegram_id: int = field(init=False)

    def __post_init__(self) -> None:
        """Look the person up."""
        self.telegram_id = by_username(self.username).telegram_id or 0

    def run(self) -> None:
        """Act until told to stop; what goes wrong is logged and tried again, ever slower."""
        try:
            self._act_on()
        finally:
            self.client.close()

    def _act_on(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        started = False
        while not self.stop.is_set():
            try:
                if not started:
                    self.start()
                    started = True
                self.act()
                pause = FIRST_PAUSE_SECONDS
            except SandboxError as problem:
                log.warning("%s: %s Trying again in %.0f s.", self.username, problem, pause)
                self.stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def start(self) -> None:
        """Take the chat as it is: what was asked before is over."""
        self.version = int(self.client.changes(self.telegram_id)["version"])

    def news(self, wait: float) -> list[Json]:
        """Give what changed in the chat since the last look."""
        changes = self.client.changes(self.telegram_id, after=self.version, wait=wait)
        if changes["version"] < self.version:  # the sandbox was emptied
            self.version = 0
            return []
        self.version = changes["version"]
        return [message for message in changes["messages"] if not message.get("deleted")]

    @abstractmethod
    def act(self) -> None:
        """Do one round."""

    def say(self, text: str) -> None:
        """Write to the bot."""
        self.client.say(self.telegram_id, text)


@dataclass(slots=True, kw_only=True)
class Announcer:
    """Says what the market is at, again and again, so that the desk has reference rates."""

    client: SandboxClient
    prices: Prices
    stop: threading.Event

    def run(self) -> None:
        """Announce until told to stop; while the stand-in is away, quietly try again."""
        try:
            while not self.stop.is_set():
                try:
                    self.client.rates({currency: self.prices.mid(currency) for currency in MIDS})
                except SandboxError as problem:
                    log.warning("The rates were not taken: %s", problem)
                self.stop.wait(ANNOUNCE_SECONDS)
        finally:
            self.client.close()


@dataclass(slots=True, kw_only=True)
class LiquidityProvider(Actor):
    """Answers each new RFQ card, sometimes passes or improves; quotes anew when its quote has run out."""

    spread_bps: tuple[float, float]
    passes: float
    improves: float
    quotes: dict[str, int] = field(default_factory=dict)

    def act(self) -> None:
        """Wait for cards and answer them."""
        for message in self.news(POLL_SECONDS):
            request = read_card(message.get("text", "")) if message["from"]["is_bot"] else None
            if not request:
                continue
            if request.reference not in self.quotes:
                self._answer(request)
            elif NO_LIVE_QUOTE in message["text"] and 0 < self.quotes[request.reference] < MOST_QUOTES:
                self._quote(request, self.chance.uniform(*self.spread_bps))

    def _count(self, reference: str, quotes: int) -> None:
        self.quotes[reference] = self.quotes.get(reference, 0) + quotes
        while len(self.quotes) > REMEMBERED:
            del self.quotes[next(iter(self.quotes))]

    def _answer(self, request: Request) -> None:
        self._count(request.reference, 0)
        if request.currency not in MIDS:
            log.info("%s passes on %s: makes no price in %s.", self.username, request.reference, request.currency)
            return
        if self.chance.random() < self.passes:
            log.info("%s passes on %s.", self.username, request.reference)
            return
        if self.stop.wait(self.chance.uniform(0.5, 3.0)):
            return
        spread = self.chance.uniform(*self.spread_bps)
        self._quote(request, spread)
        if self.chance.random() < self.improves and not self.stop.wait(self.chance.uniform(1.0, 2.5)):
            self._quote(request, spread * 0.6)

    def _quote(self, request: Request, spread_bps: float) -> None:
        price = quote_price(self.prices.mid(request.currency), lp_sells=request.lp_sells, spread_bps=spread_bps)
        self._count(request.reference, 1)
        self.say(f"/quote {request.reference} {price}")


@dataclass(slots=True, kw_only=True)
class Trader(Actor):
    """Asks for a price now and then; takes most of the good ones."""

    interval: float
    takes: float

    def act(self) -> None:
        """Sleep, ask, and see the request through."""
        if self.stop.wait(self.chance.uniform(self.interval * 2 / 3, self.interval * 4 / 3)):
            return
        self.news(0)
        currency = self.chance.choice(tuple(MIDS))
        amount = self.chance.choice(AMOUNTS)
        side = self.chance.choice(("buy", "sell"))
        self.say(f"/rfq {side} {amount} {currency}" if side == "buy" else f"/rfq {side} {amount} USDT {currency}")
        card = self._watch(WAIT_FOR_QUOTES_SECONDS, "Accept")
        if card is None:
            log.info("%s got no quote to accept in %.0f s.", self.username, WAIT_FOR_QUOTES_SECONDS)
        elif self.chance.random() >= self.takes:
            log.info("%s lets %s expire.", self.username, _reference(card))
        else:
            self._take(card)

    def _take(self, card: Json) -> None:
        # A moment to think: a better quote may replace the first one, and then the button is another one.
        self.stop.wait(self.chance.uniform(1.0, 3.0))
        if not self._press(card, "Accept"):
            return
        confirm = self._watch(WAIT_FOR_CONFIRM_SECONDS, "Confirm", _reference(card))
        if confirm is None:
            log.info("%s saw no confirmation for %s.", self.username, _reference(card))
        elif self._press(confirm, "Confirm"):
            log.info("%s confirmed %s.", self.username, _reference(card))

    def _press(self, message: Json, button: str) -> bool:
        try:
            self.client.press(self.telegram_id, message["message_id"], button)
        except SandboxError as problem:
            if problem.code not in ("no_such_button", "no_such_message"):
                raise
            log.info("%s was too late for %s: %s", self.username, _reference(message), problem.detail)
            return False
        return True

    def _watch(self, seconds: float, button: str, reference: str = "") -> Json | None:
        """Wait for a card with this button (of this RFQ); None when none came."""
        deadline = time.monotonic() + seconds
        while not self.stop.is_set() and (left := deadline - time.monotonic()) > 0:
            for message in self.news(left):
                if has_button(message, button) and (not reference or reference in message.get("text", "")):
                    return message
        return None


def has_button(message: Json, prefix: str) -> bool:
    """Say whether a message carries a button whose text begins so."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return any(button["text"].startswith(prefix) for row in rows for button in row)


def _reference(message: Json) -> str:
    found = REFERENCE.search(message.get("text", ""))
    return found[0] if found else "an RFQ"


def actors(configuration: Configuration, stop: threading.Event, prices: Prices | None = None) -> list[Actor]:
    """Cast the market's people."""
    chance = random.Random(configuration.seed)
    prices = prices or Prices(random.Random(chance.random()))

    def shared() -> dict[str, Any]:
        client = SandboxClient(configuration.url, configuration.control_key)
        return {"client": client, "prices": prices, "chance": random.Random(chance.random()), "stop": stop}

    cast: list[Actor] = [
        LiquidityProvider(username="leo", spread_bps=(4, 10), passes=0.0, improves=0.15, **shared()),
        LiquidityProvider(username="mina", spread_bps=(5, 14), passes=0.2, improves=0.3, **shared()),
    ]
    if configuration.interval:
        cast.append(Trader(username="felix", interval=configuration.interval, takes=0.8, **shared()))
    return cast


def run(configuration: Configuration) -> None:
    """Play the market until the process is told to end (SIGINT, SIGTERM)."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    prices = Prices(random.Random(configuration.seed))
    cast = actors(configuration, stop, prices)
    client = SandboxClient(configuration.url, configuration.control_key)
    announcer = Announcer(client=client, prices=prices, stop=stop)
    # Daemons: whoever sleeps in a long poll need not wake up for the end.
    threads = [threading.Thread(target=actor.run, name=actor.username, daemon=True) for actor in cast]
    threads.append(threading.Thread(target=announcer.run, name="rates", daemon=True))
    for thread in threads:
        thread.start()
    log.info("Market: %s are at work.", ", ".join(actor.username for actor in cast))
    while not stop.wait(1.0):
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead:
            raise RuntimeError(f"{', '.join(dead)} stopped unexpectedly; the log says why.")
