"""What handlers answer, as messages for the outbox; refusals as sentences."""

import html
from decimal import Decimal

from django.utils.translation import get_language

from alerting.inbox import Outgoing
from alerting.models import OutboundMessage
from trading.lib import numbers
from trading.lib.chat import BotUpdate, Reply, harmless
from trading.lib.errors import DeskError
from users.models import User

Method = OutboundMessage.Method
LONGEST_TOAST = 200


def outgoing(reply: Reply, heard: BotUpdate, reader: User | None) -> list[Outgoing]:
    """
    Turn a reply into what is to be sent. A button press is always answered, so that its clock stops.

    What nobody known reads carries its language along.
    """
    reader_id = reader.pk if reader else None
    spoken: dict[str, object] = {} if reader else {"language": get_language()}
    answers = []
    if heard.callback_id:
        toast = {"callback_id": heard.callback_id, "text": reply.toast[:LONGEST_TOAST], "is_alert": reply.is_alert}
        answers.append(Outgoing(method=Method.ANSWER, payload=toast | spoken, user_id=reader_id))
    if reply.ends_buttons and heard.message_id is not None:
        answers.append(Outgoing(method=Method.STRIP, payload={"message_id": heard.message_id}, user_id=reader_id))
    if reply.text:
        buttons = [[[button.text, button.token] for button in row] for row in reply.buttons]
        payload: dict[str, object] = {"text": reply.text, "buttons": buttons} | spoken
        method = Method.SEND
        if reply.in_place and heard.callback_id and heard.message_id is not None:
            method, payload["message_id"] = Method.EDIT, heard.message_id
        answers.append(Outgoing(method=method, payload=payload, user_id=reader_id))
    if reply.card:
        payload = {"subject": reply.card, "focus": reply.focus} | ({"renew": True} if reply.renew else {})
        answers.append(Outgoing(method=Method.CARD, payload=payload, user_id=reader_id))
    if reply.document:
        answers.append(Outgoing(method=Method.DOCUMENT, payload=reply.document.stored(), user_id=reader_id))
    return answers


def refusal(error: DeskError, heard: BotUpdate, card: str = "") -> Reply:
    """Say why not: above the button that was pressed (its card is refreshed), else as a message."""
    error.write_down("the bot")
    sentence = harmless(_sentence(error))
    if heard.callback_id:
        return Reply(toast=sentence, is_alert=True, card=card)
    return Reply(text=html.escape(sentence, quote=False))


def _sentence(error: DeskError) -> str:
    """The refusal with its amounts written as the reader writes them."""
    language = get_language()
    for name, fact in error.facts.items():
        if isinstance(fact, Decimal) and fact.is_finite():
            error.facts[name] = numbers.isolate(numbers.format_price(fact, 0, language), language)
    return error.sentence
