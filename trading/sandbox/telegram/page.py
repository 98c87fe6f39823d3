"""The chat page: one plays the people. Real forms; the script only spares the reload."""

import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from multidict import MultiMapping

from trading.sandbox.telegram import render, trouble
from trading.sandbox.telegram.bubbles import bubble
from trading.sandbox.telegram.control import wait_for_version
from trading.sandbox.telegram.documents import Documents
from trading.sandbox.telegram.errors import ControlError
from trading.sandbox.telegram.faults import Faults
from trading.sandbox.telegram.params import Upload
from trading.sandbox.telegram.people_side import PeopleSide
from trading.sandbox.telegram.state import GROUP_BY_ID, USERS, State
from trading.sandbox.telegram.updates import Updates

type Json = dict[str, Any]
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FIRST_SHOWN = 7001
DEEP_LINK = re.compile(r"[A-Za-z0-9_-]{1,64}")
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


@dataclass(slots=True)
class Form:
    """A form of the page: its texts, the chats that were on the screen, a file."""

    texts: dict[str, str] = field(default_factory=dict)
    chats: list[int] = field(default_factory=list)
    upload: Upload | None = None

    def number(self, name: str) -> int:
        """Read a number; anything else is 0, which names nothing."""
        text = self.texts.get(name, "")
        return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else 0


class ChatPage:
    """The people's side in a browser."""

    def __init__(
        self,
        *,
        state: State,
        people: PeopleSide,
        faults: Faults,
        updates: Updates,
        documents: Documents,
        secret: str,
        console: str,
    ) -> None:
        """Show this state; forms carry a token made from ``secret``, so that open pages survive a restart."""
        self._state = state
        self._people = people
        self._faults = faults
        self._updates = updates
        self._documents = documents
        self._console = console
        self._csrf = hmac.new(secret.encode(), b"chat page form", hashlib.sha256).hexdigest()

    def routes(self) -> list[web.RouteDef]:
        """List the addresses."""
        return [
            web.get("/", self.show),
            web.get("/assets/{name}", self.asset),
            web.get("/fonts/{name}", self.font),
            web.get("/files/{file_id}", self.download),
            web.get("/photos/{file_id}", self.photo),
            web.get("/faults", self.show_faults),
            web.post("/faults", self.order_fault),
            web.post("/faults/off", self.switch_off),
            web.get(r"/chat/{chat:-?\d{1,15}}/feed", self.feed),
            web.post(r"/chat/{chat:-?\d{1,15}}/say", self.say),
            web.post(r"/chat/{chat:-?\d{1,15}}/file", self.send_file),
            web.post(r"/chat/{chat:-?\d{1,15}}/edit", self.edit),
            web.post(r"/chat/{chat:-?\d{1,15}}/forward", self.forward),
            web.post(r"/chat/{chat:-?\d{1,15}}/delete", self.delete),
            web.post(r"/chat/{chat:-?\d{1,15}}/press", self.press),
            web.post(r"/chat/{chat:-?\d{1,15}}/block", self.block),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show one chat, or several side by side; ``start`` is the payload of a deep link."""
        start = request.query.get("start", "")
        view = self._view(_shown(request.query), start if DEEP_LINK.fullmatch(start) else "")
        return _html(render.page(self._state, self._faults, view, now=time.time()))

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

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give a file of a chat, always as a download."""
        file_id = request.match_info["file_id"]
        document, path = self._documents.known(file_id), self._documents.path(file_id)
        if document is None or path is None:
            raise web.HTTPNotFound(text="This file is no longer here.")
        name = quote(document.get("file_name", "photo.jpg"))
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Type": "application/octet-stream",
        }
        return web.FileResponse(path, headers=headers)

    async def photo(self, request: web.Request) -> web.StreamResponse:
        """Give a photo's small size, which the stand-in made itself."""
        file_id = request.match_info["file_id"]
        document, path = self._documents.known(file_id), self._documents.path(file_id)
        if document is None or path is None or "width" not in document:
            raise web.HTTPNotFound(text="This photo is no longer here.")
        return web.FileResponse(path, headers={"Content-Type": "image/jpeg"})

    async def show_faults(self, request: web.Request) -> web.Response:
        """Give the state of the switches as a piece of the page."""
        view = self._view(_shown(request.query))
        words, html = trouble.count(self._faults), trouble.state(self._faults, view.fields())
        return web.json_response({"count": words, "html": html})

    async def order_fault(self, request: web.Request) -> web.Response:
        """Order trouble."""
        form = await self._form(request)
        return self._act(request, form, 0, lambda: trouble.order(self._faults, form.texts))

    async def switch_off(self, request: web.Request) -> web.Response:
        """Switch trouble off; with all of it go the updates that were held back."""
        form = await self._form(request)

        def act() -> None:
            trouble.switch_off(self._faults, form.texts)
            if form.texts.get("number") == "all":
                self._updates.forget_mistreatment()
            self._state.wake()

        return self._act(request, form, 0, act)

    async def feed(self, request: web.Request) -> web.Response:
        """Wait for news of a chat and give them as ready pieces of the page."""
        chat_id = _chat_id(request)
        view = self._view(_shown(request.query))
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
                "html": "" if stored.deleted else bubble(stored, chat_id, view.fields()),
            }
            for stored in changed
        ]
        notices = [
            {"text": notice["text"], "alert": notice["alert"]} for notice in chat.notices if notice["version"] > after
        ]
        menu = render.menu(self._state, chat_id, view.fields())
        return web.json_response({"version": chat.version, "messages": pieces, "notices": notices, "menu": menu})

    async def say(self, request: web.Request) -> web.Response:
        """Write as the person of this chat, maybe as an answer to a message."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        text, answered = form.texts.get("text", ""), form.number("message_id") or None

        def act() -> None:
            self._people.say(_speaker(chat_id), text, chat_id, answered)

        return self._act(request, form, chat_id, act, kept=text)

    async def send_file(self, request: web.Request) -> web.Response:
        """Send a file or a photo as the person of this chat."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        upload = form.upload or Upload("", "", b"")
        caption, as_photo = form.texts.get("caption", ""), form.texts.get("photo") == "1"

        def act() -> None:
            self._people.send_file(_speaker(chat_id), upload, caption=caption, as_photo=as_photo, chat_id=chat_id)

        return self._act(request, form, chat_id, act)

    async def edit(self, request: web.Request) -> web.Response:
        """Change one's own message."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        message_id, text = form.number("message_id"), form.texts.get("text", "")
        return self._act(
            request, form, chat_id, lambda: self._people.edit(_speaker(chat_id), message_id, text, chat_id)
        )

    async def forward(self, request: web.Request) -> web.Response:
        """Forward a message of this chat to the bot, as whoever was chosen."""
        source = _chat_id(request)
        form = await self._form(request)
        target, message_id = form.number("to") or source, form.number("message_id")
        if target not in USERS and target not in GROUP_BY_ID:
            raise ControlError(404, "no_such_chat", f"There is no chat {target}.")

        def act() -> None:
            self._people.forward(_speaker(target), message_id, source=source, chat_id=target)

        return self._act(request, form, source, act)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a message."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        message_id = form.number("message_id")
        return self._act(request, form, chat_id, lambda: self._people.delete(_speaker(chat_id), message_id, chat_id))

    async def press(self, request: web.Request) -> web.Response:
        """Press a button as the person of this chat."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        message_id, data = form.number("message_id"), form.texts.get("data", "")
        return self._act(
            request,
            form,
            chat_id,
            lambda: self._people.press(_speaker(chat_id), message_id, data=data, chat_id=chat_id),
        )

    async def block(self, request: web.Request) -> web.Response:
        """Block the bot, or let it write again."""
        chat_id = _chat_id(request)
        form = await self._form(request)
        blocked = form.texts.get("blocked") == "1"
        return self._act(request, form, chat_id, lambda: self._people.block(chat_id, blocked=blocked))

    def _act(
        self, request: web.Request, form: Form, chat_id: int, act: Callable[[], object], kept: str = ""
    ) -> web.Response:
        """Do it; then go back to the page, or tell the script."""
        scripted = "application/json" in request.headers.get("Accept", "")
        try:
            act()
        except ControlError as error:
            if scripted:
                return web.json_response(error.body(), status=error.status)
            problem = render.Problem(chat_id, error.detail, kept)
            page = render.page(self._state, self._faults, self._view(form.chats), now=time.time(), problem=problem)
            return _html(page, error.status)
        if scripted:
            return web.json_response({"ok": True})
        raise web.HTTPSeeOther(render.view_url(form.chats))

    async def _form(self, request: web.Request) -> Form:
        """Read a form that came from our own page."""
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        sent = await request.post()
        texts = {name: value for name, value in sent.items() if isinstance(value, str)}
        ours = hmac.compare_digest(texts.get("csrf", "").encode(), self._csrf.encode())
        if not ours or site not in ("same-origin", "none") or origin not in (None, f"http://{request.host}"):
            raise ControlError(
                403, "foreign_form", "This form did not come from the chat page: reload it and try again."
            )
        file = sent.get("file")
        upload = None
        if isinstance(file, web.FileField):
            upload = Upload(file.filename, file.content_type, file.file.read())
        return Form(texts, _shown(sent), upload)

    def _view(self, chats: list[int], start: str = "") -> render.View:
        return render.View(chats, self._csrf, self._console, start)


def _speaker(chat_id: int) -> int:
    return GROUP_BY_ID[chat_id].speaker if chat_id < 0 else chat_id


def _chat_id(request: web.Request) -> int:
    chat_id = int(request.match_info["chat"])
    if chat_id not in USERS and chat_id not in GROUP_BY_ID:
        raise ControlError(404, "no_such_chat", f"There is no chat {chat_id}.")
    return chat_id


def _shown(asked: MultiMapping[str] | MultiMapping[Any]) -> list[int]:
    """Read which chats to show; whoever does not exist is left out."""
    chats: list[int] = []
    for value in [*asked.getall("user", []), *asked.getall("also", [])]:
        number = int(value) if re.fullmatch(r"-?[0-9]{1,15}", str(value)) else 0
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
