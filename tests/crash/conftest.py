"""The same Telegram as the bot's tests."""

from tests.bot.conftest import telegram, telegram_directory, telegram_port

__all__ = ["telegram", "telegram_directory", "telegram_port"]
