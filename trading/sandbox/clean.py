"""Remove what the set-up made outside the checkout; refuses while the desk runs."""

import shutil
import sys

from trading.sandbox import desk, postgres
from trading.sandbox.supervise import Supervisor


def main() -> None:
    """End leftovers and remove the private databases, wherever they lie."""
    if pid := desk.running_pid():
        sys.exit(f"The desk runs (process {pid}): stop it with Ctrl-C there, then clean.")
    Supervisor(desk.RUN, desk.LOG, ()).end_leftovers()
    for home in postgres.homes():
        postgres.end_server(home / "data")
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
