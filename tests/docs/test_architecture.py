"""The architecture's tables of jobs and capabilities, and the ledger's of accounts, are the code's."""

import re

from procrastinate.contrib.django import app

from settlement.models import LedgerAccount
from tests.docs.test_links import ROOT
from users.capabilities import CAPABILITIES

NAME = re.compile(r"`([a-z_]+\.[a-z_]+)`")
THE_LIBRARYS = ("procrastinate.", "builtin:")


def table(document: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, its head first."""
    _before, _heading, after = (ROOT / document).read_text().partition(f"\n## {heading}\n")
    lines = after[after.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|---")]


def test_every_job_is_listed_with_its_queue() -> None:
    listed = {
        (name, queue)
        for what, queue, _when, _lock in table("docs/architecture.md", "Jobs")[1:]
        for name in NAME.findall(what)
    }

    assert listed == {(task.name, task.queue) for task in app.tasks.values() if not task.name.startswith(THE_LIBRARYS)}


def test_capabilities_are_those_of_the_roles() -> None:
    (_capability, *roles), *lines = table("docs/architecture.md", "Who may what")
    listed = {
        role: {name for what, *marks in lines if marks[place] == "✓" for name in NAME.findall(what)}
        for place, role in enumerate(roles)
    }

    assert listed == {str(role): set(capabilities) for role, capabilities in CAPABILITIES.items()}


def test_every_kind_of_account_is_explained() -> None:
    codes = " ".join(code for code, _side, _what in table("docs/ledger.md", "Accounts")[1:])

    assert {kind.value for kind in LedgerAccount.Kind} == set(re.findall(r"`([a-z_]+):", codes)) - {"coins"}
