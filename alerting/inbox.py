"""
What turns an update into answers. The bot registers itself here; this app never imports it.

A handler gets the update as Telegram sent it and returns what to say. It may be called again with
the same update after a crash, so whatever it does must replay by the update's id.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerting.models import OutboundMessage

type Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One thing to say in the chat the update came from; `user_id` is who reads it, when known."""

    method: OutboundMessage.Method
    payload: dict[str, Any] = field(default_factory=dict)
    user_id: int | None = None


class Unready(Exception):
    """The handler cannot work right now (the network is away); the update keeps its place and its attempts."""


type Handler = Callable[[Payload], Awaitable[Sequence[Outgoing]]]

_handlers: list[Handler] = []


def register(handler: Handler) -> None:
    """Let this handler see every update from now on. There is one; a second call replaces it."""
    _handlers[:] = [handler]


def handler() -> Handler:
    """
    Return the registered handler.

    :raises LookupError: the composition root registered none.
    """
    if not _handlers:
        raise LookupError("No handler of updates is registered: trading.apps does that at start.")
    return _handlers[0]


def chat_of(payload: Payload) -> int:
    """Return the chat an update belongs to; the sender's private one when it names no chat, else 0."""
    for kind in ("message", "edited_message", "my_chat_member", "callback_query"):
        part = payload.get(kind)
        if part:
            chat = part.get("chat") or part.get("message", {}).get("chat") or part.get("from") or {}
            return int(chat.get("id", 0))
    return 0


def storable(value: Any) -> Any:
    """
    Replace, in the texts of an update, what PostgreSQL keeps in no text: NUL, and halves of characters.

    One such update that cannot be stored would be sent again for ever, and hold up all others.
    """
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Mapping():
            return {storable(name): storable(part) for name, part in value.items()}
        case list():
            return [storable(part) for part in value]
        case _:
            return value
