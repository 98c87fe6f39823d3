"""What the bot says of itself, per language: name, short description, description."""

from collections.abc import Callable
from functools import partial
from typing import Any

from trading.sandbox.telegram.errors import bad_request
from trading.sandbox.telegram.params import Params
from trading.sandbox.telegram.state import BOT, State

type Json = dict[str, Any]

# The parameter, what a method of it is called after, and how long it may be (core.telegram.org/bots/api#setmyname).
PARTS = (
    ("name", "myname", 64),
    ("short_description", "myshortdescription", 120),
    ("description", "mydescription", 512),
)


def methods(state: State) -> dict[str, Callable[[Params], Any]]:
    """List the methods of the Bot API that set and read it, by their name in small letters."""
    made: dict[str, Callable[[Params], Any]] = {}
    for part, called, longest in PARTS:
        made[f"set{called}"] = partial(_set, state, part, longest)
        made[f"get{called}"] = partial(_get, state, part)
    return made


def said(state: State, part: str, language: str = "") -> str:
    """Give a part as people with this language see it: in theirs, else in everybody's."""
    fallback = BOT["first_name"] if part == "name" else ""
    return state.profile.get(f"{part}:{language}") or state.profile.get(f"{part}:") or fallback


def _get(state: State, part: str, params: Params) -> Json:
    return {part: said(state, part, params.text("language_code"))}


def _set(state: State, part: str, longest: int, params: Params) -> bool:
    text, key = params.text(part).strip(), f"{part}:{params.text('language_code')}"
    if len(text) > longest:
        raise bad_request(f"{part.replace('_', ' ')} is too long")
    kept = {name: value for name, value in state.profile.items() if name != key}
    state.record({"e": "set", "name": "profile", "value": kept | ({key: text} if text else {})})
    return True
