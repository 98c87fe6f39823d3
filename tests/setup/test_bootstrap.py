"""`bin/bootstrap`: what it says where it cannot do its work."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from trading.sandbox.localenv import ROOT

NOBODY = 65_534


@pytest.fixture
def bare_checkout() -> Iterator[Path]:
    """A checkout in which nothing was set up; every user of the machine reaches it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("bin/bootstrap", "requirements/dev.txt"):
            (folder / part).parent.mkdir()
            shutil.copy(ROOT / part, folder / part)
        yield folder


def bootstrap(checkout: Path, *, user: int | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "bin" / "bootstrap"],
        capture_output=True, text=True, timeout=60, check=False, user=user, env={**os.environ, **environ},
    )  # fmt: skip


def test_bootstrap_has_nothing_to_do_in_a_checkout_in_step() -> None:
    done = subprocess.run([ROOT / "bin" / "bootstrap"], capture_output=True, text=True, timeout=10, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def test_bootstrap_outside_a_whole_checkout_says_so(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = shutil.copy(ROOT / "bin" / "bootstrap", tmp_path / "bin")

    done = subprocess.run([script], capture_output=True, text=True, timeout=10, check=False)

    assert done.returncode == 69
    assert done.stderr == "bootstrap: requirements/dev.txt is missing; this is not a whole checkout\n"


def test_bootstrap_names_what_somebody_else_has_made(bare_checkout: Path) -> None:
    made = bare_checkout / ".venv"
    made.mkdir(mode=0o555)
    bare_checkout.chmod(0o777)

    done = bootstrap(bare_checkout, user=NOBODY if os.geteuid() == 0 else None)

    assert done.returncode == 69
    assert f"{made.resolve()} cannot be written" in done.stderr


@pytest.mark.parametrize("named", ["/bin/false", "/nonexistent/python3.13"])
def test_bootstrap_says_that_the_python_named_is_of_no_use(bare_checkout: Path, named: str) -> None:
    done = bootstrap(bare_checkout, PYTHON=named)

    assert done.returncode == 69
    assert f"PYTHON is {named}, which is no CPython 3.12 to 3.14" in done.stderr
