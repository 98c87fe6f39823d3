"""Keeping the webhook: where Telegram sends updates by itself (`webhook.receive`), and whether they arrive."""

import asyncio
import logging

from django.conf import settings
from telegram import Bot
from telegram.error import InvalidToken, TelegramError

from alerting import operations
from alerting.telegram import new_bot
from trading.bot import tokens
from trading.bot.application import ALLOWED_UPDATES
from trading.bot.polling import HEARTBEAT, introduce, sentence
from trading.lib import clock, threads

log = logging.getLogger("desk.bot")

LOOK_SECONDS = 10.0
NOT_DELIVERED = "Telegram cannot deliver to {url}: {why}"


async def watch() -> None:
    """
    Tell Telegram where updates go, then look again and again whether they arrive. Cancel it to end.

    :raises WrongToken: Telegram does not know the token.
    """
    complaint = ""
    is_set = False
    while True:
        try:
            async with new_bot() as bot:
                if not is_set:
                    await _set(bot)
                    is_set = True
                found = await _fault(bot)
            await threads.run(operations.beat, name=HEARTBEAT, now=clock.now())
        except TelegramError as error:
            if isinstance(error, InvalidToken):
                await tokens.ask_again()
            found = sentence(error)
        if found and found != complaint:
            log.warning("%s.", found)
        complaint = found
        await asyncio.sleep(LOOK_SECONDS)


async def _set(bot: Bot) -> None:
    await introduce(bot)
    await bot.set_webhook(
        settings.TELEGRAM_WEBHOOK_URL,
        secret_token=settings.TELEGRAM_WEBHOOK_SECRET,
        allowed_updates=ALLOWED_UPDATES,
        max_connections=1,  # one after the other: a later update never overtakes an earlier one
    )
    log.info("the bot @%s is sent what people write, at %s", bot.username, settings.TELEGRAM_WEBHOOK_URL)


async def _fault(bot: Bot) -> str:
    """What keeps updates from arriving; "" when nothing does."""
    info = await bot.get_webhook_info()
    if info.url != settings.TELEGRAM_WEBHOOK_URL:
        return NOT_DELIVERED.format(url=settings.TELEGRAM_WEBHOOK_URL, why="somebody set another webhook")
    if info.pending_update_count and info.last_error_message:
        return NOT_DELIVERED.format(url=info.url, why=info.last_error_message)
    return ""
