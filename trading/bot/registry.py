"""
The commands and buttons of the bot: what each does, what the menu says about it, and in whose menu it stands.

One line per command or button. Whose menu shows a command is a courtesy; who may do it, its
operation decides.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alerting import alert_routes, bot_alerts
from alerting import bot as alerting_bot
from rfq import bot as rfq_bot
from rfq import (
    bot_asking,
    bot_disputes,
    bot_lp,
    bot_own,
    bot_papers,
    bot_pausing,
    bot_quoting,
    bot_shared,
    bot_standing,
)
from settlement import bot as money_bot
from settlement import bot_destinations
from trading.bot import health
from trading.bot.gateway import Action, Answer, Command, Introduction
from users import bot as users_bot
from users import capabilities
from users.models import User


class Side(StrEnum):
    """For whom somebody trades; a stranger is not linked (yet)."""

    STRANGER = "stranger"
    CLIENT = "client"
    LP = "lp"
    DESK = "desk"


PARTIES = frozenset({Side.CLIENT, Side.LP})
LINKED = PARTIES | {Side.DESK}
EVERYONE = frozenset(Side)
ASKS, QUOTES, OWN, FREEZES = ("rfq.request",), ("rfq.quote",), ("settlement.own",), ("client.own_freeze",)
DESTINATIONS = ("destination.own",)
PAUSES = ("lp.own_pause", *bot_pausing.PAUSES)


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One command, in the order of the menus.

    `words` is what a menu says; `sides` is in whose menu it stands, of those who hold one of `needs`, if any are named.
    """

    name: str
    handler: Command
    words: str | Promise
    sides: frozenset[Side]
    needs: tuple[str, ...] = ()


ENTRIES: tuple[Entry, ...] = (
    # clients' traders
    Entry("rfq", rfq_bot.rfq, _("Ask for a price"), frozenset({Side.CLIENT}), ASKS),
    Entry("quotes", rfq_bot.quotes, _("Live prices"), frozenset({Side.CLIENT}), ASKS),
    Entry("orders", rfq_bot.orders, _("Your requests and trades"), frozenset({Side.CLIENT}), ASKS),
    Entry("cancel", rfq_bot.cancel, _("Withdraw a request"), frozenset({Side.CLIENT}), ASKS),
    Entry("limits", bot_own.limits, _("What you may trade"), frozenset({Side.CLIENT}), ASKS),
    Entry("freeze", bot_own.freeze, _("Stop all your trading at once"), frozenset({Side.CLIENT}), FREEZES),
    Entry("deposit", money_bot.deposit, _("Send money to your balance"), frozenset({Side.CLIENT}), ("deposit.own",)),
    Entry("withdraw", money_bot.withdraw, _("Take money out"), frozenset({Side.CLIENT}), ("withdrawal.own",)),
    # LPs' dealers
    Entry("open", bot_lp.open_, _("Requests that wait for prices"), frozenset({Side.LP}), QUOTES),
    Entry("quote", bot_quoting.quote, _("Quote a firm price"), frozenset({Side.LP}), QUOTES),
    Entry("pull", bot_lp.pull, _("Take a quote back"), frozenset({Side.LP}), QUOTES),
    Entry("pass", bot_lp.pass_, _("Make no price"), frozenset({Side.LP}), QUOTES),
    Entry("status", bot_standing.status, _("How you stand"), frozenset({Side.LP}), QUOTES),
    Entry("stats", bot_standing.stats, _("How you answered"), frozenset({Side.LP}), QUOTES),
    # both
    Entry("balance", bot_own.balance, _("Your balance"), PARTIES, OWN),
    Entry("history", bot_papers.history, _("Your trades"), PARTIES, OWN),
    Entry("statement", bot_papers.statement, _("A statement as a file"), PARTIES, OWN),
    Entry("receipt", bot_papers.receipt, _("The signed receipt of a trade"), PARTIES, OWN),
    Entry("dispute", bot_disputes.dispute, _("Dispute a trade"), PARTIES, ("dispute.own",)),
    Entry("addresses", bot_own.addresses, _("Where your money may go"), PARTIES, DESTINATIONS),
    Entry("address", bot_destinations.address, _("Ask for a new address"), PARTIES, DESTINATIONS),
    Entry("account", bot_destinations.account, _("Ask for a new bank account"), PARTIES, DESTINATIONS),
    # operations
    Entry("health", health.health, _("How the desk is"), frozenset({Side.DESK}), ("console.view",)),
    Entry("alerts", bot_alerts.alerts, _("What fires now"), frozenset({Side.DESK}), ("alert.view",)),
    Entry("pause", bot_pausing.pause, _("Pause"), frozenset({Side.LP, Side.DESK}), PAUSES),
    # everyone
    Entry("start", users_bot.start, _("Link your account"), frozenset({Side.STRANGER})),
    Entry("notify", alerting_bot.notify, _("What to tell you, and how loudly"), LINKED),
    Entry("lang", users_bot.language, _("Choose the language"), EVERYONE),
    Entry("timezone", users_bot.time_zone, _("Choose your time zone"), LINKED),
    Entry("help", users_bot.help_, _("What I can do"), EVERYONE),
)
INTRODUCTIONS: dict[str, Introduction] = {"start": users_bot.link}
ACTIONS: dict[str, Action] = {
    users_bot.SET_LANGUAGE: users_bot.choose_language,
    users_bot.SET_TIME_ZONE: users_bot.choose_time_zone,
    bot_papers.HISTORY: bot_papers.press_page,
    bot_papers.MONTH: bot_papers.press_month,
    bot_papers.FORMAT: bot_papers.press_format,
    bot_papers.RECEIPT: bot_papers.press_receipt,
    alerting_bot.SET_LEVEL: alerting_bot.press_level,
    alerting_bot.SET_QUIET: alerting_bot.press_quiet,
    alert_routes.ACKNOWLEDGE: bot_alerts.press_acknowledge,
    **rfq_bot.BUTTONS,
    **bot_shared.BUTTONS,
    **bot_asking.BUTTONS,
    **bot_disputes.BUTTONS,
    **bot_lp.BUTTONS,
    **bot_quoting.BUTTONS,
    **bot_own.BUTTONS,
    **bot_pausing.BUTTONS,
    **money_bot.BUTTONS,
    **bot_destinations.BUTTONS,
}
# Who takes a typed answer, by the purpose of the conversation.
ANSWERS: dict[str, Answer] = {
    bot_asking.PURPOSE: bot_asking.hear,
    bot_quoting.PURPOSE: bot_quoting.hear,
    bot_pausing.PURPOSE: bot_pausing.hear,
    **money_bot.ANSWERS,
    **bot_destinations.ANSWERS,
}


def side_of(user: User | None) -> Side:
    """Tell for whom this person trades; nobody is a stranger."""
    if user is None:
        return Side.STRANGER
    return Side(user.counterparty.kind) if user.counterparty else Side.DESK


def menu_of(user: User | None) -> list[tuple[str, str]]:
    """Give the menu of this person (nobody: of strangers) as (command, words), in the active language."""
    side = side_of(user)
    return [(entry.name, str(entry.words)) for entry in ENTRIES if side in entry.sides and _may(user, entry)]


def edition() -> str:
    """Name the menus as they are defined now, in all languages: another definition, another name."""
    told: list[object] = []
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            told += [(entry.name, str(entry.words), sorted(entry.sides), entry.needs) for entry in ENTRIES]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _may(user: User | None, entry: Entry) -> bool:
    return not entry.needs or (user is not None and any(capabilities.holds(user, need) for need in entry.needs))
