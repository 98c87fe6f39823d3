"""``manage.py sandbox telegram|market``: the stand-ins of demo and tests."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.sandbox import market
from trading.sandbox.telegram import server
from trading.sandbox.telegram.journal import JournalError


class Command(BaseCommand):
    help = "Run a stand-in of the sandbox: telegram (Bot API and chat page) or market (simulated people)."

    requires_system_checks = ()  # it plays someone else's service

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stand_in", choices=["telegram", "market"])

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.IS_SANDBOX:
            raise CommandError("The sandbox runs only where DESK_ENV=sandbox.")
        try:
            if options["stand_in"] == "telegram":
                directory = Path(settings.BASE_DIR) / ".local" / "telegram"
                server.run(server.Configuration.from_environment(directory))
            else:
                market.run(market.Configuration.from_environment())
        except (server.ConfigurationError, JournalError) as problem:
            raise CommandError(str(problem)) from problem
