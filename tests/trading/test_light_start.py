"""What a web carries from its start: all that every request needs, nothing that only few do."""

import os
import subprocess
import sys

from django.conf import settings

# fpdf with its fonts 20 MB, web3 60, ccxt 40.
HEAVY = ("fpdf", "PIL", "uharfbuzz", "web3", "ccxt", "tronpy")
LOADED = """
import sys
import trading.wsgi
print(*(name for name in {heavy} if name in sys.modules))
"""
LACKING = """
import sys
import trading.wsgi
from django.urls import get_resolver
started = set(sys.modules)
get_resolver().url_patterns
print(*set(sys.modules) - started)
"""


def said_by(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR, env=os.environ, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout.split()


def test_a_web_starts_without_what_few_requests_need() -> None:
    assert said_by(LOADED.format(heavy=HEAVY)) == []


def test_the_first_request_waits_for_no_module_of_the_desk() -> None:
    assert said_by(LACKING) == []
