"""A real mail server on this machine, that says and does what a test wants of it."""
# ruff: noqa: N802, ARG002 - the names and arguments are aiosmtpd's

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CUT = "cut"  # the connection breaks off instead of an answer
TAKE_AND_CUT = "take and cut"  # likewise, but the letter was taken
TAKE_AND_STALL = "take and stall"  # it was taken, and nothing is said any more
TAKEN = {"", TAKE_AND_CUT, TAKE_AND_STALL}
USER, PASSWORD = "desk", "the password of the mail server"


@dataclass
class MailServer:
    """What it took, and what it will say: the next answers at MAIL, RCPT or DATA, of one recipient or of all."""

    port: int
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    sign_ins: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    at_data: threading.Event = field(default_factory=threading.Event)
    _answers: dict[str, list[str]] = field(default_factory=dict)

    def will_say(self, phase: str, *answers: str) -> None:
        """Answer so, once each, in this phase: a line like ``450 4.2.0 come again``, or one of the two cuts."""
        self._answers.setdefault(phase, []).extend(answers)

    def _next(self, phase: str) -> str:
        waiting = self._answers.get(phase)
        return waiting.pop(0) if waiting else ""

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.commands.append(f"MAIL {address}")
        if answer := self._next("MAIL"):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if answer := self._next("RCPT") or self._next(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self._next("DATA")
        if answer in TAKEN:
            letter = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.recipients += envelope.rcpt_tos
        if answer == TAKE_AND_STALL:
            self.at_data.set()
            await asyncio.Event().wait()  # until the other side is gone
        if answer in {CUT, TAKE_AND_CUT}:
            server.transport.abort()
            return "250 never heard"
        return answer or "250 OK"

    def sign_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """aiosmtpd's authenticator."""
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.sign_ins.append(mechanism if is_right else "wrong")
        return AuthResult(success=is_right, handled=is_right)


@contextmanager
def running(port: int, *, tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Run it; with a certificate it wants STARTTLS and a sign-in before anything else."""
    server = MailServer(port)
    strict: dict[str, Any] = {}
    if tls is not None:
        strict = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": server.sign_in}
    controller = Controller(server, hostname="127.0.0.1", port=port, **strict)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for localhost: what the server uses, and the file by which clients trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: TID251 - a certificate knows only real time
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "localhost.pem", folder / "localhost.key"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted
