"""One message as HTML: its bubble, its buttons, and what one can do with it. Everything escaped."""

from datetime import UTC, datetime
from html import escape
from typing import Any

from trading.sandbox.telegram.formatting import to_html
from trading.sandbox.telegram.state import BOT_ID, GROUP_BY_ID, USERS, Stored

type Json = dict[str, Any]

KILO = 1024


def bubble(stored: Stored, chat_id: int, fields: str) -> str:
    """Render a message with its buttons; ``fields`` are the hidden ones that each form carries."""
    message = stored.message
    mine = message["from"]["id"] != BOT_ID
    speaker = "You" if mine and chat_id > 0 else "" if mine else "Bot"
    author = "" if chat_id > 0 else f'<p class="author"><bdi>{escape(message["from"]["first_name"])}</bdi></p>'
    return (
        f'<li class="{"mine" if mine else "theirs"}" id="m{chat_id}-{message["message_id"]}" '
        f'data-id="{message["message_id"]}"><div class="bubble">{author}{_origin(message)}'
        f'<span class="sr">{speaker}: </span>{_body(message)}'
        f'<div class="under">{_acts(message, chat_id, fields, mine=mine)}<p class="meta">{_marks(stored)}'
        f"{_time(message['date'])}</p></div></div>{_keyboard(message, chat_id, fields)}</li>"
    )


def name_of(chat_id: int) -> str:
    """Give the name of a chat."""
    return USERS[chat_id].first_name if chat_id in USERS else GROUP_BY_ID[chat_id].title


def file_size(size: int) -> str:
    """Write a size as people read it."""
    if size < KILO:
        return f"{size} B"
    return f"{size / KILO:.1f} KB" if size < KILO * KILO else f"{size / KILO / KILO:.1f} MB"


def _body(message: Json) -> str:
    part = "text" if "text" in message else "caption"
    text = to_html(message.get(part, ""), message.get("entities" if part == "text" else "caption_entities", []))
    words = f'<div class="text" dir="auto">{text}</div>' if text else ""
    if "document" in message:
        return _document(message["document"]) + words
    if "photo" in message:
        return _photo(message["photo"]) + words
    return words


def _document(document: Json) -> str:
    name = escape(document["file_name"])
    kind = escape(name.rpartition(".")[2][:4].upper() if "." in name else "FILE")
    return (
        f'<a class="file" href="/files/{escape(document["file_id"])}" download="{name}">'
        f'<span class="kind" aria-hidden="true">{kind}</span><span class="about"><bdi class="fn">{name}</bdi>'
        f'<span class="size">{file_size(document["file_size"])} · Download</span></span></a>'
    )


def _photo(sizes: list[Json]) -> str:
    small, large = sizes[0], sizes[-1]
    return (
        f'<a class="photo" href="/files/{escape(large["file_id"])}" download="photo.jpg">'
        f'<img src="/photos/{escape(small["file_id"])}" width="{small["width"]}" height="{small["height"]}" '
        f'alt="Photo, {large["width"]} by {large["height"]}, {file_size(large["file_size"])}: download"></a>'
    )


def _origin(message: Json) -> str:
    origin = message.get("forward_origin")
    if not origin:
        return ""
    return f'<p class="origin">Forwarded from <bdi>{escape(origin["sender_user"]["first_name"])}</bdi></p>'


def _marks(stored: Stored) -> str:
    marks = ""
    if stored.silent:
        marks += '<span class="mark" title="Sent without sound">silent</span> '
    if "edit_date" in stored.message:
        marks += f'<span class="mark edited" title="Last at {_clock(stored.message["edit_date"])}">edited</span> '
    return marks


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%H:%M:%S} UTC"


def _time(seconds: int) -> str:
    sent = datetime.fromtimestamp(seconds, tz=UTC)
    return f'<time datetime="{sent:%Y-%m-%dT%H:%M:%SZ}" title="{sent:%Y-%m-%d %H:%M:%S} UTC">{sent:%H:%M:%S}</time>'


def _keyboard(message: Json, chat_id: int, fields: str) -> str:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    if not rows:
        return ""
    lines = "".join(f'<div class="row">{"".join(_button(button) for button in row)}</div>' for row in rows)
    return (
        f'<form class="keys" method="post" action="/chat/{chat_id}/press" data-act="press">{fields}'
        f'<input type="hidden" name="message_id" value="{message["message_id"]}">{lines}</form>'
    )


def _button(button: Json) -> str:
    text = f"<bdi>{escape(button['text'])}</bdi>"
    if "callback_data" in button:
        return f'<button class="btn key" name="data" value="{escape(button["callback_data"])}">{text}</button>'
    url = str(button.get("url", ""))
    if url.startswith(("http://", "https://")):
        return f'<a class="btn key" href="{escape(url)}" rel="noreferrer noopener" target="_blank">{text}</a>'
    return f'<button class="btn key" type="button" disabled title="Not played by the sandbox">{text}</button>'


def _acts(message: Json, chat_id: int, fields: str, *, mine: bool) -> str:
    """Answer, edit, forward, delete: forms behind a summary, so that they work without the script."""
    number = message["message_id"]
    hidden = f'{fields}<input type="hidden" name="message_id" value="{number}">'
    edit = ""
    if mine and "forward_origin" not in message:
        edit = _edit(message, chat_id, hidden)
    choices = "".join(
        f'<option value="{other}"{" selected" if other == chat_id else ""}>as {escape(name_of(other))}</option>'
        for other in [*USERS, *GROUP_BY_ID]
    )
    return (
        f'<details class="more"><summary aria-label="What to do with message {number}">⋯</summary><div class="forms">'
        f"{_answer(number, chat_id, hidden)}{edit}"
        f'<form method="post" action="/chat/{chat_id}/forward" data-act="forward">{hidden}'
        f'<label class="sr" for="f{chat_id}-{number}">Forward message {number} to the bot</label>'
        f'<select class="in" id="f{chat_id}-{number}" name="to">{choices}</select>'
        f'<button class="btn sm">Forward</button></form>'
        f'<form method="post" action="/chat/{chat_id}/delete" data-act="delete">{hidden}'
        f'<button class="btn sm bad">Delete</button></form></div></details>'
    )


def _answer(number: int, chat_id: int, hidden: str) -> str:
    return (
        f'<form method="post" action="/chat/{chat_id}/say" data-act="answer">{hidden}'
        f'<label class="sr" for="a{chat_id}-{number}">Answer to message {number}</label>'
        f'<input class="in" id="a{chat_id}-{number}" name="text" dir="auto" autocomplete="off" maxlength="4096" '
        f'placeholder="/dispute DSP-…" required>'
        f'<button class="btn sm">Answer</button></form>'
    )


def _edit(message: Json, chat_id: int, hidden: str) -> str:
    number = message["message_id"]
    now = escape(message.get("text") or message.get("caption") or "")
    return (
        f'<form method="post" action="/chat/{chat_id}/edit" data-act="edit">{hidden}'
        f'<label class="sr" for="e{chat_id}-{number}">New words of message {number}</label>'
        f'<textarea class="in" id="e{chat_id}-{number}" name="text" dir="auto" rows="1" maxlength="4096">'
        f"\n{now}</textarea>"
        f'<button class="btn sm">Edit</button></form>'
    )
