"""Tables of the documents that name what the code names: all of it, and nothing else."""

import re
from datetime import timedelta

from procrastinate.contrib.django import app

from settlement.models import LedgerAccount
from tests.docs.test_links import ROOT
from trading.bot.registry import ENTRIES, LINKED, Side
from users.capabilities import CAPABILITIES
from users.policies import FIRST

DATABASE_CODE = re.compile(r"(?<=')[A-Z]{2}\d\d(?= )")
CODES = re.compile(r"\b([A-Z]{2})(\d\d)(?: – [A-Z]{2}(\d\d))?")
NAME = re.compile(r"`([a-z_]+\.[a-z_]+)`")
HOURS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
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


def test_acts_are_listed_with_who_proposes_and_until_when() -> None:
    listed = {}
    for act, _on, _details, proposes, decides, expires in table("docs/dual-control.md", "Acts and their policies")[1:]:
        number, unit = expires.split()
        for name in NAME.findall(act):
            listed[name] = (set(proposes.split(", ")), decides, int(number) * HOURS[unit])

    assert listed == {
        act: ({str(role) for role in policy.proposers}, f"{policy.quorum} {policy.approver}", policy.expires_after)
        for act, policy in FIRST.items()
    }


def test_every_code_of_a_refusal_by_the_database_is_explained() -> None:
    raised = {code for file in ROOT.glob("*/migrations/*.py") for code in DATABASE_CODE.findall(file.read_text())}
    explained = {
        f"{letters}{number:02}"
        for page in ROOT.glob("docs/*.md")
        for letters, first, last in CODES.findall(page.read_text())
        for number in range(int(first), int(last or first) + 1)
    }

    assert raised
    assert raised - explained == set()


def test_commands_are_listed_by_whose_menu_they_stand_in() -> None:
    strangers, *sides, everyone = (
        set(re.findall(r"`/([a-z]+)`", line[1])) for line in table("docs/telegram.md", "Commands")[1:]
    )

    assert strangers == {entry.name for entry in ENTRIES if Side.STRANGER in entry.sides}
    assert everyone == {entry.name for entry in ENTRIES if entry.sides >= LINKED}
    for side, listed in zip((Side.CLIENT, Side.LP, Side.DESK), sides, strict=True):
        assert listed == {entry.name for entry in ENTRIES if side in entry.sides} - everyone
