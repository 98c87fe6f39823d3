"""What a web carries from its start: nothing that only few requests need."""

import os
import subprocess
import sys

from django.conf import settings

# fpdf with its fonts 20 MB, web3 60, ccxt 40.
HEAVY = ("fpdf", "PIL", "uharfbuzz", "web3", "ccxt", "tronpy")
PROGRAM = """
import sys
import trading.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
print(*(name for name in {heavy} if name in sys.modules))
"""


def test_a_web_starts_without_what_few_requests_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY)],
        cwd=settings.BASE_DIR, env=os.environ, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.stdout.split() == []
