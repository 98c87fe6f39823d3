"""The fault switches of the chat page: what can be ordered, what is open, and switching it off."""

from html import escape
from typing import Any

from trading.sandbox.telegram.bubbles import name_of
from trading.sandbox.telegram.errors import ControlError
from trading.sandbox.telegram.faults import Fault, Faults
from trading.sandbox.telegram.state import GROUP_BY_ID, USERS

type Json = dict[str, Any]

DEFAULT_SECONDS = 3
# What the page calls it, and the order it gives; `seconds` goes where the trouble takes it.
TROUBLES: dict[str, tuple[str, Json]] = {
    "429": ("Too many requests (429, retry after …)", {"kind": "error", "status": 429}),
    "403": ("Blocked by the user (403)", {"kind": "error", "status": 403}),
    "400": ("Bad request (400)", {"kind": "error", "status": 400}),
    "500": ("Server error (500)", {"kind": "error", "status": 500}),
    "drop": ("Answer lost: done, but the bot never hears", {"kind": "drop"}),
    "delay": ("Answer late, by …", {"kind": "delay"}),
    "outage": ("Outage: nothing gets through, polling neither", {"kind": "outage"}),
    "duplicate": ("Update delivered twice", {"kind": "duplicate"}),
    "late": ("Update late, by …", {"kind": "late"}),
}


def order(faults: Faults, form: dict[str, str]) -> Fault:
    """
    Take an order from the page's form.

    :raises ControlError: it makes no sense.
    """
    name = form.get("trouble", "")
    if name not in TROUBLES:
        raise ControlError(400, "invalid_fault", f"There is no trouble {name!r}: choose one of the list.")
    data: Json = {**TROUBLES[name][1], "times": _number(form, "times", 1), "until_off": form.get("until_off") == "1"}
    if data["kind"] in ("error", "drop", "delay"):
        data["spares_polling"] = True
    seconds = _number(form, "seconds", DEFAULT_SECONDS)
    if name == "429":
        data["retry_after"] = seconds
    elif data["kind"] in ("delay", "late"):
        data["seconds"] = seconds
    if form.get("of"):
        data["chat_id"] = _number(form, "of", 0)
    return faults.add(data)


def switch_off(faults: Faults, form: dict[str, str]) -> None:
    """Forget one order, or all of them."""
    number = form.get("number", "")
    if number == "all":
        faults.clear()
    else:
        faults.switch_off(_number(form, "number", 0))


def count(faults: Faults) -> str:
    """Say how many orders are open."""
    number = len(faults.as_json())
    return f"Trouble · {number} on" if number else "Trouble"


def state(faults: Faults, fields: str) -> str:
    """Render what is open, each with its switch."""
    orders = faults.as_json()
    if not orders:
        return '<p class="calm">No trouble ordered: everything gets through.</p>'
    items = "".join(_item(fault) for fault in orders)
    return (
        f'<form method="post" action="/faults/off">{fields}<ul class="orders">{items}</ul>'
        f'<button class="btn sm" name="number" value="all">Switch all off</button></form>'
    )


def choices(chats: list[int]) -> tuple[str, str]:
    """Render the options: which trouble, and whose; the chats on the screen stand first."""
    kinds = "".join(f'<option value="{name}">{escape(words)}</option>' for name, (words, _order) in TROUBLES.items())
    others = [chat_id for chat_id in [*USERS, *GROUP_BY_ID] if chat_id not in chats]
    whose = "".join(f'<option value="{chat}">{escape(name_of(chat))}</option>' for chat in [*chats, *others])
    return kinds, f'<option value="">all chats</option>{whose}'


def _item(fault: Json) -> str:
    times = "until switched off" if fault["until_off"] else f"next {fault['times']}"
    chat = name_of(fault["chat_id"]) if fault["chat_id"] in [*USERS, *GROUP_BY_ID] else "all chats"
    words: dict[str, str] = {"error": f"error {fault['status']}", "drop": "answer lost", "delay": "answer late"}
    seconds = fault["retry_after"] or fault["seconds"]
    what = words.get(fault["kind"], str(fault["kind"])) + (f", {seconds:g} s" if seconds else "")
    method = f" · {fault['method']}" if fault["method"] else ""
    return (
        f"<li><span><b>{escape(what)}</b>{escape(method)} · <bdi>{escape(chat)}</bdi> · {times}</span>"
        f'<button class="btn sm" name="number" value="{fault["number"]}" '
        f'aria-label="Switch off: {escape(what)}, {escape(chat)}">Off</button></li>'
    )


def _number(form: dict[str, str], name: str, default: int) -> int:
    text = form.get(name, "").strip() or str(default)
    try:
        return int(text[:20])
    except ValueError:
        raise ControlError(400, "invalid_fault", f"{name} must be a whole number.") from None
