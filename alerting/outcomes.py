"""What can become of one call to Telegram, free of any chat library."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Sent:
    """Telegram did it; `message_id` names the message, where there is one."""

    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now. `after` is Telegram's own wish, or nothing when it just did not answer."""

    why: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The chat takes no messages from the bot."""

    why: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The message to edit is not there any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram will never take it."""

    why: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """It would mean nothing any more."""

    why: str


type Outcome = Sent | Later | Unreachable | Gone | Refused | TooLate
