"""
What people in Telegram see of RFQs, quotes and trades.

A face is drawn from the state of things now. The client sees all-in prices and no LP; an LP sees
its own quotes and no client, no other LP and no other price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from rfq import queries, shown
from rfq.models import Fill, Quote, Rfq
from rfq.models.trading import Side
from settlement.models import PayoutAddress, Settlement
from settlement.payments import BANK, Paid
from trading.lib import numbers
from trading.lib.chat import Button, message
from trading.lib.errors import NotFound
from users import callbacks
from users.models import Counterparty, User

REVIEW, ACCEPT, BACK, CANCEL, PULL = "rfq.review", "rfq.accept", "rfq.back", "rfq.cancel", "quote.pull"
CONFIRM_QUOTE, AGAIN, QUOTE, PASS = "quote.confirm", "rfq.again", "quote.ask", "rfq.pass"
USDT = "USDT"
FEWEST_DECIMALS = 2
ENDED = (Rfq.Status.FILLED, Rfq.Status.CANCELLED, Rfq.Status.EXPIRED, Rfq.Status.REJECTED)

type Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Face:
    """What a card shows; a final one has no buttons and never changes again."""

    text: str
    buttons: Rows = ()
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """How one person reads numbers, refs and times."""

    user: User
    now: datetime

    def ref(self, text: str) -> str:
        """Write a ref, code or address."""
        return numbers.isolate(text, self.user.language)

    def amount(self, amount: Decimal, unit: str) -> str:
        """Write an amount with its unit."""
        number = numbers.format_price(amount, FEWEST_DECIMALS, self.user.language)
        return self.ref(f"{number} {unit}")

    def price(self, price: Decimal, rfq: Rfq) -> str:
        """Write a price with the decimals of its pair."""
        return self.ref(numbers.format_price(price, rfq.pair.price_scale, self.user.language))

    def clock(self, at: datetime) -> str:
        """Write an instant on the person's own clock."""
        text = numbers.format_clock(at, now=self.now, time_zone=self.user.time_zone, language=self.user.language)
        return self.ref(text)


def face(*, user: User, ref: str, focus: str, now: datetime) -> Face:
    """
    Draw the card of an RFQ for one person. Three queries at most, and one per button not drawn before.

    :param focus: the quote whose full terms the client wants to see before deciding.
    :raises NotFound: there is no such RFQ, or it is not this person's to see.
    """
    found = queries.detail(ref, reader=None)
    voice = Voice(user, now)
    if user.counterparty_id == found.rfq.counterparty_id:
        return _client_face(found, focus, voice)
    if user.counterparty and user.counterparty.kind == Counterparty.Kind.LP:
        return _lp_face(found, voice)
    raise NotFound(ref=ref)


def best_of(rfq: Rfq, quotes: Sequence[Quote], now: datetime) -> Quote | None:
    """Find the quote that is best for the client now; ties go to the earlier one."""
    return next(iter(shown.ranked(rfq, quotes, now=now)), None)


def asked_for(rfq: Rfq, voice: Voice) -> str:
    """Write the amount as it was asked for: USDT or fiat."""
    if rfq.base_amount is not None:
        return voice.amount(rfq.base_amount, USDT)
    return voice.amount(rfq.quote_amount or Decimal(0), rfq.pair.quote_unit.code)


def destination_of(thing: Rfq | Settlement, voice: Voice) -> str:
    """Write where the client's proceeds go."""
    return place_words(thing.destination, thing.side, voice)


def place_words(address: PayoutAddress | None, side: str, voice: Voice) -> str:
    """Write where something goes: an address in full with its network, or the client's balance."""
    if side == Side.SELL:
        return _("your balance at the desk")
    if address is None:
        return _("your USDT balance at the desk")
    label = f"{address.label} · " if address.label else ""
    return label + voice.ref(f"{address.address} ({address.chain})")


def moved(ref: str) -> str:
    """Say that a card has been written anew."""
    return message("telegram/card_moved.html", {"ref": ref})


# --- the client's card ----------------------------------------------------------------------


def _client_face(found: queries.Detail, focus: str, voice: Voice) -> Face:
    rfq = found.rfq
    context: dict[str, object] = {"ref": voice.ref(rfq.ref), "side": rfq.side, "asked": asked_for(rfq, voice)}
    context["pair"] = voice.ref(rfq.pair.code)
    if found.fill:
        text = message("telegram/client_traded.html", context | _trade(found.fill, voice))
        return Face(text, is_final=True)
    if rfq.status in ENDED:
        text = message("telegram/client_ended.html", context | {"status": rfq.status})
        again = Button(_("Ask again"), callbacks.token_for(voice.user, AGAIN, rfq.ref))
        return Face(text, ((again,),), is_final=True)
    context["expires"] = voice.clock(rfq.expires_at)
    chosen = next((quote for quote in found.quotes if quote.ref == focus), None)
    best = best_of(rfq, found.quotes, voice.now)
    if chosen and best and best_of(rfq, [chosen], voice.now):
        better = voice.price(best.all_in_price, rfq) if best.all_in_price != chosen.all_in_price else ""
        return _confirm_face(rfq, chosen, context | {"better": better}, voice)
    context["chosen_gone"] = chosen is not None
    cancel = Button(_("Cancel"), callbacks.token_for(voice.user, CANCEL, rfq.ref))
    if best is None:
        return Face(message("telegram/client_waiting.html", context), ((cancel,),))
    price = voice.price(best.all_in_price, rfq)
    accept = Button(
        _("Accept %(price)s") % {"price": price}, callbacks.token_for(voice.user, REVIEW, rfq.ref, best.ref)
    )
    context |= _terms(rfq, best, voice)
    return Face(message("telegram/client_quoted.html", context), ((accept,), (cancel,)))


def _confirm_face(rfq: Rfq, quote: Quote, context: dict[str, object], voice: Voice) -> Face:
    context |= _terms(rfq, quote, voice) | {"destination": destination_of(rfq, voice), "on_chain": rfq.destination}
    verb = _("Confirm: buy %(amount)s") if rfq.side == Side.BUY else _("Confirm: sell %(amount)s")
    words = verb % {"amount": voice.amount(quote.base_amount, USDT)}
    confirm = Button(words, callbacks.token_for(voice.user, ACCEPT, rfq.ref, quote.ref))
    back = Button(_("Back"), callbacks.token_for(voice.user, BACK, rfq.ref))
    return Face(message("telegram/client_confirm.html", context), ((confirm,), (back,)))


def _terms(rfq: Rfq, quote: Quote, voice: Voice) -> dict[str, object]:
    return {
        "price": voice.price(quote.all_in_price, rfq),
        "usdt": voice.amount(quote.base_amount, USDT),
        "fiat": voice.amount(quote.quote_amount, rfq.pair.quote_unit.code),
        "currency": rfq.pair.quote_unit.code,
        "valid_until": voice.clock(quote.valid_until),
    }


def _trade(fill: Fill, voice: Voice) -> dict[str, object]:
    rfq = fill.rfq
    return {
        "fill": fill.ref,
        "price": voice.price(fill.price, rfq),
        "usdt": voice.amount(fill.base_amount, USDT),
        "fiat": voice.amount(fill.quote_amount, rfq.pair.quote_unit.code),
        "currency": rfq.pair.quote_unit.code,
        "at": voice.clock(fill.filled_at),
        "destination": destination_of(rfq, voice),
    }


# --- the LP's card --------------------------------------------------------------------------


def _lp_face(found: queries.Detail, voice: Voice) -> Face:
    rfq = found.rfq
    own = [quote for quote in found.quotes if quote.lp_id == voice.user.counterparty_id]
    entered = next((quote for quote in own if quote.status == Quote.Status.ENTERED), None)
    last = entered or shown.latest(own)
    context: dict[str, object] = {
        "ref": rfq.ref,  # as it has to be written in the answer
        "shown_ref": voice.ref(rfq.ref),
        "sells": rfq.side == Side.BUY,
        "pair": voice.ref(rfq.pair.code),
        "asked": asked_for(rfq, voice),
        "outcome": outcome_of(found, last),
    }
    if last:
        context |= {
            "price": voice.price(last.price, rfq),
            "usdt": voice.amount(last.base_amount, USDT),
            "fiat": voice.amount(last.lp_quote_amount, rfq.pair.quote_unit.code),
            "valid_until": voice.clock(last.valid_until),
        }
    if rfq.status in ENDED:
        return Face(message("telegram/lp_ended.html", context), is_final=True)
    context["expires"] = voice.clock(rfq.expires_at)
    if entered:
        return _entered_face(entered, context, voice)
    live = best_of(rfq, own, voice.now)
    context["quoted"] = live is not None
    context["was_quoted"] = last is not None
    context["passed"] = live is None and queries.has_passed(rfq, voice.user.counterparty_id)
    quote = Button(_("Quote again") if live else _("Quote"), callbacks.token_for(voice.user, QUOTE, rfq.ref))
    if live:
        second = Button(_("Pull my quote"), callbacks.token_for(voice.user, PULL, rfq.ref, live.ref))
    else:
        second = Button(_("Pass"), callbacks.token_for(voice.user, PASS, rfq.ref))
    row = (quote,) if context["passed"] else (quote, second)
    return Face(message("telegram/lp_open.html", context), (row,))


def _entered_face(quote: Quote, context: dict[str, object], voice: Voice) -> Face:
    """What the desk took down from a phone call: the LP confirms it, or pulls it."""
    ref = quote.rfq.ref
    words = _("Confirm %(price)s") % {"price": context["price"]}
    confirm = Button(words, callbacks.token_for(voice.user, CONFIRM_QUOTE, ref, quote.ref))
    pull = Button(_("Pull my quote"), callbacks.token_for(voice.user, PULL, ref, quote.ref))
    return Face(message("telegram/lp_entered.html", context), ((confirm,), (pull,)))


def outcome_of(found: queries.Detail, own: Quote | None) -> str:
    """What an LP learns at the end, of itself alone: traded, tied, cover, away, or closed without a quote."""
    return own.outcome if own and found.fill and own.outcome else "closed"


# --- messages of their own ------------------------------------------------------------------


def receipt(settlement: Settlement, fill: Fill, paid: Paid, voice: Voice) -> str:
    """
    Write the client's receipt of a settled trade.

    :param paid: what paid it; nothing when nothing left the desk.
    """
    by_bank = paid.chain == BANK
    context = _trade(fill, voice) | {
        "ref": settlement.ref,
        "rfq": fill.rfq.ref,
        "side": fill.side,
        "destination": voice.ref(paid.account) if by_bank else destination_of(settlement, voice),
        "chain": voice.ref(paid.chain),
        "tx_hash": "" if by_bank else paid.reference,
        "bank_reference": voice.ref(paid.reference) if by_bank else "",
        "settled": voice.clock(settlement.settled_at or voice.now),
    }
    return message("telegram/receipt.html", context)


def settlement_notice(settlement: Settlement, fill: Fill) -> str:
    """Tell a client, in neutral words, that the delivery takes longer and that people look after it."""
    return message("telegram/settlement_waits.html", {"ref": settlement.ref, "rfq": fill.rfq.ref})


def lp_traded(fill: Fill, voice: Voice) -> str:
    """Tell the winning LP what it traded."""
    return message("telegram/lp_traded.html", _lp_trade(fill, voice))


def lp_settled(settlement: Settlement, fill: Fill, voice: Voice) -> str:
    """Tell the winning LP that the trade is delivered."""
    return message("telegram/lp_settled.html", _lp_trade(fill, voice) | {"settlement": settlement.ref})


def _lp_trade(fill: Fill, voice: Voice) -> dict[str, object]:
    rfq = fill.rfq
    return {
        "ref": rfq.ref,
        "fill": fill.ref,
        "sells": fill.side == Side.BUY,
        "usdt": voice.amount(fill.base_amount, USDT),
        "fiat": voice.amount(fill.quote.lp_quote_amount, rfq.pair.quote_unit.code),
        "price": voice.price(fill.lp_price, rfq),
    }
