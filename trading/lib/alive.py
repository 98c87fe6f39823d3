"""A sign that this process's loop turns: the age of a file, for a health check that stands beside the process."""

import asyncio
from pathlib import Path

from django.conf import settings

SHOW_SECONDS = 1.0


def show() -> None:
    """Leave a fresh sign in `ALIVE_FILE`, where one is set; `python -m trading.probe alive` looks at its age."""
    if settings.ALIVE_FILE:
        Path(settings.ALIVE_FILE).touch()


async def keep_showing() -> None:
    """Show it again and again. Cancel it to end."""
    while True:
        show()
        await asyncio.sleep(SHOW_SECONDS)
