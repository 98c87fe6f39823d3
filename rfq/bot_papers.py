"""Telegram: a party's own history, its statements and receipts as files."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import operations, periods
from rfq.cards import Voice
from rfq.papers import party_of, receipts, statements, words
from rfq.periods import Period
from rfq.queries import statements as queries
from rfq.queries.statements import Trade
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Invalid
from trading.lib.money import USDT
from users import callbacks
from users.models import CallbackToken, User

HISTORY, MONTH, FORMAT, RECEIPT = "history.page", "statement.month", "statement.format", "receipt.send"
EVERYTHING = "all"
BEFORE, AFTER = "before", "after"
MONTHS, IN_A_ROW = 12, 3

type Rows = tuple[tuple[Button, ...], ...]


class NotAFormat(Invalid):
    """Statements come as PDF or CSV."""

    code = "not_a_format"
    text = gettext_lazy("A statement comes as pdf or csv: /statement 2026-10 pdf")


class NoReceiptNamed(Invalid):
    """A receipt is of one trade."""

    code = "no_receipt_named"
    text = gettext_lazy("Say of which trade: /receipt FIL-…; /history lists yours.")


# --- history --------------------------------------------------------------------------------


def history(update: BotUpdate, actor: User) -> Reply:
    """`/history`, `/history 2026-10`, `/history 2026-10-01 2026-10-15`: own trades, newest first."""
    party_of(actor)
    period = _period(update.arguments, actor) if update.arguments else None
    return _page(actor, period)


def press_page(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Older or Newer: the page takes the place of the one before."""
    period = None if button.subject == EVERYTHING else _period([button.subject], actor)
    direction, _colon, ref = button.version.partition(":")
    return _page(actor, period, before=ref if direction == BEFORE else "", after=ref if direction == AFTER else "")


def _page(actor: User, period: Period | None, *, before: str = "", after: str = "") -> Reply:
    trades, older, newer = queries.page(party_of(actor), period, before=before, after=after)
    voice = Voice(actor, clock.now())
    title = _("Your trades") if period is None else _("Your trades, %(period)s") % {"period": voice.ref(period.name)}
    context = {"title": title, "lines": [_line(trade, voice) for trade in trades]}
    text = message("telegram/list.html", context | {"nothing": _("There are none.")})
    subject = period.name if period else EVERYTHING
    turns = [(_("‹ Newer"), AFTER, newer), (_("Older ›"), BEFORE, older)]
    row = tuple(_turn(actor, subject, words_, f"{where}:{ref}") for words_, where, ref in turns if ref)
    return Reply(text=text, buttons=(row,) if row else (), in_place=True)


def _turn(actor: User, subject: str, label: str, place: str) -> Button:
    return Button(label, callbacks.token_for(actor, HISTORY, subject, place))


def _line(trade: Trade, voice: Voice) -> str:
    parts = (
        voice.ref(trade.ref),
        voice.clock(trade.at),
        f"{words.side(trade.side)} {voice.amount(trade.base_amount, USDT.code)}",
        voice.ref(words.price(trade.price, trade.price_scale)),
        voice.amount(trade.quote_amount, trade.currency.code),
        words.state(trade.status),
    )
    return " · ".join(parts)


# --- receipts -------------------------------------------------------------------------------


def receipt(update: BotUpdate, actor: User) -> Reply:
    """`/receipt FIL-…` or `RFQ-…`: the signed receipt of a settled trade."""
    if not update.arguments:
        raise NoReceiptNamed
    return _receipt(update.arguments[0].upper(), actor)


def press_receipt(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Receipt (PDF)."""
    return _receipt(button.subject, actor)


def receipt_button(actor: User, fill_ref: str) -> Button:
    """What stands under the message that a trade is settled."""
    return Button(_("Receipt (PDF)"), callbacks.token_for(actor, RECEIPT, fill_ref))


def _receipt(ref: str, actor: User) -> Reply:
    issued = operations.issue_receipt(trade_ref=ref, actor=actor, now=clock.now())
    return Reply(document=receipts.wanted(issued.fill.ref), toast=_("The file follows."))


# --- statements -----------------------------------------------------------------------------


def statement(update: BotUpdate, actor: User) -> Reply:
    """`/statement`: choose a month; `/statement 2026-10`: choose a format; `/statement 2026-10 pdf`: the file."""
    party_of(actor)
    *asked, last = update.arguments or [""]
    form = last.lower() if last.isalpha() else ""
    named = asked if form else update.arguments
    if form and form not in statements.FORMATS:
        raise NotAFormat
    if not named and not form:
        return Reply(text=_("A statement of which month?"), buttons=_months(actor))
    period = _period(named, actor)
    return _file(period, form) if form else _formats(actor, period)


def press_month(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a month: ask for the format."""
    return _formats(actor, _period([button.subject], actor))


def press_format(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a format: the file follows."""
    party_of(actor)
    return _file(_period([button.subject], actor), button.version)


def _file(period: Period, form: str) -> Reply:
    return Reply(document=statements.wanted(period.name, form, at=clock.now()), toast=_("The file follows."))


def _formats(actor: User, period: Period) -> Reply:
    name = Voice(actor, clock.now()).ref(period.name)
    row = tuple(
        Button(form.upper(), callbacks.token_for(actor, FORMAT, period.name, form)) for form in statements.FORMATS
    )
    return Reply(text=_("Statement of %(period)s: which format?") % {"period": name}, buttons=(row,), in_place=True)


def _months(actor: User) -> Rows:
    now = clock.now()
    names = [periods.month_of(now, time_zone=actor.time_zone, back=back).name for back in range(MONTHS)]
    made = [Button(name, callbacks.token_for(actor, MONTH, name)) for name in names]
    return tuple(tuple(made[first : first + IN_A_ROW]) for first in range(0, MONTHS, IN_A_ROW))


def _period(named: list[str], actor: User) -> Period:
    return periods.read(named, time_zone=actor.time_zone, now=clock.now())
