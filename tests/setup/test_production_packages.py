"""What runs in production does without the packages of development: they are not in its image."""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
COMMANDS = ROOT / "trading" / "management" / "commands"
# For a sandbox or a bench beside a checkout.
BESIDE_A_CHECKOUT = {"desk", "sandbox", "smoke"}
PROGRAM = """
import importlib, sys, django
for name in {blocked!r}:
    sys.modules[name] = None
django.setup()
import trading.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
for command in {commands!r}:
    importlib.import_module("trading.management.commands." + command)
"""


def locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {found.lower().replace("_", "-") for found in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def development_modules() -> list[str]:
    """The modules that only packages of development bring."""
    production = locked("prod")
    return sorted(
        module
        for module, packages in packages_distributions().items()
        if module.isidentifier() and not {name.lower().replace("_", "-") for name in packages} & production
    )


def test_web_and_commands_load_without_packages_of_development() -> None:
    blocked = development_modules()
    assert {"aiosmtpd", "playwright", "pytest"} <= set(blocked)
    commands = sorted({path.stem for path in COMMANDS.glob("*.py")} - BESIDE_A_CHECKOUT - {"__init__"})

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(blocked=blocked, commands=commands)],
        cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
