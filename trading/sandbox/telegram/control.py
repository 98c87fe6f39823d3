"""
The control side: faults, people's acts and what their screens show, as JSON for tests and the market.

Every call carries ``X-Sandbox-Key``. Answers are ``{"ok": true, "result": …}`` or
``{"ok": false, "error": {"code": …, "detail": …}}``.
"""

import asyncio
import hmac
import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from trading.sandbox.telegram import menus
from trading.sandbox.telegram.bot_api import BotApi
from trading.sandbox.telegram.errors import ControlError
from trading.sandbox.telegram.faults import Faults
from trading.sandbox.telegram.params import read as read_parameters
from trading.sandbox.telegram.people_side import PeopleSide
from trading.sandbox.telegram.rates import Rates
from trading.sandbox.telegram.state import GROUP_BY_ID, USERS, State, Stored
from trading.sandbox.telegram.updates import Updates

type Json = dict[str, Any]

MAX_BODY = 64 * 1024
MAX_WAIT_SECONDS = 30.0
MAX_MESSAGES = 500


class Control:
    """What tests and the simulated people may do."""

    def __init__(
        self,
        *,
        key: str,
        state: State,
        updates: Updates,
        faults: Faults,
        people: PeopleSide,
        bot_api: BotApi,
        rates: Rates,
        files: Path,
    ) -> None:
        """Steer these parts for whoever has ``key``."""
        self._key = key
        self._state = state
        self._updates = updates
        self._faults = faults
        self._people = people
        self._bot_api = bot_api
        self._rates = rates
        self._files = files

    def routes(self) -> list[web.RouteDef]:
        """List the addresses."""
        return [
            web.post("/control/say", self.say),
            web.post("/control/file", self.file),
            web.post("/control/edit", self.edit),
            web.post("/control/forward", self.forward),
            web.post("/control/delete", self.delete),
            web.post("/control/press", self.press),
            web.post("/control/block", self.block),
            web.post("/control/unblock", self.unblock),
            web.get("/control/chats", self.chats),
            web.get("/control/messages", self.messages),
            web.get("/control/menu", self.menu),
            web.get("/control/faults", self.list_faults),
            web.post("/control/faults", self.add_fault),
            web.delete("/control/faults", self.clear_faults),
            web.post("/control/rates", self.set_rates),
            web.get("/control/state", self.show_state),
            web.post("/control/reset", self.reset),
        ]

    async def say(self, request: web.Request) -> web.Response:
        """Let somebody write: ``{"user_id", "text", "chat_id", "reply_to"?}``."""
        data = await self._body(request, {"user_id", "text", "chat_id", "reply_to"})
        where = _optional(data, "chat_id"), _optional(data, "reply_to")
        return _ok(self._people.say(_integer(data, "user_id"), _text(data, "text"), *where))

    async def file(self, request: web.Request) -> web.Response:
        """Let somebody send a file: a form with ``file``, and ``user_id``, ``caption``, ``photo`` (1), ``chat_id``."""
        self._authorise(request)
        form = await read_parameters(request)
        upload = form.upload("file")
        if upload is None:
            raise ControlError(400, "invalid", "Send the file in the form's field file.")
        chat_id = form.integer("chat_id", 0) or None
        as_photo = form.flag("photo")
        sent = self._people.send_file(
            form.integer("user_id"), upload, caption=form.text("caption"), as_photo=as_photo, chat_id=chat_id
        )
        return _ok(sent)

    async def edit(self, request: web.Request) -> web.Response:
        """Let somebody edit: ``{"user_id", "message_id", "text", "chat_id"?}``."""
        data = await self._body(request, {"user_id", "message_id", "text", "chat_id"})
        user_id, message_id = _integer(data, "user_id"), _integer(data, "message_id")
        return _ok(self._people.edit(user_id, message_id, _text(data, "text"), _optional(data, "chat_id")))

    async def forward(self, request: web.Request) -> web.Response:
        """Let somebody forward: ``{"user_id", "message_id", "source", "chat_id"?}``; ``source`` is its chat."""
        data = await self._body(request, {"user_id", "message_id", "source", "chat_id"})
        message_id, source = _integer(data, "message_id"), _integer(data, "source")
        chat_id = _optional(data, "chat_id")
        return _ok(self._people.forward(_integer(data, "user_id"), message_id, source=source, chat_id=chat_id))

    async def delete(self, request: web.Request) -> web.Response:
        """Let somebody delete a message: ``{"user_id", "message_id", "chat_id"?}``."""
        data = await self._body(request, {"user_id", "message_id", "chat_id"})
        self._people.delete(_integer(data, "user_id"), _integer(data, "message_id"), _optional(data, "chat_id"))
        return _ok(result=True)

    async def press(self, request: web.Request) -> web.Response:
        """Let somebody press: ``{"user_id", "message_id", "button" or "callback_data", "chat_id"?, "stale"?}``."""
        data = await self._body(request, {"user_id", "message_id", "button", "callback_data", "chat_id", "stale"})
        button, callback_data = _text(data, "button"), _text(data, "callback_data")
        if not button and not callback_data:
            raise ControlError(400, "invalid", "Name the button by its text (button) or its data (callback_data).")
        query = self._people.press(
            _integer(data, "user_id"),
            _integer(data, "message_id"),
            button=button,
            data=callback_data,
            chat_id=_optional(data, "chat_id"),
            stale=data.get("stale") is True,
        )
        return _ok(query)

    async def block(self, request: web.Request) -> web.Response:
        """Let somebody block the bot: ``{"user_id"}``."""
        data = await self._body(request, {"user_id"})
        self._people.block(_integer(data, "user_id"), blocked=True)
        return _ok(result=True)

    async def unblock(self, request: web.Request) -> web.Response:
        """Let somebody unblock the bot: ``{"user_id"}``."""
        data = await self._body(request, {"user_id"})
        self._people.block(_integer(data, "user_id"), blocked=False)
        return _ok(result=True)

    async def chats(self, request: web.Request) -> web.Response:
        """List the chats there can be, with their last version."""
        self._authorise(request)
        return _ok(
            [
                {
                    "chat_id": chat_id,
                    "name": USERS[chat_id].username if chat_id in USERS else GROUP_BY_ID[chat_id].title,
                    "messages": len(self._state.chat(chat_id).messages),
                    "version": self._state.chat(chat_id).version,
                    "blocked": chat_id in self._state.blocked,
                }
                for chat_id in [*USERS, *GROUP_BY_ID]
            ]
        )

    async def messages(self, request: web.Request) -> web.Response:
        """
        Show what changed in a chat since version ``after``, as its screen would; waits up to ``wait`` seconds.

        Deleted messages come as ``{"message_id", "deleted": true}``; every message carries its ``version``.
        """
        self._authorise(request)
        chat_id = _query_integer(request, "chat_id")
        if chat_id not in USERS and chat_id not in GROUP_BY_ID:
            raise ControlError(404, "no_such_chat", f"There is no chat {chat_id}.")
        after = _query_integer(request, "after", 0)
        wait = max(0.0, min(_query_seconds(request, "wait"), MAX_WAIT_SECONDS))
        if self._state.chat(chat_id).version <= after:
            await wait_for_version(self._state, chat_id, after, wait)
        chat = self._state.chat(chat_id)
        changed = [
            {**stored.message, "version": stored.version, **_marks(stored)}
            for stored in chat.messages.values()
            if stored.version > after
        ]
        notices = [notice for notice in chat.notices if notice["version"] > after]
        return _ok({"version": chat.version, "messages": changed[-MAX_MESSAGES:], "notices": notices})

    async def menu(self, request: web.Request) -> web.Response:
        """Show the commands that the bot set for this very chat; a chat without any has those of everybody."""
        self._authorise(request)
        return _ok(menus.of_chat_alone(self._state, _query_integer(request, "chat_id")))

    async def list_faults(self, request: web.Request) -> web.Response:
        """List the faults that wait."""
        self._authorise(request)
        return _ok(self._faults.as_json())

    async def add_fault(self, request: web.Request) -> web.Response:
        """Order a fault; its fields are those of `trading.sandbox.telegram.faults.Fault`."""
        return _ok(asdict(self._faults.add(await self._body(request, None))))

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Forget the faults, also those that already hold updates back."""
        self._authorise(request)
        self._faults.clear()
        self._updates.forget_mistreatment()
        self._state.wake()
        return _ok(result=True)

    async def set_rates(self, request: web.Request) -> web.Response:
        """Say what the market is at: ``{"rates": {"EUR": 0.92}}``."""
        data = await self._body(request, {"rates"})
        self._rates.take(data.get("rates"))
        return _ok(result=True)

    async def show_state(self, request: web.Request) -> web.Response:
        """Show what waits for the bot, and its last calls."""
        self._authorise(request)
        return _ok(
            {
                "version": self._state.version,
                "pending_updates": list(self._state.pending.values()),
                "webhook": self._state.webhook.get("url", ""),
                "blocked": sorted(self._state.blocked),
                "calls": list(self._bot_api.calls),
            }
        )

    async def reset(self, request: web.Request) -> web.Response:
        """Empty everything; ids go on where they were, so that old ones never come again."""
        self._authorise(request)
        self._faults.clear()
        self._updates.forget_mistreatment()
        self._bot_api.calls.clear()
        self._rates.forget()
        self._state.record({"e": "reset"})
        shutil.rmtree(self._files, ignore_errors=True)
        return _ok(result=True)

    def _authorise(self, request: web.Request) -> None:
        given = request.headers.get("X-Sandbox-Key", "")
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            raise ControlError(403, "wrong_key", "Send the SANDBOX_CONTROL_KEY in the header X-Sandbox-Key.")

    async def _body(self, request: web.Request, known: set[str] | None) -> Json:
        self._authorise(request)
        raw = await request.content.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise ControlError(413, "too_large", f"A body has at most {MAX_BODY} bytes.")
        try:
            data = json.loads(raw)
        except ValueError:
            raise ControlError(400, "invalid_json", "The body must be a JSON object.") from None
        if not isinstance(data, dict):
            raise ControlError(400, "invalid_json", "The body must be a JSON object.")
        if known is not None and (unknown := sorted(set(data) - known)):
            words = f"Unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}."
            raise ControlError(400, "invalid", words)
        return data


async def wait_for_version(state: State, chat_id: int, after: int, seconds: float) -> None:
    """Wait until a chat is newer than ``after``, at most so long."""
    loop_time = asyncio.get_running_loop().time
    deadline = loop_time() + seconds
    while state.chat(chat_id).version <= after and (left := deadline - loop_time()) > 0:
        await state.news(left)


def _marks(stored: Stored) -> Json:
    return ({"deleted": True} if stored.deleted else {}) | ({"silent": True} if stored.silent else {})


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _integer(data: Json, name: str) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ControlError(400, "invalid", f"{name} must be a whole number.")
    return value


def _optional(data: Json, name: str) -> int | None:
    return None if data.get(name) is None else _integer(data, name)


def _text(data: Json, name: str) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str):
        raise ControlError(400, "invalid", f"{name} must be a text.")
    return value


def _query_integer(request: web.Request, name: str, default: int | None = None) -> int:
    value = request.query.get(name)
    if value is None and default is not None:
        return default
    try:
        return int(value or "")
    except ValueError:
        raise ControlError(400, "invalid", f"{name} must be a whole number.") from None


def _query_seconds(request: web.Request, name: str) -> float:
    try:
        seconds = float(request.query.get(name, "0"))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ControlError(400, "invalid", f"{name} must be a number of seconds.")
    return seconds
