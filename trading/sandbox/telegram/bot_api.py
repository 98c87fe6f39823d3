"""The Bot API over HTTP: tokens, methods, answers, and the trouble that was ordered."""

import asyncio
import hmac
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from trading.sandbox.telegram import params as reading
from trading.sandbox.telegram import profile
from trading.sandbox.telegram.bot_messages import BotMessages
from trading.sandbox.telegram.documents import Documents
from trading.sandbox.telegram.errors import ApiError, bad_request
from trading.sandbox.telegram.faults import Fault, Faults
from trading.sandbox.telegram.params import Params
from trading.sandbox.telegram.state import BOT, GROUP_BY_ID, USERS, State
from trading.sandbox.telegram.updates import MAX_BATCH, MAX_POLL_SECONDS, LostAnswer, Updates
from trading.sandbox.telegram.webhook import Webhook, allowed_updates_event

type Json = dict[str, Any]
type Method = Callable[[Params], Any]

KEPT_CALLS = 500
MAX_COMMANDS = 100
CAPABILITIES = {
    "can_join_groups": True,
    "can_read_all_group_messages": False,
    "supports_inline_queries": False,
    "can_connect_to_business": False,
    "has_main_web_app": False,
}


class BotApi:
    """The bot's side of the stand-in."""

    def __init__(
        self,
        *,
        token: str,
        state: State,
        updates: Updates,
        faults: Faults,
        messages: BotMessages,
        documents: Documents,
        webhook: Webhook,
    ) -> None:
        """Serve the one bot that has this token."""
        self._token = token
        self._state = state
        self._updates = updates
        self._faults = faults
        self._documents = documents
        self._webhook = webhook
        self.calls: deque[Json] = deque(maxlen=KEPT_CALLS)
        self._methods: dict[str, Method] = {
            "getme": lambda _params: {**BOT, "first_name": profile.said(state, "name"), **CAPABILITIES},
            **profile.methods(state),
            "setwebhook": webhook.set,
            "deletewebhook": webhook.delete,
            "getwebhookinfo": lambda _params: webhook.info(),
            "sendmessage": messages.send_message,
            "senddocument": messages.send_document,
            "editmessagetext": messages.edit_text,
            "editmessagereplymarkup": messages.edit_markup,
            "deletemessage": messages.delete,
            "answercallbackquery": messages.answer_callback,
            "getfile": documents.get_file,
            "setmycommands": self._set_commands,
            "getmycommands": self._get_commands,
            "deletemycommands": self._delete_commands,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call."""
        name = request.match_info["method"]
        call: Json = {"method": name, "chat_id": None, "status": 200}
        try:
            self._check(request.match_info["token"], name)
            params = await reading.read(request)
            call["chat_id"] = self._chat_of(params)
            faults = {fault.kind: fault for fault in self._faults.for_request(name, call["chat_id"])}
            body = await self._answer(name, params, faults)
        except ApiError as error:
            call["status"] = error.code
            body = error.body()
        except web.HTTPRequestEntityTooLarge:
            call["status"] = 413
            body = ApiError(413, "Request Entity Too Large").body()
        except LostAnswer:
            call["status"] = 0
            return _cut(request)
        finally:
            self.calls.append(call)
        return web.json_response(body, status=call["status"])

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give the bytes of a file that getFile named."""
        call: Json = {"method": "(file)", "chat_id": None, "status": 200}
        self.calls.append(call)
        try:
            self._check(request.match_info["token"], "getFile")
            faults = {fault.kind: fault for fault in self._faults.for_request("(file)", None)}
            if "outage" in faults or "drop" in faults:
                call["status"] = 0
                return _cut(request)
            if "error" in faults:
                raise faults["error"].error()
            return self._documents.download(request.match_info["place"])
        except ApiError as error:
            call["status"] = error.code
            return web.json_response(error.body(), status=error.code)

    def _chat_of(self, params: Params) -> int | None:
        """Say which chat a call concerns; the answer to a press concerns the chat of the press."""
        callback = self._state.callbacks.get(str(params.values.get("callback_query_id")))
        try:
            scope = params.structure("scope")
            named = scope.get("chat_id") if isinstance(scope, dict) else params.values.get("chat_id")
            return int(callback["chat"]) if callback else int(str(named))
        except (ValueError, ApiError):  # the method itself says what is wrong with it
            return None

    def _check(self, token: str, name: str) -> None:
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise ApiError(401, "Unauthorized")
        if name.lower() != "getupdates" and name.lower() not in self._methods:
            raise ApiError(404, "Not Found")

    async def _answer(self, name: str, params: Params, faults: dict[str, Fault]) -> Json:
        """Act, with the ordered trouble around it: refused before, delayed or lost after."""
        if "outage" in faults:
            raise LostAnswer
        if "error" in faults:
            raise faults["error"].error()
        if name.lower() == "getupdates":
            result = await self._get_updates(params, lose="drop" in faults)
        else:
            result = self._methods[name.lower()](params)
        if "delay" in faults:
            await asyncio.sleep(faults["delay"].seconds)
        if "drop" in faults:
            raise LostAnswer
        return {"ok": True, "result": result}

    async def _get_updates(self, params: Params, *, lose: bool) -> list[Json]:
        limit = params.integer("limit", MAX_BATCH)
        timeout = max(0, min(params.integer("timeout", 0), MAX_POLL_SECONDS))
        events = allowed_updates_event(params)
        if events and events[0]["value"] != self._state.allowed_updates:
            self._state.record(*events)
        return await self._updates.poll(
            offset=params.integer("offset", 0), limit=max(1, min(limit, MAX_BATCH)), seconds=timeout, lose=lose
        )

    def _set_commands(self, params: Params) -> bool:
        commands = params.structure("commands")
        if not isinstance(commands, list) or len(commands) > MAX_COMMANDS:
            raise bad_request("can't parse commands: Expected an Array of BotCommand")
        kept = []
        for command in commands:
            if not isinstance(command, dict) or not command.get("command") or not command.get("description"):
                raise bad_request("BOT_COMMAND_INVALID")
            name = str(command["command"]).removeprefix("/")
            if name != name.lower() or not name.replace("_", "a").isalnum() or len(name) > 32:  # noqa: PLR2004
                raise bad_request("BOT_COMMAND_INVALID")
            kept.append({"command": name, "description": str(command["description"])})
        self._require_known(params)
        value = {**self._state.commands, _command_key(params): kept}
        self._state.record({"e": "set", "name": "commands", "value": value})
        return True

    def _require_known(self, params: Params) -> None:
        """A chat's own menu takes a chat that the bot has seen."""
        chat_id = self._chat_of(params)
        if chat_id is not None and (chat_id not in {*USERS, *GROUP_BY_ID} or not self._state.may_write_to(chat_id)):
            raise bad_request("chat not found")

    def _get_commands(self, params: Params) -> list[Json]:
        return self._state.commands.get(_command_key(params), [])

    def _delete_commands(self, params: Params) -> bool:
        value = {key: kept for key, kept in self._state.commands.items() if key != _command_key(params)}
        self._state.record({"e": "set", "name": "commands", "value": value})
        return True


def _command_key(params: Params) -> str:
    scope = params.structure("scope") or {"type": "default"}
    if not isinstance(scope, dict):
        raise bad_request("can't parse BotCommandScope")
    return f"{scope.get('type', 'default')}:{scope.get('chat_id', '')}:{params.text('language_code')}"


def _cut(request: web.Request) -> web.Response:
    """Act done, answer lost: close the connection without a word."""
    if request.transport:
        request.transport.abort()
    return web.Response()
