"""The stand-in on a free port, in a thread; no database anywhere."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from trading.sandbox.telegram.client import SandboxClient
from trading.sandbox.telegram.server import Configuration, Server

os.environ.setdefault("PTB_TIMEDELTA", "true")  # the library warns of a coming change otherwise

TOKEN = "7000:sandbox-token"
KEY = "control-key-of-the-tests"

TARA, NAVID, LEO, DORA, STRANGER, GROUP = 7001, 7002, 7101, 7103, 7901, -7001


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sandbox:
    url: str
    client: SandboxClient

    def bot(self, token: str = TOKEN) -> Bot:
        # Plain http: no certificates to load.
        requests = [HTTPXRequest(httpx_kwargs={"verify": False}) for _ in range(2)]
        return Bot(token, base_url=f"{self.url}/bot", request=requests[0], get_updates_request=requests[1])


def bot_api(sandbox: Sandbox, method: str, **data: object) -> Any:
    """Call the Bot API by plain HTTP."""
    answer = httpx.post(f"{sandbox.url}/bot{TOKEN}/{method}", json=data, timeout=20).json()
    assert answer["ok"], answer
    return answer["result"]


class Running:
    """A server in a thread of its own."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as problem:  # noqa: BLE001 - the test thread raises it
            self._problem = problem
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        ready = asyncio.Event()
        serving = asyncio.create_task(Server(self._configuration).serve(ready=ready, stop=self._stop))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            self._ready.set()
        await serving

    def __enter__(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)
        if self._problem:
            raise self._problem

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    port = free_port()
    directory: Path = tmp_path_factory.mktemp("telegram")
    with Running(Configuration(token=TOKEN, control_key=KEY, directory=directory, port=port)):
        url = f"http://127.0.0.1:{port}"
        with SandboxClient(url, KEY) as client:
            yield Sandbox(url, client)


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.client.reset()
    return running_sandbox
