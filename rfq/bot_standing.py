"""Telegram: how an LP stands and how well it answered, and its own pause."""

from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from rfq import cards, operations
from rfq.bot_own import clock_words
from rfq.bot_shared import Pressed
from rfq.operations.quoting import lp_of
from rfq.queries import own
from rfq.queries.scorecards import Figures, own_scorecard
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.money import USDT
from users import callbacks, capabilities
from users.models import CallbackToken, Counterparty, User

PAUSE, RESUME = "lp.pause_own", "lp.resume_own"
PRESSED_WITHIN = timedelta(minutes=10)
REASON = "Paused by a dealer of its own, in Telegram."  # evidence: the same in every language
WINDOW = "7d"


def status(_update: BotUpdate, actor: User) -> Reply:
    """`/status`: paused or not, hours, unsettled against the cap, live quotes, the program. Eight queries."""
    capabilities.require(actor, "rfq.quote")
    voice = cards.Voice(actor, clock.now())
    return Reply(text=message("telegram/lp_status.html", _status(lp_of(actor), voice)))


def _status(lp: Counterparty, voice: cards.Voice) -> dict[str, object]:
    found = own.standing(lp, now=voice.now)
    cap = found.terms.unsettled_cap if found.terms else None
    return {
        "is_frozen": lp.status != Counterparty.Status.ACTIVE,
        "is_paused": found.is_paused,
        "is_own_pause": found.is_own_pause,
        "is_desk_paused": found.is_desk_paused,
        "unsettled": voice.amount(found.unsettled, USDT.code),
        "cap": voice.amount(cap, USDT.code) if cap is not None else "",
        "live": found.live_quotes,
        "program": found.program,
    } | clock_words(found.clock, voice)


def stats(_update: BotUpdate, actor: User) -> Reply:
    """`/stats`: the LP's own scorecard of seven days. Four queries; five until a report is kept."""
    capabilities.require(actor, "rfq.quote")
    voice = cards.Voice(actor, clock.now())
    card = own_scorecard(lp_of(actor), window=WINDOW, now=voice.now)
    as_of = voice.clock(card.as_of.at) if card.as_of else ""
    return Reply(text=message("telegram/lp_stats.html", {**_figures(card.total, voice), "as_of": as_of}))


def _figures(total: Figures, voice: cards.Voice) -> dict[str, object]:
    language = voice.user.language

    def number(value: Decimal | float | None, places: int, unit: str) -> str:
        if value is None:
            return "–"
        rounded = Decimal(value).quantize(Decimal(1).scaleb(-places))
        return voice.ref(f"{numbers.format_decimal(rounded, places, language)} {unit}")

    seconds = None if total.first_p50_ms is None else Decimal(total.first_p50_ms) / 1000
    return {
        "asked": total.asked,
        "answered": total.answered,
        "traded": total.traded,
        "passes": total.passes,
        "rejected": total.rejected,
        "response": number(total.response_rate, 1, "%"),
        "hits": number(total.hit_rate, 1, "%"),
        "first": number(seconds, 1, "s"),
        "cover": number(total.cover_bps, 1, "bps"),
        "distance": number(total.distance_bps, 1, "bps"),
        "volume": voice.amount(total.volume, USDT.code),
    }


def pause(update: BotUpdate, actor: User) -> Reply:
    """`/pause` of an LP's dealer: how it stands, and the button that stops its quoting or ends that."""
    capabilities.require(actor, "lp.own_pause")
    lp = lp_of(actor)
    found = own.standing(lp, now=clock.now())
    context = {"is_paused": found.is_paused, "is_own_pause": found.is_own_pause}
    action, words = (RESUME, _("Quote again")) if found.is_paused else (PAUSE, _("Pause my quoting"))
    buttons: tuple[tuple[Button, ...], ...] = ()
    if not found.is_paused or found.is_own_pause:
        buttons = ((Button(words, callbacks.token_for(actor, action, lp.ref, update.key)),),)
    return Reply(text=message("telegram/lp_pause.html", context), buttons=buttons)


def press_pause(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Pause my quoting": all live quotes are taken back."""
    callbacks.require_recent(button, within=PRESSED_WITHIN, now=clock.now())
    operations.pause_lp(lp_ref=button.subject, actor=actor, reason=REASON, now=clock.now())
    return Reply(text=message("telegram/lp_pause.html", {"is_paused": True, "is_own_pause": True}), in_place=True)


def press_resume(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Quote again": ends the LP's own pause, never the desk's."""
    callbacks.require_recent(button, within=PRESSED_WITHIN, now=clock.now())
    operations.end_own_pause(actor=actor, now=clock.now())
    return Reply(text=_("You are asked for prices again."), in_place=True)


BUTTONS: dict[str, Pressed] = {PAUSE: press_pause, RESUME: press_resume}
