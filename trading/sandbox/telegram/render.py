"""The HTML of the chat page: small functions from state to markup, everything escaped."""

from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from trading.sandbox.people import GROUPS, PEOPLE, Part
from trading.sandbox.telegram.formatting import to_html
from trading.sandbox.telegram.state import BOT_ID, GROUP_BY_ID, USERS, State

type Json = dict[str, Any]

SHOWN_MESSAGES = 100
NOTICE_SECONDS = 10
PAGE = Template((files(__package__) / "assets" / "page.html").read_text())
PANEL = Template((files(__package__) / "assets" / "panel.html").read_text())
HINTS = {
    Part.TRADER: "/rfq buy 10000 EUR",
    Part.LP: "/quote RFQ-XXXX 0.9213",
    Part.REFUSED: "/rfq buy 10000 EUR",
}


class View:
    """Which chats are on the screen, and the links and fields that keep it so."""

    def __init__(self, chats: list[int], csrf: str, console: str) -> None:
        """Show one or two chats; ``console`` is the address of the desk's own console."""
        self.console = console
        self.chats = chats
        self.csrf = csrf

    def link(self, *chats: int) -> str:
        """Give the address of a screen."""
        return escape(view_url(list(chats)))

    def fields(self) -> str:
        """Give the hidden fields that each form carries."""
        also = f'<input type="hidden" name="also" value="{self.chats[1]}">' if len(self.chats) > 1 else ""
        return (
            f'<input type="hidden" name="csrf" value="{escape(self.csrf)}">'
            f'<input type="hidden" name="user" value="{self.chats[0]}">{also}'
        )


def view_url(chats: list[int]) -> str:
    """Give the address that shows these chats."""
    return f"/?user={chats[0]}" + (f"&also={chats[1]}" if len(chats) > 1 else "")


def page(state: State, view: View, *, now: float, problem: tuple[int, str, str] | None = None) -> str:
    """Render the whole page; ``problem`` is (chat, words, the text to keep)."""
    panels = "".join(panel(state, view, chat_id, now=now, problem=problem) for chat_id in view.chats)
    return PAGE.substitute(
        title=escape(" and ".join(_name(chat_id) for chat_id in view.chats)),
        people=_people(view),
        panels=panels,
        panels_class="panels two" if len(view.chats) > 1 else "panels",
        here=view.link(*view.chats),
        console=escape(view.console),
    )


def panel(state: State, view: View, chat_id: int, *, now: float, problem: tuple[int, str, str] | None) -> str:
    """Render one chat."""
    chat = state.chat(chat_id)
    blocked = chat_id in state.blocked
    words, kept = (problem[1], problem[2]) if problem and problem[0] == chat_id else ("", "")
    person = USERS.get(chat_id)
    group = GROUP_BY_ID.get(chat_id)
    tries = person.tries if person else group.tries if group else ()
    others = [other for other in view.chats if other != chat_id]
    stored = [s for s in chat.messages.values() if not s.deleted][-SHOWN_MESSAGES:]
    fields = view.fields()
    return PANEL.substitute(
        id=chat_id,
        version=chat.version,
        name=f"<bdi>{escape(_name(chat_id))}</bdi>",
        plain_name=escape(_name(chat_id)),
        initial=escape(_name(chat_id)[0]),
        note=escape(person.note if person else group.note if group else ""),
        who=_who(chat_id),
        close=f'<a class="btn gho sm" href="{view.link(*others)}">Close</a>' if others else "",
        block=_block_form(chat_id, fields, blocked=blocked) if chat_id > 0 else "",
        messages="".join(message(s.message, chat_id, fields) for s in stored),
        empty_hidden="hidden" if stored else "",
        notices="".join(
            f'<p class="note{" warn" if notice["alert"] else ""}" dir="auto" data-notice>{escape(notice["text"])}</p>'
            for notice in list(chat.notices)[-1:]
            if now - notice["at"] < NOTICE_SECONDS
        ),
        problem=f'<p class="err" id="problem-{chat_id}" role="alert">{escape(words)}</p>' if words else "",
        invalid=f'aria-invalid="true" aria-describedby="problem-{chat_id}" autofocus' if words else "",
        kept=escape(kept),
        hint=escape(HINTS[person.part] if person else HINTS[Part.TRADER]),
        tries=_tries(chat_id, tries, fields),
        fields=fields,
    )


def message(message: Json, chat_id: int, fields: str) -> str:
    """Render one bubble with its buttons."""
    mine = message["from"]["id"] != BOT_ID
    author = "" if chat_id > 0 else f'<p class="author"><bdi>{escape(message["from"]["first_name"])}</bdi></p>'
    sent = datetime.fromtimestamp(message["date"], tz=UTC)
    edited = '<span class="edited">edited</span> ' if "edit_date" in message else ""
    text = to_html(message.get("text", ""), message.get("entities", []))
    if "document" in message:
        text = _document(message["document"]) + to_html(message.get("caption", ""), message.get("caption_entities", []))
    speaker = "You" if mine and chat_id > 0 else "" if mine else "Bot"
    return (
        f'<li class="{"mine" if mine else "theirs"}" id="m{chat_id}-{message["message_id"]}" '
        f'data-id="{message["message_id"]}"><div class="bubble">{author}<span class="sr">{speaker}: </span>'
        f'<div class="text" dir="auto">{text}</div><p class="meta">{edited}'
        f'<time datetime="{sent:%Y-%m-%dT%H:%M:%SZ}" title="{sent:%Y-%m-%d %H:%M:%S} UTC">'
        f"{sent:%H:%M:%S}</time></p></div>"
        f"{_keyboard(message, chat_id, fields)}</li>"
    )


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


def _document(document: Json) -> str:
    size = max(1, round(document["file_size"] / 1024))
    name = escape(document["file_name"])
    return f'<a class="file" href="/files/{escape(document["file_id"])}" download="{name}">{name}</a> ({size} KB)\n'


def _people(view: View) -> str:
    sections = (
        ("You play", [p for p in PEOPLE if p.telegram_id and not p.simulated and p.part is not Part.REFUSED]),
        ("Simulated", [p for p in PEOPLE if p.telegram_id and p.simulated]),
        ("Refused", [p for p in PEOPLE if p.telegram_id and p.part is Part.REFUSED]),
    )
    parts = []
    for title, people in sections:
        entries = [(p.telegram_id or 0, p.first_name, p.note, _who(p.telegram_id or 0)) for p in people]
        if title == "Refused":
            entries += [(group.chat_id, group.title, group.note, "Group") for group in GROUPS]
        items = "".join(_entry(view, *entry) for entry in entries)
        parts.append(f"<h2>{title}</h2><ul>{items}</ul>")
    return "".join(parts)


def _entry(view: View, chat_id: int, name: str, note: str, who: str) -> str:
    current = ' aria-current="page"' if chat_id in view.chats else ""
    beside = ""
    if chat_id not in view.chats:
        beside = (
            f'<a class="beside" href="{view.link(view.chats[0], chat_id)}" '
            f'title="Open beside" aria-label="Open {escape(name)} beside {escape(_name(view.chats[0]))}">+</a>'
        )
    return (
        f'<li><a class="person" href="{view.link(chat_id)}"{current}><span class="face" aria-hidden="true">'
        f'{escape(name[0])}</span><span class="names"><span class="n"><bdi>{escape(name)}</bdi></span> '
        f'<span class="w">{who}</span><span class="what">{escape(note)}</span></span></a>{beside}</li>'
    )


def _block_form(chat_id: int, fields: str, *, blocked: bool) -> str:
    value, words = ("0", "Unblock bot") if blocked else ("1", "Block bot")
    return (
        f'<form method="post" action="/chat/{chat_id}/block">{fields}'
        f'<button class="btn gho sm" name="blocked" value="{value}">{words}</button></form>'
    )


def _tries(chat_id: int, tries: tuple[str, ...], fields: str) -> str:
    if not tries:
        return ""
    buttons = "".join(
        f'<button class="btn sm try" name="text" value="{escape(text)}"><bdi>{escape(text)}</bdi></button>'
        for text in tries
    )
    return (
        f'<form class="tries" method="post" action="/chat/{chat_id}/say" data-act="say" '
        f'aria-label="Suggestions for {escape(_name(chat_id))}">{fields}<span class="hint">Try</span>{buttons}</form>'
    )


def _name(chat_id: int) -> str:
    return USERS[chat_id].first_name if chat_id in USERS else GROUP_BY_ID[chat_id].title


def _who(chat_id: int) -> str:
    person = USERS.get(chat_id)
    if person is None:
        return "Group"
    kind = {Part.TRADER: "Trader", Part.LP: "LP", Part.REFUSED: "Refused"}.get(person.part, "")
    return escape(f"{kind} · {person.counterparty}" if person.counterparty else kind)
