"""Of `make mutation`: what it runs is there, and it changes the very function that an operation wraps."""

import inspect
from pathlib import Path

import pytest

from rfq.operations import accepting
from settlement import ledger
from tests.mutation.plugin import change, chosen, code_of, functions_of
from trading.env import BASE_DIR

KNOWN = [line.split() for line in (BASE_DIR / "tests/mutation/tests_of.txt").read_text().splitlines()]


@pytest.mark.parametrize("paths", KNOWN, ids=lambda paths: paths[0])
def test_files_and_their_tests_exist(paths: list[str]) -> None:
    assert len(paths) > 1
    assert [path for path in paths if not (BASE_DIR / path).is_file()] == []


def test_no_file_stands_there_twice() -> None:
    assert len({file for file, *_ in KNOWN}) == len(KNOWN)


def test_an_operation_is_found_beneath_what_makes_it_one() -> None:
    found = dict(functions_of(accepting))

    assert found["accept_quote"] is inspect.unwrap(accepting.accept_quote)


def test_methods_are_found_and_what_was_imported_is_not() -> None:
    found = dict(functions_of(ledger))

    assert found["Posting.input_hash"] is vars(ledger.Posting)["input_hash"].fget
    assert found["refusals"] is inspect.unwrap(ledger.refusals)
    assert "Money" not in found
    assert "contextmanager" not in found


def test_the_changed_code_is_that_of_the_function() -> None:
    path = Path("settlement/ledger.py")
    source = (BASE_DIR / path).read_text().replace('return f"{kind}:{unit.code}"', 'return "changed"')
    function = dict(functions_of(ledger))["desk"]

    changed = code_of(source, path, function)

    assert changed is not None
    assert "changed" in changed.co_consts
    assert "changed" not in function.__code__.co_consts


def test_what_does_not_compile_has_no_code() -> None:
    function = dict(functions_of(ledger))["desk"]

    assert code_of("def desk(:", Path("settlement/ledger.py"), function) is None


def test_all_are_tried_or_those_of_some_lines_or_an_even_sample_that_is_no_larger() -> None:
    mutants = [{"first": line} for line in range(10)]

    assert chosen(mutants, "", 0) == mutants
    assert [mutant["first"] for mutant in chosen(mutants, "3,7", 0)] == [3, 7]
    assert [mutant["first"] for mutant in chosen(mutants, "", 4)] == [0, 3, 6, 9]


def test_only_what_differs_is_told() -> None:
    assert change("pay(amount, to=client)", "pay(None, to=client)") == "…pay([amount -> None]"
