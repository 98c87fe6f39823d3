"""Measure the bot on a desk of its own: `manage.py bench_bot`."""

import asyncio
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.sandbox.bot_bench import Bench, Plan, table
from trading.sandbox.localenv import SetupError
from trading.sandbox.rig import BOT, Rig

USUAL = Plan()


class Command(BaseCommand):
    help = "Measure how soon the bot answers, and how much one worker handles; as a table and as JSON."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--chats", type=int, default=USUAL.chats)
        parser.add_argument("--rate", type=float, default=USUAL.rate, help="commands a second")
        parser.add_argument("--seconds", type=float, default=USUAL.seconds)
        parser.add_argument("--updates", type=int, default=USUAL.updates, help="how many wait before the drain")

    def handle(self, *_args: Any, **options: Any) -> None:
        plan = Plan(**{name: options[name] for name in Plan.__slots__})
        try:
            with Rig(chats=plan.chats) as rig:
                rig.start(BOT, *rig.workers)
                found = asyncio.run(Bench(rig, plan).run())
        except (SetupError, TimeoutError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(table(found))
        self.stdout.write(json.dumps(found))
