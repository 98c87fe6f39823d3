"""Put the parts together and serve them on loopback."""

import asyncio
import json
import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from trading.sandbox.telegram.bot_api import BotApi
from trading.sandbox.telegram.bot_messages import BotMessages
from trading.sandbox.telegram.control import Control
from trading.sandbox.telegram.documents import Documents
from trading.sandbox.telegram.faults import Faults
from trading.sandbox.telegram.journal import Journal
from trading.sandbox.telegram.mailbox import Mailbox
from trading.sandbox.telegram.page import ChatPage, Handler, secure_headers
from trading.sandbox.telegram.people_side import MAX_SENT_BYTES, PeopleSide
from trading.sandbox.telegram.rates import Rates
from trading.sandbox.telegram.state import State
from trading.sandbox.telegram.updates import Updates
from trading.sandbox.telegram.webhook import Webhook

log = logging.getLogger("sandbox.telegram")

MAX_FORM_BYTES = 1024 * 1024  # what a form with a file has besides
HOST = "127.0.0.1"
DEFAULT_PORT = 9091
DEFAULT_CONSOLE = "http://localhost:9090"
NAMES = ("localhost", "127.0.0.1", "[::1]")
SHUTDOWN_SECONDS = 1.0
HIGHEST_PORT = 65535


class ConfigurationError(Exception):
    """The stand-in cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the stand-in has to know."""

    token: str
    control_key: str
    directory: Path
    port: int = DEFAULT_PORT
    mail_port: int = 0  # none: no mail is taken
    console: str = DEFAULT_CONSOLE

    @classmethod
    def from_environment(cls, directory: Path) -> "Configuration":
        """
        Read TELEGRAM_BOT_TOKEN, SANDBOX_CONTROL_KEY, the two ports, DESK_URL (each also as ``NAME_FILE``).

        :raises ConfigurationError: one is missing or makes no sense.
        """
        return cls(
            token=_required("TELEGRAM_BOT_TOKEN"),
            control_key=_required("SANDBOX_CONTROL_KEY"),
            directory=directory,
            port=_port("SANDBOX_TELEGRAM_PORT", DEFAULT_PORT),
            mail_port=_port("SANDBOX_MAIL_PORT", 0),
            console=from_environment("DESK_URL", DEFAULT_CONSOLE),
        )


def from_environment(name: str, default: str = "") -> str:
    """Read a variable, or the file that ``NAME_FILE`` names."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, "").strip() or default


def _port(name: str, default: int) -> int:
    port = from_environment(name, str(default))
    if not port.isdecimal() or int(port) > HIGHEST_PORT:
        words = f"{name} is {port!r}: set it to a port number."
        raise ConfigurationError(words)
    return int(port)


def _required(name: str) -> str:
    value = from_environment(name)
    if not value:
        words = f"{name} is not set: `make run` makes one in .local/desk.env, or set any random value."
        raise ConfigurationError(words)
    return value


class Server:
    """The stand-in: Bot API, control side and chat page over one memory."""

    def __init__(self, configuration: Configuration) -> None:
        """Replay the journal in the configured directory."""
        self.configuration = configuration
        self._journal = Journal(configuration.directory / "journal.jsonl")
        state = State(self._journal)
        faults = Faults()
        updates = Updates(state, faults)
        documents = Documents(state, configuration.directory / "files")
        people = PeopleSide(state, updates, documents)
        self._webhook = Webhook(state, updates)
        self._mailbox = Mailbox(configuration.directory / "mail", configuration.console)
        rates = Rates()
        bot_api = BotApi(
            token=configuration.token,
            state=state,
            updates=updates,
            faults=faults,
            messages=BotMessages(state, documents),
            documents=documents,
            webhook=self._webhook,
        )
        control = Control(
            key=configuration.control_key,
            state=state,
            updates=updates,
            faults=faults,
            people=people,
            bot_api=bot_api,
            rates=rates,
            files=documents.directory,
        )
        page = ChatPage(
            state=state,
            people=people,
            faults=faults,
            updates=updates,
            documents=documents,
            secret=configuration.control_key,
            console=configuration.console,
        )
        self.app = web.Application(
            client_max_size=MAX_SENT_BYTES + MAX_FORM_BYTES, middlewares=[_own_host, secure_headers]
        )
        self.app.router.add_route("*", "/bot{token}/{method}", bot_api.handle)
        self.app.router.add_get("/file/bot{token}/{place:.+}", bot_api.download)
        self.app.router.add_get("/health", _health)
        self.app.router.add_get("/mail", self._mailbox.show)
        self.app.router.add_get("/rates/{name}.json", rates.serve)
        self.app.add_routes([*control.routes(), *page.routes()])
        self.app.on_startup.append(self._start)
        self.app.on_cleanup.append(self._stop)

    async def _start(self, _app: web.Application) -> None:
        self._webhook.start()
        if self.configuration.mail_port:
            await self._mailbox.start(HOST, self.configuration.mail_port)

    async def _stop(self, _app: web.Application) -> None:
        await self._mailbox.stop()
        await self._webhook.stop()
        self._journal.close()

    async def serve(self, ready: asyncio.Event | None = None, stop: asyncio.Event | None = None) -> None:
        """Serve until ``stop`` is set."""
        runner = web.AppRunner(self.app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.configuration.port, reuse_address=True).start()
            log.info("Telegram sandbox: chat page on http://localhost:%d/", self.configuration.port)
            if ready:
                ready.set()
            await (stop or asyncio.Event()).wait()
        finally:
            await runner.cleanup()


@web.middleware
async def _own_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer to this machine's names only, so that no foreign name can be pointed at us."""
    if request.host.rsplit(":", 1)[0] not in NAMES and request.host not in NAMES:
        body = {"ok": False, "error": {"code": "foreign_host", "detail": "Use http://localhost and the port."}}
        return web.Response(text=json.dumps(body), status=421, content_type="application/json")
    return await handler(request)


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"ok": True})


def run(configuration: Configuration) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM)."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await Server(configuration).serve(stop=stop)

    asyncio.run(main())
