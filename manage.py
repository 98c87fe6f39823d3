#!/usr/bin/env python
"""The desk's commands; `make help` lists the usual ones, `manage.py help` all."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from trading.sandbox import localenv

SETS_UP = {"desk", "smoke", "bench_bot"}
NO_CONNECTION = ("connection failed", "connection timeout expired")  # what psycopg says when it never had one


def main() -> None:
    """Run one command, with `.local/desk.env` for what the environment does not say."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trading.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in SETS_UP:
        localenv.ensure()
        localenv.load()
    elif not localenv.given("DATABASE_URL"):
        localenv.load()
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, localenv.SetupError) as error:
        sys.exit(f"manage.py: {error}")
    except OperationalError as error:
        if not str(error).startswith(NO_CONNECTION):
            raise
        sys.exit(f"manage.py: PostgreSQL cannot be used: start it, or correct DATABASE_URL. {error}")


if __name__ == "__main__":
    main()
