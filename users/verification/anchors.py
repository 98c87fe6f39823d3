"""
Anchors: the number and hash of a seal, noted in a file outside the database.

Whoever rewrites the database, from whichever seal on, cannot make the new chain fit an old anchor. One
line each: instant, number, hash in hexadecimal.
"""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Invalid
from users.models import AuditSeal

LINE = re.compile(r"(?P<at>\S{1,40}) (?P<number>\d{1,18}) (?P<hash>[0-9a-f]{64})")
PRIVATE = 0o640


class UnreadableAnchor(Invalid):
    """The file is missing or not one of anchors."""

    code = "unreadable_anchor"
    text = _("{path} cannot be used as an anchor file: {why}.")


class AnchorMismatch(Conflict):
    """What was anchored before is not in the database any more."""

    code = "anchor_mismatch"
    text = _("Seal {number} is not what was anchored. Nothing was added; run audit_verify.")


class NothingToAnchor(Conflict):
    """There is no seal yet."""

    code = "nothing_to_anchor"
    text = _("Nothing is sealed yet: run the worker, then anchor.")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal as it was noted."""

    number: int
    hash: bytes


def read_anchors(path: Path) -> list[Anchor]:
    """
    All anchors of a file.

    :raises UnreadableAnchor: it is missing, empty, or has a line that is none.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeError) as error:
        raise UnreadableAnchor(path=path, why=getattr(error, "strerror", None) or "it is not text") from error
    anchors = []
    for number, line in enumerate(lines, start=1):
        match = LINE.fullmatch(line)
        if match is None:
            raise UnreadableAnchor(path=path, why=f"line {number} is not an anchor")
        anchors.append(Anchor(int(match["number"]), bytes.fromhex(match["hash"])))
    if not anchors:
        raise UnreadableAnchor(path=path, why="it is empty")
    return anchors


def is_kept(anchor: Anchor) -> bool:
    """Whether the database still has the seal that was anchored."""
    return AuditSeal.objects.filter(number=anchor.number, hash=anchor.hash).exists()


def add_anchor(path: Path, *, now: datetime) -> Anchor:
    """
    Note the latest seal at the end of the file; once, however often it is called.

    :raises UnreadableAnchor: the file holds something else, or cannot be written.
    :raises AnchorMismatch: the last anchor in it does not fit the database.
    :raises NothingToAnchor: there is no seal.
    """
    last = read_anchors(path)[-1] if path.exists() and path.stat().st_size else None
    if last is not None and not is_kept(last):
        raise AnchorMismatch(number=last.number)
    seal = AuditSeal.objects.order_by("-number").first()
    if seal is None:
        raise NothingToAnchor
    anchor = Anchor(seal.number, bytes(seal.hash))
    if anchor != last:
        _append(path, f"{now.isoformat(timespec='seconds')} {anchor.number} {anchor.hash.hex()}\n")
    return anchor


def _append(path: Path, line: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise UnreadableAnchor(path=path, why=error.strerror) from error
