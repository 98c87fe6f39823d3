"""What a reconciliation can find, and how its statements are run."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

WALLET, NONCE, OUTGOING, INCOMING, UNSEEN = "wallet", "nonce", "outgoing", "incoming", "unseen"
HARMLESS = frozenset({INCOMING, UNSEEN})  # told, and nothing stops for it


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree: which check says so, the ref it is about, and what differs there."""

    check: str
    ref: str
    what: str
    wallet: str = ""  # the one it is about, where it is about one alone

    def __str__(self) -> str:
        return f"{self.check}: {self.ref} {self.what}"

    @property
    def halts(self) -> bool:
        """Whether nothing is paid any more because of it: out of its wallet, or at all where it is about none."""
        return self.check not in HARMLESS

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {"check": self.check, "ref": self.ref, "what": self.what, "wallet": self.wallet, "halts": self.halts}


@dataclass(slots=True)
class Report:
    """How much was looked at, and what differs."""

    accounts: int = 0
    journals: int = 0
    entries: int = 0
    wallets: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when everything agrees, else 1."""
        return 1 if self.differences else 0

    def as_dict(self) -> dict[str, object]:
        """Plain values, for programs."""
        return {
            "ok": not self.differences,
            "exit_code": self.exit_code,
            "accounts": self.accounts,
            "journals": self.journals,
            "entries": self.entries,
            "wallets": self.wallets,
            "differences": [one.as_dict() for one in self.differences],
        }


def found_by(statements: Iterable[tuple[str, str]]) -> list[Difference]:
    """Run statements, each with the name of its check; they return what differs, as pairs of ref and words."""
    found = []
    with connection.cursor() as cursor:
        for check, statement in statements:
            cursor.execute(statement)
            found += [Difference(check, str(ref), str(what)) for ref, what in cursor.fetchall()]
    return found
