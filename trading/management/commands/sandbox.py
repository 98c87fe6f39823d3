"""``manage.py sandbox telegram|market|chain``: the stand-ins of demo and tests."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.sandbox import market, mining
from trading.sandbox.localenv import SetupError
from trading.sandbox.telegram import server
from trading.sandbox.telegram.journal import JournalError


class Command(BaseCommand):
    help = (
        "Run a stand-in of the sandbox: telegram (Bot API and chat page), market (simulated people) or chain "
        "(a local EVM node)."
    )

    requires_system_checks = ()  # it plays someone else's service

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stand_in", choices=["telegram", "market", "chain"])

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.IS_SANDBOX:
            raise CommandError("The sandbox runs only where DESK_ENV=sandbox.")
        try:
            if options["stand_in"] == "telegram":
                directory = Path(settings.BASE_DIR) / ".local" / "telegram"
                server.run(server.Configuration.from_environment(directory))
            elif options["stand_in"] == "chain":
                mining.run(int(os.environ.get("SANDBOX_EVM_PORT", "8545")))
            else:
                market.run(market.Configuration.from_environment())
        except (server.ConfigurationError, JournalError, SetupError) as problem:
            raise CommandError(str(problem)) from problem
