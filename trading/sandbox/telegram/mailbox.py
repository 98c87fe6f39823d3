"""The sandbox's mail server: it takes every letter, delivers none, and shows them at `/mail`."""
# ruff: noqa: N802 - the handler's name is aiosmtpd's

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

MOST_KEPT = 200
MOST_BYTES = 1024 * 1024
LINK = re.compile(r"https?://[^\s<>\"]+", re.ASCII)
PAGE = Template((files(__package__) / "assets" / "mail.html").read_text())


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as it came in, to whom the envelope said."""

    number: int
    to: str
    content: EmailMessage

    @property
    def text(self) -> str:
        """Its text; of several parts, the plain one."""
        body = self.content.get_body(preferencelist=("plain",))
        return str(body.get_content()) if body is not None else ""


class Mailbox:
    """What came in, newest first; each letter is a file, so that a restart shows them again."""

    def __init__(self, directory: Path, console: str) -> None:
        """Read what an earlier run left in the directory; links to other hosts than the console's are no links."""
        self._directory, self._console = directory, urlsplit(console).netloc
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = sorted(directory.glob("*.eml"))[-MOST_KEPT:]
        self._letters: deque[Letter] = deque(maxlen=MOST_KEPT)
        for path in kept:
            self._take(int(path.stem), path.read_bytes())
        self._server: asyncio.Server | None = None

    def _take(self, number: int, content: bytes) -> None:
        letter = message_from_bytes(content, policy=policy.default)
        self._letters.appendleft(Letter(number, str(letter["X-Envelope-To"]), letter))

    async def start(self, host: str, port: int) -> None:
        """Listen for SMTP."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="localhost", data_size_limit=MOST_BYTES, loop=loop), host, port
        )

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep a letter before it is answered for."""
        number = self._letters[0].number + 1 if self._letters else 1
        to = f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        content = to + bytes(envelope.original_content or b"")
        (self._directory / f"{number:08}.eml").write_bytes(content)
        self._take(number, content)
        for old in sorted(self._directory.glob("*.eml"))[:-MOST_KEPT]:
            old.unlink()
        return "250 taken, and delivered to nobody"

    async def show(self, _request: web.Request) -> web.Response:
        """Show all letters on one page."""
        letters = "".join(map(self._letter, self._letters))
        page = PAGE.substitute(letters=letters or '<p class="note">No letter yet.</p>')
        return web.Response(text=page, content_type="text/html")

    def _letter(self, letter: Letter) -> str:
        """Everything in it is the desk's word, and escaped."""
        names = ("Subject", "From", "Date")
        subject, sender, date = (escape(str(letter.content.get(name, ""))) for name in names)
        text = LINK.sub(self._link, escape(letter.text, quote=False))
        return (
            f'<article class="letter" id="letter-{letter.number}"><h2 dir="auto">{subject}</h2>'
            f'<p class="about">To {escape(letter.to)} · from {sender} · {date}</p>'
            f'<pre dir="auto">{text}</pre></article>'
        )

    def _link(self, found: re.Match[str]) -> str:
        url = found[0]
        is_own = urlsplit(url.replace("&amp;", "&")).netloc == self._console
        return f'<a href="{url}">{url}</a>' if is_own else url
