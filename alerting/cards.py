"""
Live cards: what each shows is decided when it is delivered, from the state of things at that moment.

So a card may be delivered again, late or after newer events without ever showing something old.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation

from alerting.models import LiveCard, OutboundMessage
from rfq import cards as rfq_cards
from users.models import User


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a card's message must become; `text` is empty when it shows that already."""

    card: LiveCard
    text: str = ""
    buttons: tuple[tuple[tuple[str, str], ...], ...] = ()


def prepare(message: OutboundMessage, *, now: datetime) -> Delivery:
    """
    Render the card a message is about and compare it with what the chat shows.

    The returned card carries the digest (and the end) to store once the delivery succeeded.
    """
    user = message.user
    if user is None:
        raise ValueError(f"{message} has no reader: a card is always somebody's.")
    subject = message.payload["subject"]
    card, _made = LiveCard.objects.get_or_create(
        chat_id=message.chat_id, subject=subject, defaults={"user_id": user.pk}
    )
    if card.closed_at:
        return Delivery(card)
    face = render(user, subject, focus=card.focus, now=now)
    buttons = tuple(tuple((button.text, button.token) for button in row) for row in face.buttons)
    digest = hashlib.sha256(json.dumps([face.text, buttons]).encode()).hexdigest()
    closed_at = now if face.is_final else None
    unchanged = card.message_id is not None and card.digest == digest
    card.digest, card.closed_at = digest, closed_at
    return Delivery(card) if unchanged else Delivery(card, face.text, buttons)


def moved(message: OutboundMessage) -> str:
    """What stands where a card was, for its reader."""
    with translation.override(message.user.language if message.user else None):
        return rfq_cards.moved(message.payload["subject"])


def render(user: User, subject: str, *, focus: str, now: datetime) -> rfq_cards.Face:
    """Draw the card of this RFQ for this person, in their language."""
    with translation.override(user.language):
        return rfq_cards.face(user=user, ref=subject, focus=focus, now=now)
