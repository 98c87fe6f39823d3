"""What a search across rooms finds: each app names its sources, the console asks those its reader may see."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise

MOST = 8  # of one source: more is what the lists' own filters are for


@dataclass(frozen=True, slots=True)
class Hit:
    """
    Something that was found: the name of the address it is at with its arguments, and what it is called.

    :param is_exact: the text names this and nothing else of its kind.
    """

    room: str
    args: tuple[object, ...]
    name: str
    note: str = ""
    is_exact: bool = False
    query: str = ""

    @property
    def url(self) -> str:
        """Where it is."""
        return reverse(self.room, args=self.args) + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True)
class Source:
    """
    One kind of thing that can be found.

    :param find: at most `MOST` hits for a text and a reader, with the reader's scope respected. At most one query.
    """

    title: str | Promise
    capability: str
    find: Callable[[str, Any], Iterable[Hit]]


def is_ref(text: str, *prefixes: str) -> bool:
    """Whether the text is, or begins like, a ref of one of these kinds."""
    prefix, dash, rest = text.upper().partition("-")
    return prefix in prefixes and bool(dash) and bool(rest)
