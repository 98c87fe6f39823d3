"""People with addresses, news for them, and a server that takes it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from alerting.models import MailAddress, OutboundMessage
from rfq import operations as market_operations
from tests import factories, jobs
from tests.fakes.mail import MailServer, running
from tests.sandbox.conftest import free_port
from trading.lib import clock
from users.models import AuditEvent, Counterparty, User

REASON = "Their bank called: an account was taken over."


def mailers(port: int, **options: Any) -> dict[str, Any]:
    """The setting for a server at this port."""
    plain = {"host": "localhost" if options else "127.0.0.1", "port": port, "timeout": 60}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": plain | options}}


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """A mail server, and the desk pointed at it."""
    with running(free_port()) as server:
        settings.MAILERS = mailers(server.port)
        settings.EMAIL_FROM = "desk@desk.example"
        yield server


def mailed(user: User, address: str) -> User:
    """Give somebody an address that is proved."""
    now = clock.now()
    MailAddress.objects.create(user=user, address=address, seed="of a test", asked_at=now, confirmed_at=now)
    return user


def reader(address: str = "olga@desk.example", *roles: str, language: str = "en") -> User:
    """Somebody of operations who is mailed."""
    return mailed(factories.user(*(roles or ("ops",)), language=language), address)


def freeze(client: Counterparty, *, by: User | None = None, now: datetime | None = None) -> AuditEvent:
    """Something that operations are told."""
    actor = by or factories.user("approver")
    market_operations.freeze_client(client_ref=client.ref, actor=actor, reason=REASON, now=now or clock.now())
    return AuditEvent.objects.get(name="client.frozen", subject_ref=client.ref)


def work() -> None:
    """Do what the messages' queue has."""
    jobs.run_all(queues=["messages"])


def hurry() -> None:
    """Let what waits be due."""
    OutboundMessage.objects.filter(status="waiting").update(not_before=None)
    jobs.hurry()
    work()


def letter(*, created_at: datetime, address: str = "olga@desk.example") -> OutboundMessage:
    """One that waits to be mailed."""
    return OutboundMessage.objects.create(
        key=factories.unique("mail"), chat_id=0, address=address, method="mail", created_at=created_at
    )


def mails() -> list[OutboundMessage]:
    """The mails of the outbox, oldest first."""
    return list(OutboundMessage.objects.filter(method="mail").order_by("pk"))
