"""The desk's bot against the sandbox's Telegram."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as desk_settings

from tests.bot.scene import Scene, cast
from tests.bot.workers import Worker
from tests.sandbox.conftest import KEY, Running, free_port
from trading.sandbox.telegram.client import SandboxClient
from trading.sandbox.telegram.server import Configuration


@pytest.fixture(scope="session")
def telegram_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sandbox's Telegram keeps its journal and files."""
    return tmp_path_factory.mktemp("telegram-of-the-desk")


@pytest.fixture(scope="session")
def telegram_port(telegram_directory: Path) -> Iterator[int]:
    port = free_port()
    token = desk_settings.TELEGRAM_BOT_TOKEN
    with Running(Configuration(token=token, control_key=KEY, directory=telegram_directory, port=port)):
        yield port


@pytest.fixture
def telegram(telegram_port: int, settings: Any) -> Iterator[SandboxClient]:
    """The sandbox's Telegram, empty, and the desk pointed at it."""
    url = f"http://127.0.0.1:{telegram_port}"
    settings.TELEGRAM_API_URL = url
    with SandboxClient(url, KEY) as client:
        yield client


@pytest.fixture
def scene(db: None, telegram: SandboxClient) -> Iterator[Scene]:
    telegram.reset()
    market = cast()
    with Worker() as worker:
        scene = Scene(market, telegram, worker)
        scene.work()
        yield scene
