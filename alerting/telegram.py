"""Clients of the configured Bot API."""

import ssl
from functools import cache
from typing import Any

from django.conf import settings
from telegram import Bot
from telegram.error import TelegramError, TimedOut
from telegram.request import HTTPXRequest

from alerting import requests

CONNECTIONS = 16  # more than a worker has jobs at a time
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0


def new_bot(*, poll_seconds: float = 0.0) -> Bot:
    """Make a client of the configured Bot API; its polls may take so long and have a connection of their own."""
    return Bot(
        settings.TELEGRAM_BOT_TOKEN,
        base_url=f"{settings.TELEGRAM_API_URL}/bot",
        base_file_url=f"{settings.TELEGRAM_API_URL}/file/bot",
        request=_request(CONNECTIONS, ANSWER_SECONDS),
        get_updates_request=_request(1, poll_seconds + ANSWER_SECONDS),
    )


class CountedRequest(HTTPXRequest):
    """The library's connections, with every request counted."""

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Ask, and count the answer or what kept it from coming. The address holds the token: only its end is kept."""
        asked_api = url.startswith(f"{settings.TELEGRAM_API_URL}/bot")
        method = url.rpartition("/")[2] if asked_api else "file"
        try:
            status, body = await super().do_request(url, *args, **kwargs)
        except TelegramError as error:
            requests.count(method, "timeout" if isinstance(error, TimedOut) else "network")
            raise
        requests.count(method, str(status))
        return status, body


def _request(connections: int, seconds: float) -> HTTPXRequest:
    return CountedRequest(
        connection_pool_size=connections,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=seconds,
        pool_timeout=ANSWER_SECONDS,
        httpx_kwargs={"verify": _certificates()},
    )


@cache
def _certificates() -> ssl.SSLContext:
    """The system's certificates, read once: reading them takes longer than most calls."""
    return ssl.create_default_context()
