"""`manage.py bot`: fetches what people write to the bot, into the inbox, or sees to it that Telegram sends it."""

import asyncio
import logging
import os
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from alerting import requests
from trading.bot import guarding, polling, watching
from trading.bot.tokens import WrongToken
from trading.lib import alive

log = logging.getLogger("desk.bot")


class Command(BaseCommand):
    help = (
        "Fetch Telegram updates and store them, or keep the webhook of TELEGRAM_WEBHOOK_URL; the worker handles them."
    )
    # A missing or wrong token ends it with os.EX_CONFIG (78): supervisors are told not to start it again for that.
    requires_system_checks = ()  # some ask the database, which may be away for now

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.TELEGRAM_BOT_TOKEN:
            words = "TELEGRAM_BOT_TOKEN is not set: get one from @BotFather, or use `make run`."
            raise CommandError(words, returncode=os.EX_CONFIG)
        try:
            asyncio.run(_main())
        except WrongToken as error:
            raise CommandError(f"{error}. The bot ends.", returncode=os.EX_CONFIG) from None


async def _main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    alive.show()
    work = watching.watch() if settings.TELEGRAM_WEBHOOK_URL else polling.Poller().run()
    beside = [
        asyncio.create_task(each) for each in (requests.keep_handing_over(), guarding.guard(), alive.keep_showing())
    ]
    try:
        await polling.run_until(stop, work)
    finally:
        for each in beside:
            each.cancel()
        await asyncio.wait(beside)
    log.info("the bot ends")
