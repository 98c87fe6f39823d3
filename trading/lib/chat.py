"""What the bot hears and says, free of any chat library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from unicodedata import category

from django.template.loader import render_to_string

from trading.lib.documents import Wanted

# https://www.unicode.org/reports/tr9/: explicit embeddings and overrides with their end, isolates, and theirs.
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e")
ISOLATES = frozenset("\u2066\u2067\u2068")
POP_ISOLATE = "\u2069"


@dataclass(frozen=True, slots=True)
class Attachment:
    """
    A file that came with a message, as its sender's client describes it; `size` is in bytes, 0 when not told.

    `origin` says whose it was and when, where the sender passed it on; "" when it is their own.
    """

    file_id: str
    name: str
    media_type: str
    size: int
    origin: str = ""


@dataclass(frozen=True, slots=True)
class BotUpdate:
    """
    One message or button press, as handlers see it. The caption of a file is its text.

    `attachment` is the file of the message, else that of the sender's own message that this one answers.
    """

    update_id: int
    chat_id: int
    telegram_id: int
    text: str = ""
    message_id: int | None = None
    reply_to: int | None = None  # the message this one answers
    callback_id: str = ""
    callback_token: str = ""
    attachment: Attachment | None = None

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
    names what the card shows in full while its owner decides ("" is the card's usual face); with
    `renew` the card is written anew at the end of the chat, and its old place points there. With
    `in_place` the text takes the place of the message whose button was pressed: pages, settings, steps.
    `document` is a paper to be made and sent as a file, after the text. With `ends_buttons` the message whose
    button was pressed loses its buttons.
    """

    text: str = ""
    in_place: bool = False
    buttons: tuple[tuple[Button, ...], ...] = field(default=())
    card: str = ""
    focus: str = ""
    renew: bool = False
    toast: str = ""
    is_alert: bool = False
    document: Wanted | None = None
    ends_buttons: bool = False


def message(template: str, context: Mapping[str, object]) -> str:
    """
    Render a message in the active language. Empty lines go, a line of ``<br>`` makes one.

    Templates may so keep a line per condition without leaving holes.
    """
    lines = [line.strip() for line in render_to_string(template, dict(context)).splitlines()]
    return "\n".join("" if line == "<br>" else harmless(line) for line in lines if line)


def harmless(line: str) -> str:
    """
    Take what turns text around or hides in it out of a line: no name or note may change how the rest reads.

    Isolates (U+2066–2069) stay where they come in pairs; embeddings and overrides go, as control characters do.
    """
    open_isolates, kept = 0, []
    for character in line:
        if character in OVERRIDES or (category(character) == "Cc" and character != "\t"):
            continue
        if character in ISOLATES:
            open_isolates += 1
        elif character == POP_ISOLATE:
            if not open_isolates:
                continue
            open_isolates -= 1
        kept.append(character)
    return "".join(kept) + POP_ISOLATE * open_isolates
