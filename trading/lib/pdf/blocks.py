"""What a paper is made of, before it is laid out. Texts are in the reader's language already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

type Kind = Literal["text", "code", "number"]


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels and their values, one under the other. Values of kind `code` read from left to right."""

    rows: Sequence[tuple[str, str, Kind]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; `width` in millimetres. Numbers and codes read from left to right."""

    title: str
    width: float
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; those whose index is in `strong` stand out. The head is repeated on every page."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph in small letters; of kind `code` it is broken anywhere and read from left to right."""

    text: str
    kind: Kind = "text"


type Block = Heading | Facts | Table | Note


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the paper, stored as it is."""

    name: str
    content: bytes
    about: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """
    A whole paper.

    :param running: what stands at the head of every page: whose it is and of what time.
    :param made: the words at the foot that say when it was made; `made_at` is the same for machines.
    :param page_of: how a page is numbered, with `{page}` and `{pages}`.
    """

    title: str
    running: str
    made: str
    made_at: datetime
    language: str
    page_of: str
    blocks: Sequence[Block]
    attachments: Sequence[Attachment] = ()
