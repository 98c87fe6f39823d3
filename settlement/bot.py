"""Telegram: a client announces money, and takes money out. In one line, or by buttons and a typed amount."""

from collections.abc import Callable
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settlement import banks, confirming, money, operations, seen
from settlement.models import BankAccount, Deposit, PayoutAddress
from settlement.operations import Offer, Wish
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Invalid, NotFound
from trading.lib.money import USDT
from users import callbacks, capabilities, dialogues
from users.models import CallbackToken, Counterparty, Dialogue, User

DEPOSIT, WITHDRAW = "deposit", "withdraw"
CURRENCY, DESTINATION, ALL, CONFIRM, STOP = (
    "deposit.currency",
    "withdraw.destination",
    "withdraw.all",
    "withdraw.confirm",
    "withdraw.stop",
)
AMOUNT = "amount"
EVERYTHING = "all"
LISTED = 10
DEPOSIT_WORDS, WITHDRAW_WORDS = 2, 4

type Pressed = Callable[[BotUpdate, User, CallbackToken], Reply]
type Rows = tuple[tuple[Button, ...], ...]


class NotADeposit(Invalid):
    """The words announce nothing."""

    code = "not_a_deposit"
    text = gettext_lazy("I did not understand this. Example: /deposit EUR 10000")


class NotAWithdrawal(Invalid):
    """The words take nothing out."""

    code = "not_a_withdrawal"
    text = gettext_lazy("I did not understand this. Example: /withdraw 5000 USDT to Main wallet")


# --- money that comes in ---------------------------------------------------------------------------


def deposit(update: BotUpdate, actor: User) -> Reply:
    """
    `/deposit EUR 10000`: where to pay, with which reference; `/deposit USDT`: where to send it, and from where.

    Alone: what is under way, and the currencies.
    """
    client = _client_of(actor, "deposit.own")
    if not update.arguments:
        return _deposits(update, actor, client)
    if update.arguments[0].upper() == USDT.code:
        return _receiving(actor, client)
    if len(update.arguments) != DEPOSIT_WORDS:
        raise NotADeposit
    currency, written = update.arguments
    return _announce(currency.upper(), _read(written, actor), key=update.key, actor=actor)


def press_currency(update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a currency: ask how much is on its way; of USDT nothing needs to be announced."""
    if button.subject == USDT.code:
        return _receiving(actor, _client_of(actor, "deposit.own"))
    currency = operations.bank_details(button.subject).currency_id
    dialogues.begin(actor, DEPOSIT, key=update.key, now=clock.now(), asks=AMOUNT, data={"currency": currency})
    return Reply(text=_("How much %(currency)s is on its way? Write the amount.") % {"currency": currency})


def hear_deposit(update: BotUpdate, actor: User, dialogue: Dialogue) -> Reply:
    """Take the typed amount. Come twice it is the same deposit."""
    made = _announce(dialogue.data["currency"], _read(update.text.strip(), actor), key=update.key, actor=actor)
    dialogues.end(dialogue, key=update.key, now=clock.now())
    return made


def _announce(currency: str, amount: Decimal, *, key: str, actor: User) -> Reply:
    made = operations.announce_deposit(currency=currency, amount=amount, actor=actor, key=key, now=clock.now())
    account = operations.bank_details(currency)
    context = {
        "ref": made.ref,
        "amount": _amount(amount, account.currency.scale, currency, actor),
        "account": account,
        "number": banks.number_of(account),
    }
    return Reply(text=message("telegram/deposit_details.html", context))


def _deposits(_update: BotUpdate, actor: User, client: Counterparty) -> Reply:
    mine = seen.of_client(client).order_by("-pk")[:LISTED]
    currencies = [*money.payable_currencies(), *([USDT.code] if money.receiving(client) else [])]
    tokens = callbacks.tokens_for(actor, CURRENCY, [(currency, "") for currency in currencies])
    buttons = tuple(Button(currency, token) for currency, token in zip(currencies, tokens, strict=True))
    context = {"lines": [_line(row, actor) for row in mine], "currencies": currencies}
    return Reply(text=message("telegram/deposits.html", context), buttons=(buttons,) if buttons else ())


def _receiving(actor: User, client: Counterparty) -> Reply:
    context = {
        "rows": money.receiving(client),
        "minimum": _amount(operations.minimum_deposit(), 0, USDT.code, actor),
    }
    return Reply(text=message("telegram/deposit_usdt.html", context))


def _line(row: Deposit, actor: User) -> str:
    amount = row.amount if row.amount is not None else row.announced
    shown = _amount(amount or Decimal(0), row.asset.scale, row.asset_id, actor)
    return f"{row.ref} · {shown} · {confirming.of(row) or row.get_status_display()}"


# --- money that goes out ---------------------------------------------------------------------------


def withdraw(update: BotUpdate, actor: User) -> Reply:
    """`/withdraw 5000 USDT to Main wallet`: what it comes to, to be confirmed; alone: the destinations."""
    client = _client_of(actor, "withdrawal.own")
    if not update.arguments:
        return _destinations(actor, client)
    words = update.text.split(maxsplit=WITHDRAW_WORDS)[1:]
    if len(words) != WITHDRAW_WORDS or words[2].lower() != "to":
        raise NotAWithdrawal
    amount = None if words[0].lower() == EVERYTHING else _read(words[0], actor)
    wish = Wish(words[1].upper(), amount, words[3])
    dialogue = dialogues.begin(actor, WITHDRAW, key=update.key, now=clock.now())
    return _confirm(dialogue, wish, key=update.key, actor=actor)


def press_destination(update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a destination: ask how much."""
    client = _client_of(actor, "withdrawal.own")
    to = money.usable_destination(button.subject, client, now=clock.now())
    currency = to.currency_id if isinstance(to, BankAccount) else USDT.code
    data = {"currency": currency, "to": to.ref}
    dialogue = dialogues.begin(actor, WITHDRAW, key=update.key, now=clock.now(), asks=AMOUNT, data=data)
    token = callbacks.token_for(actor, ALL, dialogue.ref, dialogues.version_of(dialogue, EVERYTHING))
    text = _("How much %(currency)s? Write the amount.") % {"currency": currency}
    return Reply(text=text, buttons=((Button(_("All of it"), token),),))


def hear_withdrawal(update: BotUpdate, actor: User, dialogue: Dialogue) -> Reply:
    """Take the typed amount and show what it comes to."""
    wish = Wish(dialogue.data["currency"], _read(update.text.strip(), actor), dialogue.data["to"])
    return _confirm(dialogue, wish, key=update.key, actor=actor)


def press_all(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "All of it"."""
    dialogue = dialogues.of_button(button, now=clock.now())
    wish = Wish(dialogue.data["currency"], None, dialogue.data["to"])
    return _confirm(dialogue, wish, key=button.token, actor=actor)


def press_confirm(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Confirm: pressed again it is the same withdrawal."""
    dialogue = dialogues.of_button(button, now=clock.now())
    data = dialogue.data
    wish = Wish(data["currency"], Decimal(data["amount"]), data["to"])
    made = operations.request_withdrawal(wish=wish, actor=actor, key=f"button:{button.token}", now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    text = _("%(ref)s is asked for. Two people of the desk look at it; you will hear.") % {"ref": made.ref}
    return Reply(text=text, in_place=True)


def press_stop(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Cancel: nothing was asked for."""
    dialogue = dialogues.of_button(button, now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    return Reply(text=_("Closed. Nothing was taken out."), in_place=True)


def _confirm(dialogue: Dialogue, wish: Wish, *, key: str, actor: User) -> Reply:
    """Show where it goes in full, the fee, and what stays, with the button that does it."""
    offer = operations.work_out(wish=wish, actor=actor, now=clock.now())
    to = offer.account or offer.address
    assert to is not None  # noqa: S101 - an offer has one of the two
    data = {"currency": offer.asset.code, "amount": str(offer.amount), "to": to.ref}
    dialogues.go_on(dialogue, key=key, data=data, asks="", now=clock.now())
    do, stop = (
        callbacks.token_for(actor, action, dialogue.ref, dialogues.version_of(dialogue, action))
        for action in (CONFIRM, STOP)
    )
    return Reply(text=_terms(offer, to, actor), buttons=((Button(_("Confirm"), do), Button(_("Cancel"), stop)),))


def _terms(offer: Offer, to: BankAccount | PayoutAddress, actor: User) -> str:
    def shown(amount: Decimal) -> str:
        return _amount(amount, offer.asset.scale, offer.asset.code, actor)

    context = {
        "amount": shown(offer.amount),
        "fee": shown(offer.fee) if offer.fee else "",
        "remains": shown(offer.remains),
        "to": to,
        "label": to.label,
        "account": offer.account,
        "number": banks.number_of(offer.account) if offer.account else "",
    }
    return message("telegram/withdraw_confirm.html", context)


def _destinations(actor: User, client: Counterparty) -> Reply:
    found = money.usable_destinations(client, now=clock.now())
    tokens = callbacks.tokens_for(actor, DESTINATION, [(one.ref, "") for one in found])
    rows: Rows = tuple((Button(_name(one), token),) for one, token in zip(found, tokens, strict=True))
    return Reply(text=message("telegram/withdraw.html", {"has_any": bool(found)}), buttons=rows)


def _name(one: BankAccount | PayoutAddress) -> str:
    if isinstance(one, BankAccount):
        return f"{one.currency_id} · {one.words}"
    return f"{USDT.code} · {one.label or one.address[:6] + '…' + one.address[-4:]}"


def _client_of(actor: User, capability: str) -> Counterparty:
    capabilities.require(actor, capability)
    if actor.counterparty is None:
        raise NotFound
    return actor.counterparty


def _read(written: str, actor: User) -> Decimal:
    return numbers.parse_decimal(written, actor.language)


def _amount(amount: Decimal, places: int, code: str, actor: User) -> str:
    return f"{numbers.format_decimal(amount, places, actor.language)} {code}"


BUTTONS: dict[str, Pressed] = {
    CURRENCY: press_currency,
    DESTINATION: press_destination,
    ALL: press_all,
    CONFIRM: press_confirm,
    STOP: press_stop,
}
ANSWERS: dict[str, Callable[[BotUpdate, User, Dialogue], Reply]] = {
    DEPOSIT: hear_deposit,
    WITHDRAW: hear_withdrawal,
}
