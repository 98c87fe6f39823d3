"""No silent return: every refusal has its words, its code in the API, its log line, and its reason where it stays."""

import ast
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import models
from django.test import RequestFactory
from django.utils import translation

from rfq.models import Quote, Rfq
from settlement.models import Settlement, Transfer, Withdrawal
from tests.factories import NOON
from trading import api
from trading.bot import registry
from trading.lib.errors import Conflict, DeskError, Invalid
from trading.lib.operations import operation
from users import api_calls
from users.errors import NotAuthenticated
from users.operations.signing_in import LockedOut

ROOT = Path(settings.BASE_DIR)
# Never raised themselves: what is raised says more.
KINDS = {DeskError, Invalid, Conflict, NotAuthenticated}
# One word for one thing to do, said in two places.
SHARED = {
    "bank_reference_used": {"ReferenceUsed", "BankReferenceTaken"},
    "key_reused": {"KeyReused", "OtherDeposit", "OtherLpPayment"},
    "unknown_time_zone": {"UnknownTimeZone", "UnknownZone"},
    "wrong_code": {"WrongCode", "WrongFactor"},
}
FACT = re.compile(r"\{(\w+)[^}]*\}")
STATUS_ROW = re.compile(r"^\| (\d{3}) \| ", re.MULTILINE)


def all_of(kind: type[DeskError]) -> Iterator[type[DeskError]]:
    yield kind
    for more in kind.__subclasses__():
        yield from all_of(more)


def of_the_desk() -> list[type[DeskError]]:
    """Every refusal there is (the API's addresses and the bot's table import all of the desk), tests' own left out."""
    assert api.urlpatterns
    assert registry.ENTRIES
    found = dict.fromkeys(all_of(DeskError))
    return sorted((one for one in found if not one.__module__.startswith("tests")), key=lambda one: one.__qualname__)


REFUSALS = [one for one in of_the_desk() if one not in KINDS]
EACH = pytest.mark.parametrize("kind", REFUSALS, ids=lambda one: f"{one.__module__}.{one.__name__}")


def refusal(kind: type[DeskError]) -> DeskError:
    """One of this kind, with all the facts its sentence names."""
    if issubclass(kind, LockedOut):
        return kind(until=NOON)
    facts: dict[str, object] = dict.fromkeys(FACT.findall(str(kind.text)), "7")
    return kind(**facts)


def test_all_three_apps_refuse_and_nothing_that_says_nothing_is_raised() -> None:
    apps = Counter(one.__module__.partition(".")[0] for one in REFUSALS)
    assert len(REFUSALS) > 190
    assert min(apps[app] for app in ("users", "rfq", "settlement")) > 20

    raised = {name for path in sources("users", "rfq", "settlement", "alerting", "trading") for name in raised_in(path)}
    assert {one.__name__ for one in KINDS} & raised == set()


def raised_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise):
            made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(made, ast.Name):
                yield made.id


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts)


def test_a_code_means_one_thing() -> None:
    names: dict[str, set[str]] = {}
    for one in REFUSALS:
        names.setdefault(one.code, set()).add(one.__name__)

    assert {code: found for code, found in names.items() if len(found) > 1} == SHARED
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in names)


@EACH
def test_it_has_a_code_and_words_of_its_own_in_english_and_persian(kind: type[DeskError]) -> None:
    made = refusal(kind)
    with translation.override("en"):
        english = made.sentence
    with translation.override("fa"):
        persian = made.sentence

    assert "code" in kind.__dict__ or kind.code not in {one.code for one in KINDS}
    assert "{" not in english + persian
    assert len(english.split()) > 2
    assert re.search("[\u0600-\u06ff]", persian), "not translated"


@EACH
def test_the_api_answers_its_code_with_a_documented_status_and_logs_it_once(
    kind: type[DeskError], caplog: pytest.LogCaptureFixture
) -> None:
    made = refusal(kind)
    made.facts.setdefault("seconds", 7)
    documented = {int(status) for status in STATUS_ROW.findall((ROOT / "docs/api.md").read_text())}
    with caplog.at_level(logging.INFO, logger="desk.refusals"):
        answer = api._desk_error(RequestFactory().get("/api/"), made)
        made.write_down("somebody else")

    body = json.loads(answer.content)
    assert body["code"] == kind.code
    assert body["message"] == made.sentence
    assert answer.status_code in documented
    assert [record.getMessage() for record in caplog.records] == [f"the API refused: {kind.code}"]


def named_by_calls() -> dict[str, set[int]]:
    """Every code the description of the API names, and at which statuses."""
    found: dict[str, set[int]] = {}
    for methods in api.api.get_openapi_schema()["paths"].values():
        for call in methods.values():
            for status, answer in call["responses"].items():
                for code in re.findall(r"^- `(\w+)`:", answer.get("description", ""), re.MULTILINE):
                    found.setdefault(code, set()).add(int(status))
    return found


def test_statuses_that_calls_name_are_those_they_answer() -> None:
    named = named_by_calls()
    assert len(named) > 60

    for one in REFUSALS:
        if one.code in named:
            made = refusal(one)
            made.facts.setdefault("seconds", 7)
            answered = api._desk_error(RequestFactory().get("/api/"), made).status_code
            assert answered in named[one.code], one
            said = next((status for kind, status in api_calls.STATUS if issubclass(one, kind)), None)
            assert said is not None, one


@EACH
def test_an_operation_that_refuses_logs_who_and_why_and_no_facts(
    kind: type[DeskError], caplog: pytest.LogCaptureFixture, db: None
) -> None:
    made = refusal(kind)

    @operation
    def act() -> None:
        raise made

    @operation
    def keep() -> DeskError:
        return refusal(kind)

    with caplog.at_level(logging.INFO, logger="desk.refusals"):
        with pytest.raises(kind):
            act()
        keep()

    lines = [record.getMessage() for record in caplog.records if record.name == "desk.refusals"]
    assert lines == [f"{__name__}.{name} refused: {kind.code}" for name in ("act", "keep")]


# --- where it leaves a state -----------------------------------------------------------------


def test_a_code_fits_where_it_is_kept() -> None:
    room = min(field(model, "refusal").max_length or 0 for model in (Rfq, Quote))
    reasons = min(field(model, "reason").max_length or 0 for model in (Settlement, Transfer, Withdrawal))

    assert [one.code for one in REFUSALS if len(one.code) > min(room, reasons)] == []


def field(model: type[models.Model], name: str) -> Any:
    return model._meta.get_field(name)


@pytest.mark.parametrize(
    ("model", "constraint"),
    [
        (Rfq, "rfq_rejected_for_a_reason"),
        (Quote, "quote_rejected_for_a_reason"),
        (Settlement, "settlement_says_why"),
        (Transfer, "transfer_says_why"),
        (Withdrawal, "withdrawal_says_why"),
    ],
)
def test_the_database_refuses_a_state_without_its_reason(model: type[models.Model], constraint: str) -> None:
    assert constraint in {one.name for one in model._meta.constraints}


# --- and nothing ends without one ------------------------------------------------------------


def test_no_operation_of_settlement_leaves_early_without_having_done_something() -> None:
    """
    A bare `return` (or `return None`) in `settlement/operations` follows a call in its own branch.

    What ends early has moved, recorded or asked for something by then, or returns what it found, or raises.
    """
    silent = [
        f"{path.relative_to(ROOT)}:{line}" for path in sources("settlement/operations") for line in silent_in(path)
    ]

    assert silent == []


def silent_in(path: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(path.read_text())):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            for before, here in zip([None, *block], block, strict=False) if isinstance(block, list) else ():
                if says_nothing(here) and not (isinstance(before, ast.Expr) and isinstance(before.value, ast.Call)):
                    yield here.lineno


def says_nothing(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Return):
        return False
    return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)


def test_the_walk_sees_what_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "operations.py"
    path.write_text(
        "def act(row):\n    if row.late:\n        stop(row)\n        return\n    if row.over:\n        return\n"
    )

    assert list(silent_in(path)) == [6]


def test_every_job_of_settlement_says_what_it_did() -> None:
    """A job's function logs, so that what it did or left is in the log even where the operation returns a number."""
    tree = ast.parse((ROOT / "settlement/tasks.py").read_text())
    jobs = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]

    assert len(jobs) >= 8
    quiet = [job.name for job in jobs if not any(is_log(node) for node in ast.walk(job))]
    assert quiet == []


def is_log(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "log"
        and node.attr in {"debug", "info", "warning", "error", "exception"}
    )
