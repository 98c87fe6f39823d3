"""
Fetching updates from Telegram.

The library's own updater acknowledges before anything is stored; here an update is acknowledged (by
the next offset) only after it is in the inbox. One poller per token: a leader lock in the database
keeps a second one waiting.
"""

import asyncio
import hashlib
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError
from procrastinate.contrib.django.utils import connector_params
from telegram import Bot
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from alerting import operations
from alerting.telegram import new_bot
from trading.bot import profile, registry, tokens
from trading.bot.application import ALLOWED_UPDATES
from trading.lib import clock, threads

log = logging.getLogger("desk.bot")

POLL_SECONDS = 10
LEADER_SECONDS = 1.0
CONNECT_SECONDS = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
HEARTBEAT = "bot"
NETWORK_IS_AWAY = "Telegram does not answer at {url} ({why})"
CONFLICT = "Telegram says that somebody else polls with this token: end the other poller, or remove its webhook"
DATABASE_IS_AWAY = "PostgreSQL does not answer ({why})"


class Poller:
    """Polls as long as it leads; survives whatever is away."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE
        self._complaint = ""
        self._offset = 0
        self._is_introduced = False

    async def run(self) -> None:
        """
        Poll for ever. Cancel it to end: whatever was not stored yet will be sent again.

        :raises WrongToken: Telegram does not know the token.
        """
        while True:
            try:
                async with await _connect() as session:
                    await _lead(session)
                    await self._poll(session)
            except (psycopg.Error, DatabaseError) as error:
                await self._rest(DATABASE_IS_AWAY.format(why=_first_line(error)))
            except RetryAfter as error:
                wish = error.retry_after
                await asyncio.sleep(wish if isinstance(wish, int) else wish.total_seconds())
            except TelegramError as error:
                if isinstance(error, InvalidToken):
                    await tokens.ask_again()
                await self._rest(sentence(error))

    async def _poll(self, session: psycopg.AsyncConnection) -> None:
        """Fetch, store, acknowledge, again and again."""
        async with new_bot(poll_seconds=POLL_SECONDS) as bot:
            if not self._is_introduced:
                await introduce(bot)
                self._is_introduced = True
            await bot.delete_webhook()  # one that is set would keep every poll from working; nothing waiting is lost
            wait = 0
            while True:
                updates = await bot.get_updates(
                    offset=self._offset or None, timeout=wait, allowed_updates=ALLOWED_UPDATES
                )
                await session.execute("select 1")  # raises when the session, and with it the lead, is lost
                now = clock.now()
                if updates:
                    raw = [update.to_dict() for update in updates]
                    await threads.run(operations.store_updates, updates=raw, now=now)
                    self._offset = updates[-1].update_id + 1
                await threads.run(operations.beat, name=HEARTBEAT, now=now)
                if not wait:
                    self._well(bot.username)
                wait = POLL_SECONDS

    def _well(self, name: str) -> None:
        """Say that polling works (again)."""
        if self._complaint:
            log.info("the bot is back")
        else:
            log.info("the bot @%s listens", name)
        self._pause, self._complaint = FIRST_PAUSE, ""

    async def _rest(self, complaint: str) -> None:
        """Say what is wrong, once, and wait a little longer each time."""
        if complaint != self._complaint:
            log.warning("%s. Trying again.", complaint)
        self._complaint = complaint
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


async def _connect() -> psycopg.AsyncConnection:
    params = connector_params("default") | {"connect_timeout": CONNECT_SECONDS}
    return await psycopg.AsyncConnection.connect(**params, autocommit=True)


async def _lead(session: psycopg.AsyncConnection) -> None:
    """Wait until no other process polls with this token. The lock lives as long as the session."""
    is_told = False
    while True:
        row = await (await session.execute("select pg_try_advisory_lock(%s)", [_lock_number()])).fetchone()
        if row and row[0]:
            return
        if not is_told:
            log.warning("Another process polls with this token; waiting until it ends.")
            is_told = True
        await asyncio.sleep(LEADER_SECONDS)


def _lock_number() -> int:
    """A 64-bit number of the token, which itself must not be seen in `pg_locks`."""
    digest = hashlib.sha256(b"desk.bot:" + settings.TELEGRAM_BOT_TOKEN.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


async def introduce(bot: Bot) -> None:
    """Show who the bot is and what it can do: to everybody, and in the chats whose menu is of an older edition."""
    await profile.present(bot)
    await threads.run(operations.renew_menus, edition=registry.edition(), now=clock.now())


def sentence(error: TelegramError) -> str:
    """Say what is wrong, in one sentence."""
    match error:
        case InvalidToken():
            return tokens.REFUSED_ONCE
        case Conflict():
            return CONFLICT
        case _:
            return NETWORK_IS_AWAY.format(url=settings.TELEGRAM_API_URL, why=_first_line(error))


def _first_line(problem: object) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]


async def run_until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until told to stop."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
