"""The real settings, with built static files of this test run."""

import os

from trading.settings import *  # noqa: F403

STATIC_ROOT = os.environ["TEST_STATIC_ROOT"]
