"""Telegram: asking for prices, quoting, accepting. Each handler parses, calls one operation, and answers."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import cards, operations
from rfq.models import Pair, Quote, Rfq
from rfq.operations import RfqRequest
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Reply, message
from trading.lib.errors import Invalid
from trading.lib.looks import look_of
from users import callbacks, capabilities
from users.models import CallbackToken, Counterparty, User

LISTED = 10
WORDS_OF_RFQ = (3, 4)
WORDS_OF_QUOTE = 2
RECENT = timedelta(days=7)


class NotAnRfq(Invalid):
    """The words after /rfq make no request."""

    code = "not_an_rfq"
    text = gettext_lazy("I did not understand this request. Examples: /rfq buy 10000 EUR, /rfq sell 5000 USDT EUR")


class NotAQuote(Invalid):
    """The words after /quote make no quote."""

    code = "not_a_quote"
    text = gettext_lazy("I did not understand this quote. Example: /quote {ref} 0.9213")


class NoRefGiven(Invalid):
    """A command needs a reference and got none."""

    code = "no_ref_given"
    text = gettext_lazy("Say which one: /{command} RFQ-…")


# --- the client -----------------------------------------------------------------------------


def rfq(update: BotUpdate, actor: User) -> Reply:
    """`/rfq buy 10000 EUR`, `/rfq sell 5000 USDT EUR`: ask for a price; alone: how to ask."""
    if not update.arguments:
        currencies = ", ".join(Pair.objects.filter(is_enabled=True).values_list("quote_asset", flat=True))
        return Reply(text=message("telegram/rfq_usage.html", {"currencies": currencies}))
    request = read_request(update, actor.language)
    made = operations.create_rfq(actor=actor, request=request, now=clock.now())
    voice = cards.Voice(actor, clock.now())
    context = {"ref": voice.ref(made.ref), "side": made.side, "pair": voice.ref(made.pair.code)}
    text = message("telegram/rfq_taken.html", context | {"asked": cards.asked_for(made, voice)})
    return Reply(text=text, card=made.ref)


def read_request(update: BotUpdate, language: str) -> RfqRequest:
    """
    Understand ``buy 10000 EUR`` (an amount of money) and ``sell 5000 USDT EUR`` (an amount of USDT).

    :raises NotAnRfq: not this pattern.
    :raises NotANumber: the amount is not a number in the person's notation.
    """
    words = update.arguments
    if len(words) not in WORDS_OF_RFQ or words[0].lower() not in {"buy", "sell"}:
        raise NotAnRfq
    unit, fiat = words[2].upper(), words[-1].upper().removeprefix("USDT/")
    is_usdt = len(words) == WORDS_OF_RFQ[1]
    if is_usdt != (unit == "USDT") or fiat == "USDT":
        raise NotAnRfq
    amount = numbers.parse_decimal(words[1], language)
    return RfqRequest(f"USDT/{fiat}", words[0].lower(), amount, unit, client_rfq_id=update.key)


def orders(_update: BotUpdate, actor: User) -> Reply:
    """`/orders`: the latest requests and what became of them."""
    capabilities.require(actor, "rfq.request")
    now = clock.now()
    voice = cards.Voice(actor, now)
    rows = Rfq.objects.select_related("pair__quote_asset", "fill__settlement")
    latest = rows.filter(counterparty=actor.counterparty, created_at__gt=now - RECENT).order_by("-pk")[:LISTED]
    lines = [_order_line(row, voice) for row in latest]
    return _list(_("Your latest requests"), lines, _("None in the last seven days. /rfq asks for a price."))


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
    live = _live_quotes(found)
    lines = [_quote_line(row, live[row.pk], voice) for row in found]
    return _list(_("Live prices"), lines, _("You have no open request. /rfq asks for a price."))


def _quote_line(row: Rfq, live: list[Quote], voice: cards.Voice) -> str:
    best = cards.best_of(row, live, voice.now)
    price = voice.price(best.all_in_price, row) if best else _("no price yet")
    return f"{voice.ref(row.ref)} · {cards.asked_for(row, voice)} · {voice.ref(row.pair.code)} · {price}"


def cancel(update: BotUpdate, actor: User) -> Reply:
    """`/cancel RFQ-…`: withdraw a request."""
    made = operations.cancel_rfq(rfq_ref=_reference(update, "cancel"), actor=actor, now=clock.now())
    return Reply(text=_("%(ref)s is cancelled.") % {"ref": numbers.isolate(made.ref, actor.language)}, card=made.ref)


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


def press_back(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Back: the card shows the best price again."""
    return Reply(card=button.subject)


# --- the LP ---------------------------------------------------------------------------------


def quote(update: BotUpdate, actor: User) -> Reply:
    """`/quote RFQ-… 0.9213`: a firm price; it replaces the LP's earlier one."""
    ref = _reference(update, "quote")
    if len(update.arguments) != WORDS_OF_QUOTE:
        raise NotAQuote(ref=ref)
    price = read_price(update.arguments[1], actor.language)
    now = clock.now()
    made = operations.submit_quote(rfq_ref=ref, price=price, actor=actor, key=update.key, now=now)
    return Reply(card=made.rfq.ref)


def read_price(written: str, language: str) -> Decimal:
    """
    Understand a price, in plain notation whatever the language, or in the person's own.

    :raises NotANumber: neither.
    """
    return numbers.parse_decimal(written, "en" if written.isascii() and "," not in written else language)


def pull(update: BotUpdate, actor: User) -> Reply:
    """`/pull RFQ-…`: take the live quote back."""
    made = operations.pull_quote(rfq_ref=_reference(update, "pull"), actor=actor, now=clock.now())
    return Reply(text=_("Your quote on %(ref)s is taken back.") % {"ref": made.rfq.ref}, card=made.rfq.ref)


def press_pull(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Pull my quote", of the quote the button was shown with."""
    if not Quote.objects.filter(ref=button.version, status__in=Quote.LIVE).exists():
        raise callbacks.StaleButton
    operations.pull_quote(rfq_ref=button.subject, actor=actor, now=clock.now())
    return Reply(card=button.subject, toast=_("Taken back"))


def press_confirm_quote(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Confirm, of a quote that the desk took down by phone."""
    if not Quote.objects.filter(ref=button.version, status=Quote.Status.ENTERED).exists():
        raise callbacks.StaleButton
    operations.confirm_quote(quote_ref=button.version, actor=actor, now=clock.now())
    return Reply(card=button.subject, toast=_("Confirmed"))


def open_(_update: BotUpdate, actor: User) -> Reply:
    """`/open`: the requests that wait for prices."""
    capabilities.require(actor, "rfq.quote")
    now = clock.now()
    voice = cards.Voice(actor, now)
    rows = Rfq.objects.filter(status__in=Rfq.LIVE, expires_at__gt=now).order_by("-pk")
    found = list(rows.select_related("pair__quote_asset")[:LISTED])
    own = _live_quotes(found, lp=actor.counterparty)
    lines = [_open_line(row, own[row.pk], voice) for row in found]
    return _list(_("Requests that wait for prices"), lines, _("None at the moment."))


def _open_line(row: Rfq, live: list[Quote], voice: cards.Voice) -> str:
    verb = _("you sell") if row.side == "buy" else _("you buy")
    own = cards.best_of(row, live, voice.now)
    line = f"{voice.ref(row.ref)} · {verb} {cards.asked_for(row, voice)} · {voice.ref(row.pair.code)}"
    return f"{line} · {_('your quote')} {voice.price(own.price, row)}" if own else line


# --- shared ---------------------------------------------------------------------------------


def _live_quotes(rfqs: Sequence[Rfq], lp: Counterparty | None = None) -> dict[int, list[Quote]]:
    """Group the active quotes (of one LP, if given) by RFQ. One query."""
    grouped: dict[int, list[Quote]] = {row.pk: [] for row in rfqs}
    active = Quote.objects.filter(rfq__in=rfqs, status=Quote.Status.ACTIVE)
    for row in active.filter(lp=lp) if lp else active:
        grouped[row.rfq_id].append(row)
    return grouped


def _reference(update: BotUpdate, command: str) -> str:
    if not update.arguments:
        raise NoRefGiven(command=command)
    return update.arguments[0].upper()


def _list(title: str, lines: list[str], nothing: str) -> Reply:
    return Reply(text=message("telegram/list.html", {"title": title, "lines": lines, "nothing": nothing}))
