"""``python -m trading.sandbox.telegram DIRECTORY``: the stand-in without Django."""

import logging
import sys
from pathlib import Path

from trading.sandbox.telegram.journal import JournalError
from trading.sandbox.telegram.server import Configuration, ConfigurationError, run

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run(Configuration.from_environment(Path(sys.argv[1] if len(sys.argv) > 1 else ".local/telegram")))
    except (ConfigurationError, JournalError) as problem:
        sys.exit(str(problem))
