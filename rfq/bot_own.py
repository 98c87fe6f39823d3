"""Telegram: what a party may do and has: limits, balances, addresses; and a client's own emergency brake."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import cards, operations
from rfq.bot_shared import Pressed
from rfq.queries import own
from settlement import balances, banks
from settlement.balances import Holding
from settlement.models import BankAccount, PayoutAddress
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Forbidden
from trading.lib.money import USDT
from users import callbacks, capabilities
from users.models import CallbackToken, Counterparty, User

FREEZE, KEEP = "client.freeze", "client.keep"
PRESSED_WITHIN = timedelta(minutes=10)
OWN = "settlement.own"
REASON = "Frozen by a trader of its own, in Telegram."  # evidence: the same in every language


class ForClients(Forbidden):
    """Only clients have this."""

    code = "for_clients"
    text = gettext_lazy("This is for clients' traders. /help shows what you can do here.")


def limits(_update: BotUpdate, actor: User) -> Reply:
    """`/limits`: per trade, per day, credit, pairs, hours. Six queries."""
    client = client_of(actor, "rfq.request")
    voice = cards.Voice(actor, clock.now())
    found = own.limits(client, now=voice.now)
    rows = [
        {
            "pair": voice.ref(pair.code),
            "minimum": voice.amount(terms.minimum, USDT.code),
            "maximum": voice.amount(terms.maximum, USDT.code),
            "daily": voice.amount(terms.daily_notional, USDT.code),
        }
        for pair, terms in found.pairs
    ]
    credit = [voice.amount(one.credit, one.unit.code) for one in balances.of_client(client) if one.credit]
    used = voice.amount(found.traded_today, USDT.code)
    context = {"rows": rows, "used": used, "credit": credit} | clock_words(found.clock, voice)
    return Reply(text=message("telegram/limits.html", context))


def clock_words(agreed: own.Clock | None, voice: cards.Voice) -> dict[str, object]:
    """Agreed hours for a template: the windows on their own zone's clock, what comes next on the reader's."""
    if agreed is None:
        return {"hours": []}
    until, opens = agreed.open_until, agreed.opens_at
    return {
        "hours": agreed.windows,
        "zone": voice.ref(agreed.time_zone),
        "open_until": voice.clock(until) if until else "",
        "opens_at": voice.clock(opens) if opens else "",
    }


def balance(_update: BotUpdate, actor: User) -> Reply:
    """`/balance`: a client's money at the desk; what stands between the desk and an LP. Two queries."""
    capabilities.require(actor, OWN)
    party = actor.counterparty
    voice = cards.Voice(actor, clock.now())
    if party is not None and party.kind == Counterparty.Kind.LP:
        owed = [one for one in balances.of_lp(party) if one.amount]
        rows: list[dict[str, object]] = [
            {"amount": voice.amount(abs(one.amount), one.unit.code), "is_owed": one.amount > 0} for one in owed
        ]
        return Reply(text=message("telegram/balance_lp.html", {"rows": rows}))
    held = balances.of_client(client_of(actor, OWN))
    rows = [_holding(one, voice) for one in held if not one.is_empty]
    return Reply(text=message("telegram/balance.html", {"rows": rows}))


def _holding(one: Holding, voice: cards.Voice) -> dict[str, object]:
    def write(amount: object) -> str:
        return voice.amount(amount, one.unit.code) if amount else ""  # type: ignore[arg-type]

    return {
        "available": voice.amount(one.available, one.unit.code),
        "held": write(one.held),
        "credit": write(one.credit),
        "credit_used": write(one.credit_used),
    }


def addresses(_update: BotUpdate, actor: User) -> Reply:
    """`/addresses`: where a party's USDT and money may go, each in full, and since or from when. Three queries."""
    capabilities.require(actor, "destination.own")
    party, voice = actor.counterparty, cards.Voice(actor, clock.now())
    rows = PayoutAddress.objects.filter(counterparty=party, revoked_at=None).order_by("pk")
    accounts = BankAccount.objects.filter(counterparty=party, ended_at=None).order_by("pk")
    context = {
        "rows": [_address(row, voice) for row in rows],
        "accounts": [_account(row, voice) for row in accounts],
        "is_client": party is not None and party.kind == Counterparty.Kind.CLIENT,
    }
    return Reply(text=message("telegram/addresses.html", context))


def _account(row: BankAccount, voice: cards.Voice) -> dict[str, object]:
    return {
        "label": row.label,
        "currency": voice.ref(row.currency_id),
        "number": voice.ref(banks.number_of(row)),
        "bank": row.bank,
        "is_usable": row.is_usable,
    }


def _address(row: PayoutAddress, voice: cards.Voice) -> dict[str, object]:
    cooling = row.usable_from is not None and not row.is_usable(at=voice.now)
    return {
        "label": row.label,
        "address": row.address,
        "chain": voice.ref(row.chain),
        "state": "usable" if row.is_usable(at=voice.now) else "cooling" if cooling else "waiting",
        "usable_from": voice.clock(row.usable_from) if row.usable_from else "",
    }


def freeze(update: BotUpdate, actor: User) -> Reply:
    """`/freeze`: what it stops, and the button that does it."""
    client = client_of(actor, "client.own_freeze")
    if client.status == Counterparty.Status.FROZEN:
        return Reply(text=message("telegram/frozen.html", {}))
    brake = callbacks.token_for(actor, FREEZE, client.ref, update.key)
    keep = callbacks.token_for(actor, KEEP, client.ref, update.key)
    buttons = ((Button(_("Freeze trading now"), brake),), (Button(_("No, go on"), keep),))
    return Reply(text=message("telegram/freeze.html", {}), buttons=buttons)


def press_freeze(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Freeze trading now", as long as it was asked for lately."""
    _require_recent(button, clock.now())
    operations.freeze_client(client_ref=button.subject, actor=actor, reason=REASON, now=clock.now())
    return Reply(text=message("telegram/frozen.html", {}), in_place=True, toast=_("Frozen"))


def press_keep(_update: BotUpdate, _actor: User, _button: CallbackToken) -> Reply:
    """Act on "No, go on": nothing is stopped."""
    return Reply(text=_("Nothing is stopped. Trading goes on."), in_place=True)


def _require_recent(button: CallbackToken, now: datetime) -> None:
    callbacks.require_recent(button, within=PRESSED_WITHIN, now=now)


def client_of(actor: User, capability: str) -> Counterparty:
    """
    Find the client the actor trades for.

    :raises MissingCapability: the actor may not do this.
    :raises ForClients: the actor trades for no client.
    """
    capabilities.require(actor, capability)
    party = actor.counterparty
    if party is None or party.kind != Counterparty.Kind.CLIENT:
        raise ForClients
    return party


BUTTONS: dict[str, Pressed] = {FREEZE: press_freeze, KEEP: press_keep}
