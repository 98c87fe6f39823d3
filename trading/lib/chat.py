"""What the bot hears and says, free of any chat library."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.template.loader import render_to_string


@dataclass(frozen=True, slots=True)
class BotUpdate:
    """One message or button press, as handlers see it."""

    update_id: int
    chat_id: int
    telegram_id: int
    text: str = ""
    message_id: int | None = None
    callback_id: str = ""
    callback_token: str = ""

    @property
    def key(self) -> str:
        """The idempotency key of everything this update makes the desk do."""
        return f"tg:{self.update_id}"

    @property
    def arguments(self) -> list[str]:
        """The words after the command."""
        return self.text.split()[1:]


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `token` is a callback token."""

    text: str
    token: str


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What a handler answers.

    `text` (HTML as Telegram understands it) becomes a message of its own, `card` refreshes the live
    card of that subject, `toast` is the short answer to a button press. Any may be empty. `focus`
    names what the card shows in full while its owner decides ("" is the card's usual face).
    """

    text: str = ""
    buttons: tuple[tuple[Button, ...], ...] = field(default=())
    card: str = ""
    focus: str = ""
    toast: str = ""
    is_alert: bool = False


def message(template: str, context: Mapping[str, object]) -> str:
    """
    Render a message in the active language. Empty lines go, a line of ``<br>`` makes one.

    Templates may so keep a line per condition without leaving holes.
    """
    lines = [line.strip() for line in render_to_string(template, dict(context)).splitlines()]
    return "\n".join("" if line == "<br>" else line for line in lines if line)
