"""`manage.py bot`: fetches what people write to the bot, into the inbox."""

import asyncio
import logging
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.bot import polling

log = logging.getLogger("desk.bot")


class Command(BaseCommand):
    help = "Fetch Telegram updates by long polling and store them; the worker handles them."
    requires_system_checks = ()  # some ask the database, which may be away for now

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.TELEGRAM_BOT_TOKEN:
            raise CommandError("TELEGRAM_BOT_TOKEN is not set: get one from @BotFather, or use `make run`.")
        asyncio.run(_main())


async def _main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await polling.run_until(stop)
    log.info("the bot ends")
