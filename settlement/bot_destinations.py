"""Telegram: a party asks for a new payout address or bank account. In one line, or step by step; two people decide."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settlement import addresses, banks, money, operations
from settlement.addresses import UnknownChain
from settlement.operations import NewAddress, NewBankAccount
from settlement.operations.destinations import OWN, IncompleteAccount, NoSuchCurrency, free_label
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import NotFound
from users import callbacks, capabilities, dialogues
from users.models import CallbackToken, Counterparty, Dialogue, User

ADDRESS, ACCOUNT = "address.new", "account.new"
PICK, CONFIRM, STOP = "destination.pick", "destination.confirm", "destination.stop"
CHAIN, TEXT, CURRENCY, NUMBER, HOLDER, BANK, LABEL = (
    "chain",
    "address",
    "currency",
    "number",
    "holder",
    "bank",
    "label",
)
OWN_NAME, NO_LABEL = "own", "none"
IN_ONE_LINE = 2

type Pressed = Callable[[BotUpdate, User, CallbackToken], Reply]
type Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One question: its words, and how a typed answer is read, which may be refused."""

    name: str
    words: str | Promise
    read: Callable[[str, Mapping[str, Any], Counterparty], dict[str, Any]]


def address(update: BotUpdate, actor: User) -> Reply:
    """`/address`: step by step; `/address tron T… Cold store` in one line."""
    party = _party_of(actor)
    data: dict[str, Any] = {}
    if len(update.arguments) >= IN_ONE_LINE:
        chain, written, *label = update.arguments
        data = _read_chain(chain, data, party)
        data |= _read_address(written, data, party)
        data |= _read_label(" ".join(label), data, party)
    elif len(chains := money.chains()) == 1:
        data = {CHAIN: chains[0]}
    dialogue = dialogues.begin(actor, ADDRESS, key=update.key, now=clock.now(), asks=_next(ADDRESS, data), data=data)
    return _show(dialogue, actor, party)


def account(update: BotUpdate, actor: User) -> Reply:
    """`/account`: step by step."""
    party, currencies = _party_of(actor), money.currencies()
    data = {CURRENCY: currencies[0]} if len(currencies) == 1 else {}
    dialogue = dialogues.begin(actor, ACCOUNT, key=update.key, now=clock.now(), asks=_next(ACCOUNT, data), data=data)
    return _show(dialogue, actor, party)


def hear(update: BotUpdate, actor: User, dialogue: Dialogue) -> Reply:
    """Take a typed answer. One that is refused leaves the question open; come twice it is taken once."""
    party = _party_of(actor)
    if dialogue.heard != update.key:
        step = next(one for one in STEPS[dialogue.purpose] if one.name == dialogue.asks)
        _take(dialogue, step.read(update.text, dialogue.data, party), key=update.key)
    return _show(dialogue, actor, party)


def press_pick(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on an offered answer: a chain, a currency, the party's own name, no label."""
    party, dialogue = _party_of(actor), dialogues.of_button(button, now=clock.now())
    if dialogue.heard != button.token:
        name, _equals, value = dialogues.meaning_of(button).partition("=")
        meant = {OWN_NAME: party.name, NO_LABEL: ""}.get(value, value)
        _take(dialogue, {name: meant}, key=button.token)
    return _show(dialogue, actor, party)


def press_confirm(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Confirm: pressed again it is the same destination."""
    dialogue = dialogues.of_button(button, now=clock.now())
    key, now = f"button:{button.token}", clock.now()
    if dialogue.purpose == ADDRESS:
        ref = operations.ask_address(new=NewAddress(**dialogue.data), actor=actor, key=key, now=now).ref
    else:
        ref = operations.ask_bank_account(new=NewBankAccount(**dialogue.data), actor=actor, key=key, now=now).ref
    dialogues.end(dialogue, key=button.token, now=now)
    text = _("%(ref)s is asked for. Two people of the desk decide; you will hear. Until then nothing goes there.")
    return Reply(text=text % {"ref": ref}, in_place=True)


def press_stop(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Cancel: nothing was asked for."""
    dialogue = dialogues.of_button(button, now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    return Reply(text=_("Closed. Nothing was asked for."), in_place=True)


def _party_of(actor: User) -> Counterparty:
    capabilities.require(actor, OWN)
    if actor.counterparty is None:
        raise NotFound
    return actor.counterparty


def _take(dialogue: Dialogue, answer: Mapping[str, Any], *, key: str) -> None:
    data = {**dialogue.data, **answer}
    dialogues.go_on(dialogue, key=key, data=data, asks=_next(dialogue.purpose, data), now=clock.now())


def _next(purpose: str, data: Mapping[str, Any]) -> str:
    """The first question that is still open; "" when all are answered."""
    return next((step.name for step in STEPS[purpose] if step.name not in data), "")


def _show(dialogue: Dialogue, actor: User, party: Counterparty) -> Reply:
    step = next((one for one in STEPS[dialogue.purpose] if one.name not in dialogue.data), None)
    if step is None:
        return _confirm(dialogue, actor, party)
    offered = {
        CHAIN: lambda: [(chain, chain) for chain in money.chains()],
        CURRENCY: lambda: [(code, code) for code in money.currencies()],
        HOLDER: lambda: [(party.name, OWN_NAME)],
        LABEL: lambda: [(_("Without a name"), NO_LABEL)],
    }.get(step.name, list)()
    meanings = [(dialogue.ref, dialogues.version_of(dialogue, f"{step.name}={value}")) for _words, value in offered]
    tokens = callbacks.tokens_for(actor, PICK, meanings)
    row = tuple(Button(words, token) for (words, _value), token in zip(offered, tokens, strict=True))
    return Reply(text=str(step.words), buttons=(row,) if row else ())


def _confirm(dialogue: Dialogue, actor: User, party: Counterparty) -> Reply:
    """Show it whole, what it looks like, and what happens next, with the button that asks for it."""
    data = dialogue.data
    is_address = dialogue.purpose == ADDRESS
    context = data | {
        "is_address": is_address,
        "number": banks.written(data.get(NUMBER, ""), is_iban=bool(data.get("is_iban"))),
        "is_of_another_name": not is_address and data[HOLDER].casefold() != party.name.casefold(),
        "alike": money.alike(data[TEXT], party) if is_address else [],
        "hours": settings.ADDRESS_COOLING_HOURS,
    }
    do, stop = (
        callbacks.token_for(actor, action, dialogue.ref, dialogues.version_of(dialogue, action))
        for action in (CONFIRM, STOP)
    )
    text = message("telegram/destination_confirm.html", context)
    return Reply(text=text, buttons=((Button(_("Confirm"), do), Button(_("Cancel"), stop)),))


# --- how typed answers are read ------------------------------------------------------------------


def _read_address(written: str, data: Mapping[str, Any], _party: Counterparty) -> dict[str, Any]:
    return {TEXT: addresses.require_valid(data[CHAIN], written)}


def _read_number(written: str, _data: Mapping[str, Any], _party: Counterparty) -> dict[str, Any]:
    is_iban = banks.looks_like_iban(written)
    return {NUMBER: banks.require_number(written, is_iban=is_iban), "is_iban": is_iban}


def _read_holder(written: str, _data: Mapping[str, Any], _party: Counterparty) -> dict[str, Any]:
    return {HOLDER: _line(written)}


def _read_bank(written: str, _data: Mapping[str, Any], _party: Counterparty) -> dict[str, Any]:
    """The bank's name; what follows the last comma is its BIC, if it has that form."""
    name, _comma, last = written.rpartition(",")
    if name.strip() and banks.is_bic(last):
        return {BANK: _line(name), "bic": banks.require_bic(last)}
    return {BANK: _line(written), "bic": ""}


def _read_label(written: str, _data: Mapping[str, Any], party: Counterparty) -> dict[str, Any]:
    return {LABEL: free_label(party, written)}


def _line(written: str) -> str:
    words = " ".join(written.split())[:140]
    if not words:
        raise IncompleteAccount
    return words


def _read_chain(written: str, _data: Mapping[str, Any], _party: Counterparty) -> dict[str, Any]:
    chain, known = written.strip().lower(), money.chains()
    if chain not in known:
        raise UnknownChain(chain=chain, known=", ".join(known))
    return {CHAIN: chain}


def _read_currency(written: str, _data: Mapping[str, Any], _party: Counterparty) -> dict[str, Any]:
    currency = written.strip().upper()
    if currency not in money.currencies():
        raise NoSuchCurrency(currency=currency)
    return {CURRENCY: currency}


_LABELLED = Step(
    LABEL, gettext_lazy("What do you call it? Write a name, as in: /withdraw 5000 USDT to Main wallet"), _read_label
)
STEPS: dict[str, tuple[Step, ...]] = {
    ADDRESS: (
        Step(CHAIN, gettext_lazy("On which chain is the address?"), _read_chain),
        Step(TEXT, gettext_lazy("Send the address. Copy it whole; capital and small letters matter."), _read_address),
        _LABELLED,
    ),
    ACCOUNT: (
        Step(CURRENCY, gettext_lazy("In which currency is the account?"), _read_currency),
        Step(NUMBER, gettext_lazy("Send the IBAN, or the account number where there is none."), _read_number),
        Step(HOLDER, gettext_lazy("Whose account is it? Write the holder's name as the bank knows it."), _read_holder),
        Step(BANK, gettext_lazy("At which bank? Write its name, and its BIC after a comma."), _read_bank),
        _LABELLED,
    ),
}
BUTTONS: dict[str, Pressed] = {PICK: press_pick, CONFIRM: press_confirm, STOP: press_stop}
ANSWERS: dict[str, Callable[[BotUpdate, User, Dialogue], Reply]] = {ADDRESS: hear, ACCOUNT: hear}
