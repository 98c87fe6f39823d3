"""Measure the console's pages on what the sandbox holds: `manage.py bench_pages`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.sandbox import page_bench


class Command(BaseCommand):
    help = "Measure how long each page of the console takes on the server; as a table and as JSON. Only in the sandbox."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--times", type=int, default=20, help="how often each page is asked for")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.IS_SANDBOX:
            raise CommandError("Pages are measured as the sandbox's people: set DESK_ENV=sandbox.")
        if options["times"] < page_bench.FEWEST:
            raise CommandError(f"--times must be {page_bench.FEWEST} or more: of fewer answers there is no p95.")
        try:
            costs = list(page_bench.measure(options["times"]))
        except page_bench.NobodyMaySee as error:
            raise CommandError(f"None of the demo people may see {error}.") from None
        self.stdout.write(page_bench.table(costs))
        self.stdout.write(json.dumps(page_bench.as_json(costs)))
