"""
Papers the desk hands out: statements, receipts.

What is queued or linked names a paper by its kind, what it is about and its options. The bytes are made when
they are needed, by the maker registered for the kind, which asks again whether this reader may have it. For
the same state of the books the same words make the same bytes, so that a delivery tried twice sends one paper.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

CSV, PDF = "text/csv; charset=utf-8", "application/pdf"


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as a file."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which paper: what `ref` is about depends on the kind; `caption` is HTML that stands under it in a chat."""

    kind: str
    ref: str
    options: Mapping[str, str] = field(default_factory=dict)
    caption: str = ""

    def stored(self) -> dict[str, Any]:
        """It as plain values."""
        return asdict(self) | {"options": dict(self.options)}

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """It as it was before `stored`."""
        return cls(stored["kind"], stored["ref"], dict(stored["options"]), stored["caption"])


type Maker = Callable[[int, Wanted], Paper]

_makers: dict[str, Maker] = {}


def register(kind: str, maker: Maker) -> None:
    """Let this function make every paper of the kind: from the reader's id and what is wanted."""
    _makers[kind] = maker


def make(reader_id: int, wanted: Wanted) -> Paper:
    """
    Make a paper for a reader.

    :raises LookupError: nobody makes papers of this kind.
    :raises DeskError: this reader may not have it, or it cannot be made as things are.
    """
    if wanted.kind not in _makers:
        raise LookupError(f"No maker of {wanted.kind!r} papers is registered.")
    return _makers[wanted.kind](reader_id, wanted)
