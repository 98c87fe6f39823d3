"""
Telegram: an LP's dealer quotes, in one line, by answering the card, or by its button and a typed price.

A typed price that is far from the market is repeated first and quoted only when confirmed. (One beyond the pair's
band is refused by the operation, whichever way it came.)
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import bot_shared, cards, operations, references
from rfq.bot_shared import Pressed
from rfq.errors import NoReference, NoSuchRfq, RfqOver
from rfq.models import Quote, ReferencePolicy, Rfq
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Invalid
from users import callbacks, capabilities, dialogues
from users.models import CallbackToken, Dialogue, User

PURPOSE = "quote"
CONFIRM, STOP = "quoting.confirm", "quoting.stop"
PRICE = "price"
MOST_WORDS = 2  # the price, and how long it is firm
FAR = Decimal("0.5")  # of the way to the edge of the band
PERCENT = Decimal(100)


class NotAQuote(Invalid):
    """The words make no quote."""

    code = "not_a_quote"
    text = gettext_lazy("I did not understand this quote. Example: /quote {ref} 0.9213")


@dataclass(frozen=True, slots=True)
class Typed:
    """What a dealer wrote: a price, and the seconds it is firm, if they said."""

    price: Decimal
    seconds: int | None = None

    @classmethod
    def read(cls, words: list[str], ref: str, language: str) -> Self:
        """
        Understand ``0.9213`` or ``0.9213 45``.

        :raises NotAQuote: other words.
        :raises NotANumber: the price is not a number.
        """
        if not 1 <= len(words) <= MOST_WORDS:
            raise NotAQuote(ref=ref)
        price = numbers.parse_price(words[0], language)
        if len(words) == 1:
            return cls(price)
        seconds = numbers.parse_decimal(words[1], language)
        if seconds != int(seconds):
            raise NotAQuote(ref=ref)
        return cls(price, int(seconds))


def quote(update: BotUpdate, actor: User) -> Reply:
    """`/quote RFQ-… 0.9213 45`: a firm price, for so many seconds; it replaces the LP's earlier one."""
    ref = bot_shared.reference(update, "quote")
    typed = Typed.read(update.arguments[1:], ref, actor.language)
    made = _submit(ref, typed, key=update.key, actor=actor)
    return Reply(card=made.rfq.ref)


def press_quote(update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Quote: ask for the price."""
    rfq = _open_rfq(button.subject, actor)
    _begin(update, actor, rfq.ref)
    voice = cards.Voice(actor, clock.now())
    context = {"ref": voice.ref(rfq.ref), "currency": rfq.pair.quote_asset_id, "expires": voice.clock(rfq.expires_at)}
    return Reply(text=message("telegram/quoting.html", context))


def answer(update: BotUpdate, actor: User, ref: str) -> Reply:
    """Take a price that was written as an answer to a card."""
    return hear(update, actor, _begin(update, actor, _open_rfq(ref, actor).ref))


def hear(update: BotUpdate, actor: User, dialogue: Dialogue) -> Reply:
    """Take a typed price. Come twice it is the same quote."""
    ref = dialogue.data["rfq"]
    typed = Typed.read(update.text.split(), ref, actor.language)
    away = _share_of_band(_open_rfq(ref, actor), typed.price)
    if away is not None and away > FAR:
        return _confirm(dialogue, typed, key=update.key, actor=actor)
    made = _submit(ref, typed, key=update.key, actor=actor)
    dialogues.end(dialogue, key=update.key, now=clock.now())
    return _quoted(made, actor)


def press_confirm(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Quote it": pressed again it is the same quote."""
    dialogue = dialogues.of_button(button, now=clock.now())
    data = dialogue.data
    typed = Typed(Decimal(data["price"]), data["seconds"])
    made = _submit(data["rfq"], typed, key=f"button:{button.token}", actor=actor)
    dialogues.end(dialogue, key=button.token, now=clock.now())
    said = _quoted(made, actor)
    return Reply(text=said.text, card=said.card, in_place=True)


def press_stop(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Cancel: nothing was quoted."""
    dialogue = dialogues.of_button(button, now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    return Reply(text=_("Closed. Nothing was quoted."), in_place=True)


def _begin(update: BotUpdate, actor: User, ref: str) -> Dialogue:
    return dialogues.begin(actor, PURPOSE, key=update.key, now=clock.now(), asks=PRICE, data={"rfq": ref})


def _submit(ref: str, typed: Typed, *, key: str, actor: User) -> Quote:
    return operations.submit_quote(
        rfq_ref=ref, price=typed.price, actor=actor, key=key, now=clock.now(), ttl_seconds=typed.seconds
    )


def _open_rfq(ref: str, actor: User) -> Rfq:
    """
    Read an RFQ that can still be quoted. One query.

    :raises NoSuchRfq: there is none.
    :raises RfqOver: it is over.
    """
    capabilities.require(actor, "rfq.quote")
    related = ("pair__quote_asset", "pair__reference_policy", "pair__reference_state__latest")
    rfq = Rfq.objects.select_related(*related).filter(ref=ref).first()
    if rfq is None:
        raise NoSuchRfq(ref=ref)
    if rfq.status not in Rfq.LIVE or rfq.expires_at <= clock.now():
        raise RfqOver(ref=ref)
    return rfq


def _share_of_band(rfq: Rfq, price: Decimal) -> Decimal | None:
    """How far the price is from the market: 1 is the edge of the band. Nothing where nobody can tell."""
    policy: ReferencePolicy | None = getattr(rfq.pair, "reference_policy", None)
    try:
        reference = references.loaded_reference(rfq.pair, now=clock.now())
    except NoReference:
        return None  # the operation says so
    return _distance(price, reference.mid) / (policy.band_bps / references.BPS) if policy else None


def _distance(price: Decimal, mid: Decimal) -> Decimal:
    return abs(price - mid) / mid


def _confirm(dialogue: Dialogue, typed: Typed, *, key: str, actor: User) -> Reply:
    rfq = _open_rfq(dialogue.data["rfq"], actor)
    voice = cards.Voice(actor, clock.now())
    mid = references.loaded_reference(rfq.pair, now=voice.now).mid
    data = {"rfq": rfq.ref, "price": str(typed.price), "seconds": typed.seconds}
    dialogues.go_on(dialogue, key=key, data=data, asks=PRICE, now=voice.now)
    version = dialogues.version_of(dialogue, "")
    price = voice.price(typed.price, rfq)
    away = numbers.format_decimal((_distance(typed.price, mid) * PERCENT).quantize(Decimal("0.1")), 1, actor.language)
    context = {
        "ref": voice.ref(rfq.ref),
        "price": price,
        "currency": rfq.pair.quote_asset_id,
        "percent": voice.ref(f"{away} %"),
    }
    quote_it = Button(_("Quote %(price)s") % {"price": price}, _token(actor, CONFIRM, dialogue, version))
    cancel = Button(_("Cancel"), _token(actor, STOP, dialogue, version))
    return Reply(text=message("telegram/quoting_far.html", context), buttons=((quote_it,), (cancel,)))


def _token(actor: User, action: str, dialogue: Dialogue, version: str) -> str:
    return callbacks.token_for(actor, action, dialogue.ref, version)


def _quoted(made: Quote, actor: User) -> Reply:
    """Repeat the quote as it was understood."""
    voice = cards.Voice(actor, clock.now())
    facts = {"ref": voice.ref(made.rfq.ref), "price": voice.price(made.price, made.rfq)}
    text = _("Firm on %(ref)s: %(price)s, until %(until)s.") % (facts | {"until": voice.clock(made.valid_until)})
    return Reply(text=text, card=made.rfq.ref)


BUTTONS: dict[str, Pressed] = {cards.QUOTE: press_quote, CONFIRM: press_confirm, STOP: press_stop}
