"""Telegram: an LP's dealer sees requests, passes, takes quotes back. What it sees of a request: `rfq.cards`."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rfq import bot_shared, cards, operations
from rfq.bot_shared import LISTED, Pressed, Rows
from rfq.models import Quote, Rfq
from rfq.queries import parties
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply
from users import callbacks, capabilities
from users.models import CallbackToken, User

PULL_ALL = "quote.pull_all"
ALL = "ALL"
PRESSED_WITHIN = timedelta(minutes=10)


def open_(_update: BotUpdate, actor: User) -> Reply:
    """`/open`: the requests that wait for prices, each with its card and a pass at a press."""
    capabilities.require(actor, "rfq.quote")
    voice = cards.Voice(actor, clock.now())
    found = _waiting(voice)
    own = bot_shared.live_quotes(found, lp=actor.counterparty)
    passed = set(parties.passed(actor.counterparty, found)) if actor.counterparty else set()
    lines = [_open_line(row, own[row.pk], voice, is_passed=row.pk in passed) for row in found]
    buttons = _open_buttons(found, actor, passed)
    return bot_shared.listed(_("Requests that wait for prices"), lines, _("None at the moment."), buttons)


def _waiting(voice: cards.Voice) -> list[Rfq]:
    rows = Rfq.objects.filter(parties.is_live(voice.now)).order_by("-pk")
    return list(rows.select_related("pair__quote_asset")[:LISTED])


def _open_line(row: Rfq, live: list[Quote], voice: cards.Voice, *, is_passed: bool) -> str:
    verb = _("you sell") if row.side == "buy" else _("you buy")
    own = cards.best_of(row, live, voice.now)
    line = f"{voice.ref(row.ref)} · {verb} {cards.asked_for(row, voice)} · {voice.ref(row.pair.code)}"
    if own:
        return f"{line} · {_('your quote')} {voice.price(own.price, row)}"
    return f"{line} · {_('passed')}" if is_passed else line


def _open_buttons(found: Sequence[Rfq], actor: User, passed: set[int]) -> Rows:
    shows = callbacks.tokens_for(actor, bot_shared.SHOW, [(row.ref, "") for row in found])
    passes = callbacks.tokens_for(actor, cards.PASS, [(row.ref, "") for row in found])
    rows = []
    for row, show, pass_token in zip(found, shows, passes, strict=True):
        button = Button(row.ref, show)
        rows.append((button,) if row.pk in passed else (button, Button(_("Pass"), pass_token)))
    return tuple(rows)


def pass_(update: BotUpdate, actor: User) -> Reply:
    """`/pass RFQ-…`: no price from this LP; it may change its mind."""
    made = operations.pass_rfq(rfq_ref=bot_shared.reference(update, "pass"), actor=actor, now=clock.now())
    return Reply(text=_("You pass on %(ref)s.") % {"ref": made.rfq.ref}, card=made.rfq.ref)


def press_pass(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Pass. Pressed again it changes nothing."""
    operations.pass_rfq(rfq_ref=button.subject, actor=actor, now=clock.now())
    return Reply(card=button.subject, toast=_("Passed"))


def pull(update: BotUpdate, actor: User) -> Reply:
    """`/pull RFQ-…`: take the live quote back; `/pull all`: every one; alone: which, by buttons."""
    if not update.arguments:
        return _pullable(update, actor)
    if update.arguments[0].upper() == ALL:
        return Reply(text=_all_pulled(operations.pull_quotes(actor=actor, now=clock.now())))
    made = operations.pull_quote(rfq_ref=update.arguments[0].upper(), actor=actor, now=clock.now())
    return Reply(text=_("Your quote on %(ref)s is taken back.") % {"ref": made.rfq.ref}, card=made.rfq.ref)


def _pullable(update: BotUpdate, actor: User) -> Reply:
    capabilities.require(actor, "rfq.quote")
    voice = cards.Voice(actor, clock.now())
    live = Quote.objects.filter(lp=actor.counterparty, status__in=Quote.LIVE, valid_until__gt=voice.now)
    found = list(live.select_related("rfq__pair").order_by("-pk")[:LISTED])
    if not found:
        return bot_shared.listed("", [], _("You have no live quote."))
    tokens = callbacks.tokens_for(actor, cards.PULL, [(quote.rfq.ref, quote.ref) for quote in found])
    words = [f"{quote.rfq.ref} · {voice.price(quote.price, quote.rfq)}" for quote in found]
    rows = [(Button(text, token),) for text, token in zip(words, tokens, strict=True)]
    all_ = callbacks.token_for(actor, PULL_ALL, actor.ref, update.key)
    return bot_shared.listed(_("Which quote do you take back?"), [], "", (*rows, (Button(_("All of them"), all_),)))


def press_pull(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Pull my quote", of the quote the button was shown with."""
    if not Quote.objects.filter(ref=button.version, status__in=Quote.LIVE).exists():
        raise callbacks.StaleButton
    operations.pull_quote(rfq_ref=button.subject, actor=actor, now=clock.now())
    return Reply(card=button.subject, toast=_("Taken back"))


def press_pull_all(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "All of them", as long as the list is fresh: an old one would take back quotes it never showed."""
    callbacks.require_recent(button, within=PRESSED_WITHIN, now=clock.now())
    text = _all_pulled(operations.pull_quotes(actor=actor, now=clock.now()))
    return Reply(text=text, in_place=True, toast=_("Taken back"))


def _all_pulled(number: int) -> str:
    words = ngettext("%(number)d quote is taken back.", "%(number)d quotes are taken back.", number)
    return words % {"number": number}


def press_confirm_quote(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Confirm, of a quote that the desk took down by phone."""
    if not Quote.objects.filter(ref=button.version, status=Quote.Status.ENTERED).exists():
        raise callbacks.StaleButton
    operations.confirm_quote(quote_ref=button.version, actor=actor, now=clock.now())
    return Reply(card=button.subject, toast=_("Confirmed"))


BUTTONS: dict[str, Pressed] = {
    cards.PASS: press_pass,
    cards.PULL: press_pull,
    cards.CONFIRM_QUOTE: press_confirm_quote,
    PULL_ALL: press_pull_all,
}
