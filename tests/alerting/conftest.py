"""The same desk and Telegram as the bot's tests."""

from tests.bot.conftest import scene, telegram, telegram_directory, telegram_port

__all__ = ["scene", "telegram", "telegram_directory", "telegram_port"]
