"""What a verification can find, and how bad that is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.db import connection

COULD_NOT_VERIFY = 20


class Kind(Enum):
    """What is wrong: a word and its exit code. The first of these that was found is the exit code."""

    CHAIN = ("chain", 10)
    ANCHOR = ("anchor", 11)
    UNRECONCILED = ("unreconciled", 12)
    GUARDS = ("guards", 13)
    LAG = ("sealing_lags", 14)
    DEMO_PROOF = ("demo_proof", 15)

    def __init__(self, word: str, exit_code: int) -> None:
        self.word = word
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: its kind, where it is, and what is wrong there."""

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind.word}: {self.where} {self.what}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    seals: int = 0
    events: int = 0
    last_hash: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when nothing was found, else that of the most severe kind."""
        found = {finding.kind for finding in self.findings}
        return next((kind.exit_code for kind in Kind if kind in found), 0)

    def as_dict(self) -> dict[str, object]:
        """Plain values, for programs."""
        return {
            "ok": not self.findings,
            "exit_code": self.exit_code,
            "seals": self.seals,
            "events": self.events,
            "last_hash": self.last_hash,
            "findings": [
                {"kind": finding.kind.word, "where": finding.where, "what": finding.what} for finding in self.findings
            ],
        }


def found_by(kind: Kind, statements: Iterable[str], parameters: Mapping[str, Any]) -> list[Finding]:
    """Run statements that return what is wrong, as pairs of where and what."""
    found = []
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, parameters)
            found += [Finding(kind, str(where), str(what)) for where, what in cursor.fetchall()]
    return found
