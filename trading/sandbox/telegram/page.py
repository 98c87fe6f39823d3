"""The chat page: one plays the people. Real forms; the script only spares the reload."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from trading.sandbox.telegram import render
from trading.sandbox.telegram.control import wait_for_version
from trading.sandbox.telegram.errors import ControlError
from trading.sandbox.telegram.people_side import PeopleSide
from trading.sandbox.telegram.state import GROUP_BY_ID, USERS, State

type Json = dict[str, Any]
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FIRST_SHOWN = 7001
FEED_SECONDS = 25.0
MAX_NEWS = 100
FONTS = Path(__file__).resolve().parents[3] / "static" / "fonts"
FONT_NAMES = ("inter-latin-wght-normal.woff2", "vazirmatn-arabic-wght-normal.woff2")
ASSETS = {"chat.css": "text/css", "chat.js": "text/javascript", "icon.svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ChatPage:
    """The people's side in a browser."""

    def __init__(self, *, state: State, people: PeopleSide, secret: str, files_dir: Path, console: str) -> None:
        """Show this state; forms carry a token made from ``secret``, so that open pages survive a restart."""
        self._state = state
        self._people = people
        self._files = files_dir
        self._console = console
        self._csrf = hmac.new(secret.encode(), b"chat page form", hashlib.sha256).hexdigest()

    def routes(self) -> list[web.RouteDef]:
        """List the addresses."""
        return [
            web.get("/", self.show),
            web.get("/assets/{name}", self.asset),
            web.get("/fonts/{name}", self.font),
            web.get("/files/{file_id}", self.file),
            web.get(r"/chat/{chat:-?\d{1,15}}/feed", self.feed),
            web.post(r"/chat/{chat:-?\d{1,15}}/say", self.say),
            web.post(r"/chat/{chat:-?\d{1,15}}/press", self.press),
            web.post(r"/chat/{chat:-?\d{1,15}}/block", self.block),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show one chat, or two side by side."""
        chats = _chats(request.query.get("user"), request.query.get("also"))
        return _html(render.page(self._state, self._view(chats), now=time.time()))

    async def asset(self, request: web.Request) -> web.Response:
        """Give the style sheet, the script, the icon."""
        name = request.match_info["name"]
        if name not in ASSETS:
            raise web.HTTPNotFound(text="There is no such file.")
        body = (files(__package__) / "assets" / name).read_bytes()
        return web.Response(body=body, content_type=ASSETS[name], charset="utf-8")

    async def font(self, request: web.Request) -> web.StreamResponse:
        """Give a font of the console, where the console's files are."""
        name = request.match_info["name"]
        if name not in FONT_NAMES or not (FONTS / name).is_file():
            raise web.HTTPNotFound(text="There is no such font.")
        headers = {"Content-Type": "font/woff2", "Cache-Control": "max-age=86400"}
        return web.FileResponse(FONTS / name, headers=headers)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Give a document that the bot sent, always as a download."""
        known = self._state.files.get(request.match_info["file_id"])
        path = self._files / known["id"] if known else None
        if known is None or path is None or not path.is_file():
            raise web.HTTPNotFound(text="This file is no longer here.")
        name = quote(known["document"]["file_name"])
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Type": "application/octet-stream",
        }
        return web.FileResponse(path, headers=headers)

    async def feed(self, request: web.Request) -> web.Response:
        """Wait for news of a chat and give them as ready pieces of the page."""
        chat_id = _chat_id(request)
        view = self._view(_chats(request.query.get("user"), request.query.get("also")))
        try:
            after = int(request.query.get("after", "0"))
        except ValueError:
            after = 0
        await wait_for_version(self._state, chat_id, after, FEED_SECONDS)
        chat = self._state.chat(chat_id)
        changed = [stored for stored in chat.messages.values() if stored.version > after][-MAX_NEWS:]
        pieces = [
            {
                "id": stored.message["message_id"],
                "html": "" if stored.deleted else render.message(stored.message, chat_id, view.fields()),
            }
            for stored in changed
        ]
        notices = [
            {"text": notice["text"], "alert": notice["alert"]} for notice in chat.notices if notice["version"] > after
        ]
        return web.json_response({"version": chat.version, "messages": pieces, "notices": notices})

    async def say(self, request: web.Request) -> web.Response:
        """Write as the person of this chat."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        speaker = GROUP_BY_ID[chat_id].speaker if chat_id < 0 else chat_id
        text = form.get("text", "")
        return self._act(request, form, chat_id, lambda: self._people.say(speaker, text, chat_id), kept=text)

    async def press(self, request: web.Request) -> web.Response:
        """Press a button as the person of this chat."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        speaker = GROUP_BY_ID[chat_id].speaker if chat_id < 0 else chat_id
        number = form.get("message_id", "")
        message_id = int(number) if number.isdecimal() and len(number) < 16 else 0  # noqa: PLR2004
        data = form.get("data", "")
        return self._act(
            request, form, chat_id, lambda: self._people.press(speaker, message_id, data=data, chat_id=chat_id)
        )

    async def block(self, request: web.Request) -> web.Response:
        """Block the bot, or let it write again."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        blocked = form.get("blocked") == "1"
        return self._act(request, form, chat_id, lambda: self._people.block(chat_id, blocked=blocked))

    def _act(
        self, request: web.Request, form: dict[str, str], chat_id: int, act: Callable[[], object], kept: str = ""
    ) -> web.Response:
        """Do it; then go back to the page, or tell the script."""
        scripted = "application/json" in request.headers.get("Accept", "")
        try:
            act()
        except ControlError as error:
            if scripted:
                return web.json_response(error.body(), status=error.status)
            chats = _chats(form.get("user"), form.get("also"))
            problem = (chat_id, error.detail, kept)
            return _html(render.page(self._state, self._view(chats), now=time.time(), problem=problem), error.status)
        if scripted:
            return web.json_response({"ok": True})
        chats = _chats(form.get("user"), form.get("also"))
        raise web.HTTPSeeOther(render.view_url(chats))

    async def _form(self, request: web.Request) -> dict[str, str]:
        """Read a form that came from our own page."""
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        ours = hmac.compare_digest(form.get("csrf", "").encode(), self._csrf.encode())
        if not ours or site not in ("same-origin", "none") or origin not in (None, f"http://{request.host}"):
            raise ControlError(
                403, "foreign_form", "This form did not come from the chat page: reload it and try again."
            )
        return form

    def _view(self, chats: list[int]) -> render.View:
        return render.View(chats, self._csrf, self._console)


def _chat_id(request: web.Request) -> int:
    chat_id = int(request.match_info["chat"])
    if chat_id not in USERS and chat_id not in GROUP_BY_ID:
        raise ControlError(404, "no_such_chat", f"There is no chat {chat_id}.")
    return chat_id


def _chats(*asked: str | None) -> list[int]:
    """Read which chats to show; whoever does not exist is left out."""
    chats: list[int] = []
    for value in asked:
        number = int(value) if value and value.lstrip("-").isdecimal() and len(value) < 16 else 0  # noqa: PLR2004
        if (number in USERS or number in GROUP_BY_ID) and number not in chats:
            chats.append(number)
    return chats or [FIRST_SHOWN]


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


@web.middleware
async def secure_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every answer the page's headers, refusals included."""
    try:
        response = await handler(request)
    except ControlError as error:
        response = web.json_response(error.body(), status=error.status)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
