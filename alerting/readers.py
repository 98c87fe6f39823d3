"""Who can be written to, and an event on its way to them: what all routes share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import translation

from alerting import letters, subjects
from alerting.models import LiveCard, MailAddress, OutboundMessage
from rfq import cards
from rfq.models import Invitation, Rfq
from trading.lib.prepared import Given, Read, any_of
from users.models import AuditEvent, Counterparty, Role, TelegramLink, User

Method = OutboundMessage.Method
QUARTER_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who can be written to, and where: in a chat, or at an address."""

    user: User
    chat_id: int = 0
    address: str = ""

    @property
    def place(self) -> str:
        """What sets the messages of one event apart by."""
        return f"mail:{self.user.ref}" if self.address else str(self.chat_id)


@dataclass(frozen=True, slots=True)
class Routing:
    """One event on its way to its readers."""

    event: AuditEvent
    now: datetime

    def card(self, reader: Reader, subject: str) -> OutboundMessage:
        """Refresh one reader's card."""
        return self._message(reader, Method.CARD, {"subject": subject})

    def text(self, reader: Reader, write: Callable[[cards.Voice], str]) -> OutboundMessage:
        """Write to one reader in their language; by mail with a subject."""
        with translation.override(reader.user.language):
            payload: dict[str, object] = {"text": write(cards.Voice(reader.user, self.now))}
            if not reader.address:
                return self._message(reader, Method.SEND, payload)
            return self._message(reader, Method.MAIL, payload | {"subject": subjects.of(self.event)})

    def menu(self, user: User, chat_id: int) -> OutboundMessage:
        """Refresh the list of commands in a chat."""
        return self._message(Reader(user, chat_id), Method.MENU, {})

    def alarm(self, reader: Reader, write: Callable[[cards.Voice], str]) -> OutboundMessage:
        """Write to one reader, once for the same event about the same subject in a quarter of an hour."""
        written = self.text(reader, write)
        quarter = int(self.event.at.timestamp()) // QUARTER_SECONDS
        written.key = f"alarm:{self.event.name}:{self.event.subject_ref}:{quarter}:{reader.place}"
        return written

    def _message(self, reader: Reader, method: OutboundMessage.Method, payload: dict[str, object]) -> OutboundMessage:
        return OutboundMessage(
            key=f"event:{self.event.pk}:{reader.place}:{method}",
            chat_id=reader.chat_id,
            address=reader.address,
            user=reader.user,
            event=self.event,
            method=method,
            payload=payload,
            request_id=self.event.request_id,
        )


type Route = Callable[[Routing], Iterable[OutboundMessage]]


def readers(users: Iterable[User]) -> Iterator[Reader]:
    """Find those of the users who have a linked Telegram account, and those who are to be mailed. Two queries."""
    found = list(users)
    yield from in_telegram(found)
    if letters.is_on():
        for one in ADDRESSES.rows(users=[user.pk for user in found]):
            yield Reader(one.user, address=one.address)


def in_telegram(users: Iterable[User]) -> Iterator[Reader]:
    """Find those of the users who have a linked Telegram account. One query."""
    return (Reader(link.user, link.telegram_id) for link in LINKS.rows(users=[user.pk for user in users]))


def dealers(rfq: Rfq) -> Iterator[Reader]:
    """Find all dealers of the LPs that are asked. One query."""
    return (Reader(link.user, link.telegram_id) for link in DEALERS.rows(rfq=rfq.pk))


def _links() -> QuerySet[TelegramLink]:
    links = TelegramLink.objects.select_related("user__counterparty").order_by("pk")
    return links.filter(ended_at=None, user__status=User.Status.ACTIVE)


def _links_of_dealers() -> QuerySet[TelegramLink]:
    asked = User.objects.filter(
        counterparty__in=Invitation.objects.filter(rfq=Given("rfq")).values("lp"),
        counterparty__status=Counterparty.Status.ACTIVE,
        counterparty__lp_terms__paused_at__isnull=True,
        role_grants__role=Role.LP,
        role_grants__revoked_at=None,
    )
    return _links().filter(user__in=asked)


def _addresses() -> QuerySet[MailAddress]:
    known = MailAddress.objects.select_related("user__counterparty").exclude(confirmed_at=None).order_by("pk")
    return known.filter(refused_at=None, user__status=User.Status.ACTIVE)


LINKS = Read(lambda: _links().filter(user__in=any_of("users", "bigint")))
DEALERS = Read(_links_of_dealers)
ADDRESSES = Read(lambda: _addresses().filter(user__in=any_of("users", "bigint")))
OPEN_CARDS = Read(
    lambda: (
        LiveCard.objects.select_related("user__counterparty")
        .filter(subject=Given("subject"), closed_at=None)
        .order_by("pk")
    )
)


def watchers(subject: str) -> Iterator[Reader]:
    """Find those who have an open card of this subject. One query."""
    for card in OPEN_CARDS.rows(subject=subject):
        yield Reader(card.user, card.chat_id)


def but_the_actor(routing: Routing, told: Iterable[Reader]) -> Iterator[Reader]:
    """Leave out whoever did it."""
    return (reader for reader in told if reader.user.pk != routing.event.actor_id)
