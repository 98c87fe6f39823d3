"""Measure how fast the desk trades, beside the same work as plain SQL: `manage.py bench`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.sandbox.bench import race
from trading.sandbox.bench.race import OtherWrites, Plan, Race
from trading.sandbox.localenv import SetupError

USUAL = Plan()


class Command(BaseCommand):
    help = (
        "Measure whole lifecycles (RFQ, three quotes, accept, settle) through the desk's operations, and the same"
        " writes as plain SQL by psycopg and by pgbench, on a private PostgreSQL, in one run."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=USUAL.processes, help="that trade beside each other")
        parser.add_argument("--turns", type=int, default=USUAL.turns, help="in which the three follow one another")
        parser.add_argument("--seconds", type=float, default=USUAL.seconds, help="of each of the three in each turn")
        parser.add_argument("--json", action="store_true", help="nothing but one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        plan = Plan(processes=options["processes"], turns=options["turns"], seconds=options["seconds"])
        try:
            with race.ground() as ground:
                found = Race(ground, plan).run()
        except (SetupError, OtherWrites, ChildProcessError) as error:
            raise CommandError(str(error)) from None
        if not options["json"]:
            self.stdout.write(race.table(found))
        self.stdout.write(json.dumps(found))
