"""Delivery by webhook: one update at a time, in order, again until the bot answers 2xx."""

import asyncio
import re
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from trading.sandbox.telegram.errors import bad_request
from trading.sandbox.telegram.params import Params
from trading.sandbox.telegram.state import State
from trading.sandbox.telegram.updates import LostAnswer, Updates

type Json = dict[str, Any]

SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = aiohttp.ClientTimeout(total=10)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class Webhook:
    """The webhook's settings and its deliverer."""

    def __init__(self, state: State, updates: Updates) -> None:
        """Deliver these updates where ``state`` says."""
        self._state = state
        self._updates = updates
        self._task: asyncio.Task[None] | None = None
        self._last_error: Json = {}

    def set(self, params: Params) -> bool:
        """Do setWebhook; the sandbox delivers to this machine only, and over plain http."""
        url = params.text("url")
        if not url:
            return self.delete(params)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname not in LOOPBACK:
            raise bad_request("bad webhook: the sandbox delivers to http://127.0.0.1, http://localhost or http://[::1]")
        secret = params.text("secret_token")
        if secret and not SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        if params.flag("drop_pending_updates"):
            self._updates.forget_all()
        value = {"url": url, "secret_token": secret, "max_connections": params.integer("max_connections", 40)}
        self._state.record({"e": "set", "name": "webhook", "value": value}, *allowed_updates_event(params))
        self._last_error = {}
        self._updates.end_poller("terminated by setWebhook request")
        self.start()
        return True

    def delete(self, params: Params) -> bool:
        """Do deleteWebhook."""
        if params.flag("drop_pending_updates"):
            self._updates.forget_all()
        if self._state.webhook:
            self._state.record({"e": "set", "name": "webhook", "value": {}})
        return True

    def info(self) -> Json:
        """Do getWebhookInfo."""
        webhook = self._state.webhook
        answer: Json = {
            "url": webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self._state.pending),
        }
        if webhook:
            answer["max_connections"] = webhook["max_connections"]
            answer.update(self._last_error)
        if self._state.allowed_updates:
            answer["allowed_updates"] = self._state.allowed_updates
        return answer

    def start(self) -> None:
        """Begin delivering if a webhook is set; called at start too."""
        if self._state.webhook and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def stop(self) -> None:
        """End the deliverer."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _deliver(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while self._state.webhook:
                due = self._updates.due(1)
                if not due:
                    await self._state.news(self._updates.seconds_until_due())
                elif await self._send(session, due[0]):
                    self._updates.confirm([due[0]["update_id"]])
                    pause = FIRST_PAUSE_SECONDS
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _send(self, session: aiohttp.ClientSession, update: Json) -> bool:
        webhook = self._state.webhook
        secret = webhook["secret_token"]
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            self._updates.given([update])
            async with session.post(webhook["url"], json=update, headers=headers, allow_redirects=False) as answer:
                if answer.ok:
                    return True
                problem = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except LostAnswer:
            problem = "Read timeout expired"
        except TimeoutError:
            problem = "Read timeout expired"
        except aiohttp.ClientError as error:
            problem = f"Connection failed: {type(error).__name__}"
        self._last_error = {"last_error_date": int(time.time()), "last_error_message": problem}
        return False


def allowed_updates_event(params: Params) -> list[Json]:
    """Give the event that keeps allowed_updates, when the call names it (an empty list means all)."""
    wanted = params.structure("allowed_updates")
    if wanted is None:
        return []
    if not isinstance(wanted, list) or not all(isinstance(kind, str) for kind in wanted):
        raise bad_request("allowed_updates must be an Array of String")
    return [{"e": "set", "name": "allowed_updates", "value": wanted}]
