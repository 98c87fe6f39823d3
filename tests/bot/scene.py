"""A desk with Telegram at the other end: people write and press, updates are fetched, jobs run, the screen shows."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alerting import operations
from alerting.telegram import new_bot
from tests import factories, jobs
from tests.bot.workers import Worker
from tests.factories import Market
from tests.remembered import remembered
from trading.lib import clock
from trading.lib.direction import unmarked
from trading.sandbox.telegram.client import SandboxClient
from users import operations as user_operations
from users.models import User

TARA, NAVID, LEO, MINA, STRANGER, SAM, GROUP = 7001, 7002, 7101, 7102, 7901, 7902, -7001

type Json = dict[str, Any]


@dataclass
class Scene:
    """The market's people linked to the sandbox's Telegram accounts."""

    market: Market
    client: SandboxClient
    worker: Worker
    offset: int = 0
    seen: dict[int, int] = field(default_factory=dict)

    def say(self, who: int, text: str, *, chat_id: int | None = None) -> list[Json]:
        """Write, let the desk work, and give what the bot wrote or changed in that chat."""
        self.look(chat_id or who)
        self.client.say(who, text, chat_id=chat_id)
        self.turn()
        return self.look(chat_id or who)

    def answer(self, who: int, message: Json, text: str) -> list[Json]:
        """Write an answer to one of the bot's messages, let the desk work, and give what changed in that chat."""
        self.look(who)
        self.client.say(who, text, reply_to=message["message_id"])
        self.turn()
        return self.look(who)

    def press(self, who: int, message: Json, button: str) -> list[Json]:
        """Press, let the desk work, and give what changed in that chat."""
        self.look(who)
        self.client.press(who, message["message_id"], button)
        self.turn()
        return self.look(who)

    def forge(self, who: int, message: Json, data: str) -> str:
        """Press a button that is not there; give the words above it."""
        self.look(who)
        version = self.seen[who]
        self.client.press(who, message["message_id"], callback_data=data, stale=True)
        self.turn()
        return str(self.client.changes(who, after=version)["notices"][-1]["text"])

    def turn(self) -> None:
        """Fetch what was written, store it, and do all jobs that are due."""
        self.store()
        self.work()

    def work(self) -> None:
        """Do all jobs that are due."""
        self.worker.settle()

    def store(self) -> list[Json]:
        """Fetch updates once, as the poller does."""
        updates = asyncio.run(_fetch(self.offset))
        if updates:
            operations.store_updates(updates=updates, now=clock.now())
            self.offset = updates[-1]["update_id"] + 1
        return updates

    def until(self, condition: Callable[[], Any], *, seconds: float = 60.0) -> None:
        """Keep working until it is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not become so in time"
            time.sleep(0.05)
            self.work()

    def look(self, chat_id: int) -> list[Json]:
        """Give the bot's messages of a chat that are new or changed since the last look."""
        changes = self.client.changes(chat_id, after=self.seen.get(chat_id, 0))
        self.seen[chat_id] = changes["version"]
        return [m for m in changes["messages"] if not m.get("deleted") and m["from"]["is_bot"]]

    def screen(self, chat_id: int) -> list[Json]:
        """Give all of the bot's messages in a chat as they are now."""
        return [m for m in self.client.messages(chat_id) if m["from"]["is_bot"]]

    def card(self, chat_id: int) -> Json:
        """Give the chat's newest card of an RFQ."""
        cards = [m for m in self.screen(chat_id) if unmarked(m["text"]).startswith("RFQ-")]
        assert cards, f"no card in {[m['text'] for m in self.screen(chat_id)]}"
        return cards[-1]


def buttons(message: Json) -> list[str]:
    """The texts of a message's buttons."""
    return [button["text"] for button in flat(message)]


def flat(message: Json) -> list[Json]:
    """A message's buttons."""
    return [button for row in message.get("reply_markup", {}).get("inline_keyboard", []) for button in row]


def token_of(message: Json, prefix: str) -> str:
    """What the button whose text begins so carries."""
    return next(str(b["callback_data"]) for b in flat(message) if b["text"].startswith(prefix))


def ref_of(message: Json) -> str:
    """The ref a card is about."""
    return str(message["text"].split()[0])


def link(user: User, telegram_id: int) -> None:
    """Give a user a Telegram account."""
    user_operations.link_telegram(user=user, telegram_id=telegram_id, now=clock.now())


@remembered
def cast() -> Market:
    """A market whose trader and dealers are in Telegram; a second trader reads Persian, a third is suspended."""
    market = factories.market()
    navid = factories.user("trader", of=market.client, language="fa")
    sam = factories.user("trader", of=market.client)
    jobs.run_all(queues=["messages"])  # nobody hears how all this came about
    for user, telegram_id in ((market.tara, TARA), (navid, NAVID), (market.leo, LEO), (market.mina, MINA), (sam, SAM)):
        link(user, telegram_id)
    user_operations.suspend_user(user=sam, actor=None, reason="for a test", now=clock.now())
    return market


async def _fetch(offset: int) -> list[Json]:
    async with new_bot() as bot:
        return [update.to_dict() for update in await bot.get_updates(offset=offset or None, timeout=0)]
