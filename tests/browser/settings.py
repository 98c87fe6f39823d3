"""The real settings, with built static files of this test run."""

import os
from pathlib import Path

from trading.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["TEST_STATIC_ROOT"])
