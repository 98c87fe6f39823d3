"""
The port to the markets' public prices.

Everything that comes from outside is taken for hostile: numbers are read from their digits alone, within
bounds, and what is not certainly a price is refused.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

PLACES = Decimal("1e-10")
LOWEST, HIGHEST = Decimal("1e-9"), Decimal(10) ** 9
LONGEST_NUMBER = 60
PLAIN = re.compile(r"\d{1,20}(\.\d{1,30})?([eE][+-]?\d{1,2})?", re.ASCII)
AHEAD = timedelta(seconds=30)  # how far another's clock may run before ours
MILLISECONDS_FROM = Decimal(10) ** 11  # as seconds this is the year 5138, as milliseconds 1973
LONGEST_PROBLEM = 200


class SourceFailed(Exception):
    """
    A source did not give all that was asked of it.

    :param problem: why, in one line for the people of the desk; it holds no secret.
    :param ticks: what it did give.
    """

    def __init__(self, problem: str, ticks: Sequence["Tick"] = ()) -> None:
        super().__init__(one_line(problem))
        self.ticks = list(ticks)


@dataclass(frozen=True, slots=True)
class Tick:
    """The mid of a pair at one source, in quote currency per USDT, as of `at`."""

    pair: str
    mid: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One number as a source gave it, and when it was so."""

    number: Decimal
    at: datetime

    def inverted(self) -> "Reading":
        """The same rate the other way round."""
        return replace(self, number=1 / self.number)


class Source(ABC):
    """Something that knows mids. A source is asked by one thread at a time."""

    name: str

    @abstractmethod
    def fetch(self, pair_codes: Sequence[str]) -> list[Tick]:
        """
        Ask for the mids of the pairs it knows among these; it leaves out the others.

        :raises SourceFailed: some or all could not be had; it carries those that could.
        """


def read_number(value: object) -> Decimal:
    """
    Read a price: a number, or a text of plain digits.

    :raises SourceFailed: anything else, or outside of what a price can be.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise SourceFailed(f"no number but {_shown(value)}")
    text = str(value).strip() if not isinstance(value, int) or abs(value) < HIGHEST else ""
    if len(text) > LONGEST_NUMBER or not PLAIN.fullmatch(text):
        raise SourceFailed(f"no price but {_shown(value)}")
    number = Decimal(text)
    if not LOWEST < number < HIGHEST:
        raise SourceFailed(f"{_shown(value)} is no price")
    return number


def read_instant(value: object, *, now: datetime) -> datetime:
    """
    Read when a price was so: ISO 8601 with its zone, or seconds or milliseconds since 1970.

    An instant a little ahead of our clock is now.

    :raises SourceFailed: not an instant, or too far ahead.
    """
    at = _instant(value)
    if at > now + AHEAD:
        raise SourceFailed(f"its time {at.isoformat()} is in the future")
    return min(at, now)


def _instant(value: object) -> datetime:
    try:
        if isinstance(value, str) and not value.isdecimal():
            at = datetime.fromisoformat(value[:LONGEST_NUMBER])
            if at.tzinfo is None:
                raise SourceFailed(f"its time {_shown(value)} has no zone")
            return at.astimezone(UTC)
        if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
            number = Decimal(str(value)[:LONGEST_NUMBER])
            seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
            return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, ArithmeticError, OSError) as error:
        raise SourceFailed(f"no time but {_shown(value)}") from error
    raise SourceFailed(f"no time but {_shown(value)}")


def one_line(text: object) -> str:
    """What another machine wrote, short and printable."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in str(text)[:2000]).split())
    return plain[: LONGEST_PROBLEM - 1] + "…" if len(plain) > LONGEST_PROBLEM else plain


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) >= HIGHEST:
        return "a number with too many digits"  # writing it out may take for ever
    return repr(value)[:40]
