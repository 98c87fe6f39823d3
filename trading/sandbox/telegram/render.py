"""The HTML of the chat page: small functions from state to markup, everything escaped."""

from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from trading.sandbox.people import GROUPS, PEOPLE, Part
from trading.sandbox.telegram import menus, profile, trouble
from trading.sandbox.telegram.bubbles import bubble, name_of
from trading.sandbox.telegram.faults import Faults
from trading.sandbox.telegram.state import GROUP_BY_ID, USERS, State

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
MANY = 3


@dataclass(frozen=True, slots=True)
class View:
    """Which chats are on the screen; ``console`` is the desk's own, ``start`` the payload of a deep link."""

    chats: list[int]
    csrf: str
    console: str
    start: str = ""

    def link(self, *chats: int) -> str:
        """Give the address of a screen."""
        return escape(view_url(list(chats)))

    def fields(self) -> str:
        """Give the hidden fields that each form carries."""
        also = "".join(f'<input type="hidden" name="also" value="{chat}">' for chat in self.chats[1:])
        return (
            f'<input type="hidden" name="csrf" value="{escape(self.csrf)}">'
            f'<input type="hidden" name="user" value="{self.chats[0]}">{also}'
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong in which chat (0: with the switches), and the text to keep."""

    chat_id: int
    words: str
    kept: str = ""


def view_url(chats: list[int]) -> str:
    """Give the address that shows these chats."""
    return f"/?user={chats[0]}" + "".join(f"&also={chat}" for chat in chats[1:])


def page(state: State, faults: Faults, view: View, *, now: float, problem: Problem | None = None) -> str:
    """Render the whole page."""
    panels = "".join(panel(state, view, chat_id, now=now, problem=problem) for chat_id in view.chats)
    kinds, whose = trouble.choices(view.chats)
    switches = problem if problem and problem.chat_id == 0 else None
    return PAGE.substitute(
        title=escape(", ".join(name_of(chat_id) for chat_id in view.chats)),
        people=_people(view),
        panels=panels,
        panels_class="panels" + (" two" if len(view.chats) > 1 else ""),
        shell_class="shell" + (" many" if len(view.chats) >= MANY else ""),
        switch=_switch(view),
        here=view.link(*view.chats),
        console=escape(view.console),
        fields=view.fields(),
        trouble_count=trouble.count(faults),
        trouble_open="open" if switches else "",
        trouble_problem=f'<p class="err" role="alert">{escape(switches.words)}</p>' if switches else "",
        trouble_state=trouble.state(faults, view.fields()),
        trouble_kinds=kinds,
        trouble_chats=whose,
    )


def panel(state: State, view: View, chat_id: int, *, now: float, problem: Problem | None) -> str:
    """Render one chat."""
    chat = state.chat(chat_id)
    words, kept = (problem.words, problem.kept) if problem and problem.chat_id == chat_id else ("", "")
    person = USERS.get(chat_id)
    group = GROUP_BY_ID.get(chat_id)
    tries = person.tries if person else group.tries if group else ()
    others = [other for other in view.chats if other != chat_id]
    stored = [s for s in chat.messages.values() if not s.deleted][-SHOWN_MESSAGES:]
    fields = view.fields()
    return PANEL.substitute(
        id=chat_id,
        version=chat.version,
        name=f"<bdi>{escape(name_of(chat_id))}</bdi>",
        plain_name=escape(name_of(chat_id)),
        initial=escape(name_of(chat_id)[0]),
        note=escape(person.note if person else group.note if group else ""),
        who=_who(chat_id),
        close=_close(view, chat_id, others) if others else "",
        block=_block_form(chat_id, fields, blocked=chat_id in state.blocked) if chat_id > 0 else "",
        messages="".join(bubble(s, chat_id, fields) for s in stored),
        empty_hidden="hidden" if stored else "",
        profile=_profile(state, chat_id),
        notices="".join(
            f'<p class="note{" warn" if notice["alert"] else ""}" dir="auto" data-notice>{escape(notice["text"])}</p>'
            for notice in list(chat.notices)[-1:]
            if now - notice["at"] < NOTICE_SECONDS
        ),
        problem=f'<p class="err" id="problem-{chat_id}" role="alert">{escape(words)}</p>' if words else "",
        invalid=f'aria-invalid="true" aria-describedby="problem-{chat_id}" autofocus' if words else "",
        kept=escape(kept),
        hint=escape(HINTS[person.part] if person else HINTS[Part.TRADER]),
        start=_start(chat_id, view, fields) if chat_id == view.chats[0] else "",
        tries=_tries(chat_id, tries, fields),
        menu=menu(state, chat_id, fields),
        fields=fields,
    )


def _profile(state: State, chat_id: int) -> str:
    """Render what the bot says of itself, as this person sees it on the bot's page and in an empty chat."""
    language = USERS[chat_id].language if chat_id in USERS else ""
    name, about, description = (profile.said(state, part, language) for part, _called, _longest in profile.PARTS)
    lines = "".join(f'<p dir="auto">{escape(line)}</p>' for line in [about, *description.splitlines()] if line)
    return f'<details class="profile"><summary dir="auto">{escape(name)}</summary>{lines}</details>' if lines else ""


def menu(state: State, chat_id: int, fields: str) -> str:
    """Render the commands that the bot set for this chat, as suggestions."""
    commands = menus.of_chat(state, chat_id)
    if not commands:
        return ""
    buttons = "".join(
        f'<li><button name="text" value="/{escape(command["command"])}"><span class="cmd">/{escape(command["command"])}'
        f'</span> <span class="does" dir="auto">{escape(command["description"])}</span></button></li>'
        for command in commands
    )
    return (
        f'<details class="menu"><summary class="btn sm">Menu</summary>'
        f'<form method="post" action="/chat/{chat_id}/say" data-act="say">{fields}<ul>{buttons}</ul></form></details>'
    )


def _switch(view: View) -> str:
    """Give the switcher of narrow screens, where one column is seen at a time."""
    if len(view.chats) == 1:
        return ""
    links = "".join(f'<a class="btn sm" href="#chat{c}"><bdi>{escape(name_of(c))}</bdi></a>' for c in view.chats)
    return f'<nav class="switch" aria-label="Chats on the screen">{links}</nav>'


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
    shown = chat_id in view.chats
    current = ' aria-current="page"' if shown else ""
    return (
        f'<li><a class="person" href="{view.link(chat_id)}"{current}><span class="face" aria-hidden="true">'
        f'{escape(name[0])}</span><span class="names"><span class="n"><bdi>{escape(name)}</bdi></span> '
        f'<span class="w">{who}</span><span class="what">{escape(note)}</span></span></a>'
        f"{_beside(view, chat_id, name, shown=shown)}</li>"
    )


def _beside(view: View, chat_id: int, name: str, *, shown: bool) -> str:
    """Give the toggle that puts a chat onto the screen, or takes it off; the last one stays."""
    if not shown:
        link, sign, words = view.link(*view.chats, chat_id), "+", f"Open {name} beside"
    elif len(view.chats) > 1:
        link, sign, words = view.link(*(c for c in view.chats if c != chat_id)), "−", f"Take {name} off the screen"
    else:
        return ""
    return f'<a class="beside" href="{link}" title="{escape(words)}" aria-label="{escape(words)}">{sign}</a>'


def _close(view: View, chat_id: int, others: list[int]) -> str:
    words = escape(f"Close the chat of {name_of(chat_id)}")
    return f'<a class="btn gho sm" href="{view.link(*others)}" aria-label="{words}">Close</a>'


def _block_form(chat_id: int, fields: str, *, blocked: bool) -> str:
    value, words = ("0", "Unblock bot") if blocked else ("1", "Block bot")
    return (
        f'<form method="post" action="/chat/{chat_id}/block">{fields}'
        f'<button class="btn gho sm" name="blocked" value="{value}">{words}</button></form>'
    )


def _start(chat_id: int, view: View, fields: str) -> str:
    """Give the button that a deep link (``?start=…``) brings; pressing it says /start with the payload."""
    if not view.start:
        return ""
    return (
        f'<form class="start" method="post" action="/chat/{chat_id}/say" data-act="say">{fields}'
        f'<button class="btn pri" name="text" value="/start {escape(view.start)}">Start</button></form>'
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
        f'aria-label="Suggestions for {escape(name_of(chat_id))}">{fields}<span class="hint">Try</span>{buttons}</form>'
    )


def _who(chat_id: int) -> str:
    person = USERS.get(chat_id)
    if person is None:
        return "Group"
    kind = {Part.TRADER: "Trader", Part.LP: "LP", Part.REFUSED: "Refused"}.get(person.part, "")
    return escape(f"{kind} · {person.counterparty}" if person.counterparty else kind)
