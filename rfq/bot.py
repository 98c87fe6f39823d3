"""Telegram: a client's trader asks for prices and accepts. Each handler parses, calls one operation, and answers."""

from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import bot_asking, bot_shared, cards, operations
from rfq.bot_shared import LISTED, Pressed
from rfq.errors import NoSuchRfq, RfqOver
from rfq.models import Quote, Rfq
from rfq.operations import RfqRequest
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Button, Reply
from trading.lib.errors import Invalid
from trading.lib.looks import look_of
from trading.lib.money import USDT
from users import callbacks, capabilities
from users.models import CallbackToken, User

WORDS_OF_RFQ = (3, 4)
RECENT = timedelta(days=7)


class NotAnRfq(Invalid):
    """The words after /rfq make no request."""

    code = "not_an_rfq"
    text = gettext_lazy("I did not understand this request. Examples: /rfq buy 10000 EUR, /rfq sell 5000 USDT EUR")


def rfq(update: BotUpdate, actor: User) -> Reply:
    """`/rfq buy 10000 EUR`, `/rfq buy 5000 USDT EUR to cold`: ask for a price; alone: step by step."""
    if not update.arguments:
        return bot_asking.begin(update, actor)
    capabilities.require(actor, "rfq.request")
    request = read_request(update, actor)
    made = operations.create_rfq(actor=actor, request=request, now=clock.now())
    return bot_asking.taken(made, cards.Voice(actor, clock.now()))


def read_request(update: BotUpdate, actor: User) -> RfqRequest:
    """
    Understand ``buy 10000 EUR`` (an amount of money) and ``buy 5000 USDT EUR to cold`` (of USDT, and where it goes).

    :raises NotAnRfq: not this pattern.
    :raises NotANumber: the amount is not a number in the person's notation.
    :raises UnknownPlace: none of the client's addresses is called so.
    """
    words, place = _split_place(update.arguments)
    words = [*words[:1], *numbers.joined(words[1:])]
    if len(words) not in WORDS_OF_RFQ or words[0].lower() not in {"buy", "sell"}:
        raise NotAnRfq
    unit, fiat = words[2].upper(), words[-1].upper().removeprefix("USDT/")
    is_usdt = len(words) == WORDS_OF_RFQ[1]
    if is_usdt != (unit == "USDT") or fiat == "USDT":
        raise NotAnRfq
    side, amount = words[0].lower(), numbers.parse_decimal(words[1], actor.language)
    if place and side != "buy":
        raise NotAnRfq
    to = bot_asking.place_named(place, actor, now=clock.now()) if place else ""
    return RfqRequest(f"USDT/{fiat}", side, amount, unit, client_rfq_id=update.key, destination_ref=to)


def _split_place(words: list[str]) -> tuple[list[str], str]:
    """The words of the request, and those after "to"."""
    at = next((at for at, word in enumerate(words) if word.lower() == "to" and at >= WORDS_OF_RFQ[0]), None)
    if at is None:
        return words, ""
    if at + 1 == len(words):
        raise NotAnRfq
    return words[:at], " ".join(words[at + 1 :])


def orders(update: BotUpdate, actor: User) -> Reply:
    """`/orders`: the latest requests and what became of them, each card at a press; `/orders RFQ-…`: that card."""
    capabilities.require(actor, "rfq.request")
    if update.arguments:
        return bot_shared.show(update.arguments[0].upper(), actor)
    now = clock.now()
    voice = cards.Voice(actor, now)
    rows = Rfq.objects.select_related("pair__quote_asset", "fill__settlement")
    latest = rows.filter(counterparty=actor.counterparty, created_at__gt=now - RECENT).order_by("-pk")[:LISTED]
    found = list(latest)
    title, nothing = _("Your latest requests"), _("None in the last seven days. /rfq asks for a price.")
    lines = [_order_line(row, voice) for row in found]
    return bot_shared.listed(title, lines, nothing, bot_shared.card_buttons(found, actor))


def _order_line(row: Rfq, voice: cards.Voice) -> str:
    verb = _("buy") if row.side == "buy" else _("sell")
    look = look_of("rfq", row.status)
    if hasattr(row, "fill"):
        look = look_of("settlement", row.fill.settlement.status)
    return f"{voice.ref(row.ref)} · {verb} {cards.asked_for(row, voice)} · {voice.ref(row.pair.code)} · {look.words}"


def quotes(_update: BotUpdate, actor: User) -> Reply:
    """`/quotes`: the best live price of each open request."""
    capabilities.require(actor, "rfq.request")
    now = clock.now()
    voice = cards.Voice(actor, now)
    rows = Rfq.objects.filter(counterparty=actor.counterparty, status__in=Rfq.LIVE).order_by("-pk")
    found = list(rows.select_related("pair__quote_asset")[:LISTED])
    live = bot_shared.live_quotes(found)
    lines = [_quote_line(row, live[row.pk], voice) for row in found]
    return bot_shared.listed(_("Live prices"), lines, _("You have no open request. /rfq asks for a price."))


def _quote_line(row: Rfq, live: list[Quote], voice: cards.Voice) -> str:
    best = cards.best_of(row, live, voice.now)
    price = voice.price(best.all_in_price, row) if best else _("no price yet")
    return f"{voice.ref(row.ref)} · {cards.asked_for(row, voice)} · {voice.ref(row.pair.code)} · {price}"


def cancel(update: BotUpdate, actor: User) -> Reply:
    """`/cancel RFQ-…`: withdraw a request; alone: which one, by buttons."""
    if not update.arguments:
        return _cancellable(actor)
    made = operations.cancel_rfq(rfq_ref=bot_shared.reference(update, "cancel"), actor=actor, now=clock.now())
    return Reply(text=_("%(ref)s is cancelled.") % {"ref": numbers.isolate(made.ref, actor.language)}, card=made.ref)


def _cancellable(actor: User) -> Reply:
    capabilities.require(actor, "rfq.request")
    voice = cards.Voice(actor, clock.now())
    rows = Rfq.objects.filter(counterparty=actor.counterparty, status__in=Rfq.LIVE).select_related("pair__quote_asset")
    found = list(rows.order_by("-pk")[:LISTED])
    tokens = callbacks.tokens_for(actor, cards.CANCEL, [(row.ref, "") for row in found])
    words = [_("Cancel %(ref)s") % {"ref": f"{row.ref} · {cards.asked_for(row, voice)}"} for row in found]
    buttons = tuple((Button(text, token),) for text, token in zip(words, tokens, strict=True))
    nothing = _("You have no open request. /rfq asks for a price.")
    return bot_shared.listed(_("Which request shall I cancel?") if found else "", [], "" if found else nothing, buttons)


def press_cancel(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Cancel."""
    operations.cancel_rfq(rfq_ref=button.subject, actor=actor, now=clock.now())
    return Reply(card=button.subject, toast=_("Cancelled"))


def press_accept(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Accept: the card shows the full terms of that quote and asks for the confirmation."""
    quote = Quote.objects.select_related("rfq").get(ref=button.version)
    if cards.best_of(quote.rfq, [quote], clock.now()) is None:
        raise callbacks.StaleButton
    return Reply(card=button.subject, focus=button.version)


def press_confirm(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Confirm. Pressed again it is the same trade."""
    key = f"button:{button.token}"
    fill = operations.accept_quote(quote_ref=button.version, actor=actor, key=key, now=clock.now())
    return Reply(card=button.subject, toast=_("Traded: %(ref)s") % {"ref": fill.ref})


def press_again(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """
    Act on "Ask again": the same request once more. Pressed again it is the same new one, as long as that is open.

    :raises RfqOver: the new one is over, too: its own card asks again.
    """
    rows = Rfq.objects.select_related("pair", "destination")
    earlier = rows.filter(ref=button.subject, counterparty=actor.counterparty).first()
    if earlier is None:
        raise NoSuchRfq(ref=button.subject)
    made = operations.create_rfq(actor=actor, request=_same(earlier, button.token), now=clock.now())
    if made.status not in Rfq.LIVE:
        raise RfqOver(ref=made.ref)
    return bot_asking.taken(made, cards.Voice(actor, clock.now()))


def _same(earlier: Rfq, token: str) -> RfqRequest:
    amount, unit = earlier.base_amount, USDT.code
    if amount is None:
        amount, unit = earlier.quote_amount or Decimal(0), earlier.pair.quote_asset_id
    place = "balance"
    if earlier.destination is not None:
        place = earlier.destination.ref
    return RfqRequest(earlier.pair.code, earlier.side, amount, unit, f"again:{token}", place)


def press_back(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Back: the card shows the best price again."""
    return Reply(card=button.subject)


BUTTONS: dict[str, Pressed] = {
    cards.REVIEW: press_accept,
    cards.ACCEPT: press_confirm,
    cards.BACK: press_back,
    cards.CANCEL: press_cancel,
    cards.AGAIN: press_again,
}
