"""One process that does the same by psycopg alone: `python -m trading.sandbox.bench.plain VALUES.json SECONDS`."""

import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from trading.sandbox.bench import pace
from trading.sandbox.bench.pace import Lap

OWN_BYTES = 6  # of the client's id for its request: a number, as pgbench draws it


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in psycopg's form, and whether its row's columns are kept as variables."""

    sql: str
    is_kept: bool


def statements(text: str) -> Iterator[Statement]:
    """A step of the script in psycopg's form."""
    for sql, end in re.findall(r"(.*?)(;|\\gset)\s*(?:\n|$)", text.strip(), flags=re.DOTALL):
        named = re.sub(r"(?<!:):([a-z_0-9]+)", r"%(\1)s", sql.replace("%", "%%").strip())
        yield Statement(named, is_kept=end != ";")


class Plain:
    """The script's steps on one connection, which prepares each statement once."""

    def __init__(self, session: psycopg.Connection, values: dict[str, str], steps: dict[str, str]) -> None:
        """Take apart the script's steps."""
        session.prepare_threshold = 0
        self._cursor = session.cursor(row_factory=dict_row)
        self._values = values
        self._steps: list[tuple[str, list[Statement]]] = [
            (name.split()[0], list(statements(text))) for name, text in steps.items()
        ]

    def lifecycle(self, lap: Lap) -> None:
        """One, from the request to the delivery."""
        own = str(int.from_bytes(secrets.token_bytes(OWN_BYTES)))
        variables: dict[str, object] = {**self._values, "own": own}
        for name, of_step in self._steps:
            with lap(name):
                for one in of_step:
                    self._cursor.execute(one.sql, variables)
                    if one.is_kept:
                        variables |= self._cursor.fetchone() or {}
                    elif self._cursor.description:
                        self._cursor.fetchall()


def main() -> None:
    """Trade for so many seconds."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        plain = Plain(session, plan["values"], plan["steps"])
        pace.run(plain.lifecycle, float(sys.argv[2]), say=session.execute)


if __name__ == "__main__":
    main()
