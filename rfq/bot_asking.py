"""
Telegram: asking for a price step by step: side, pair, unit, amount, where the USDT goes, a last look.

A question with one answer only is not asked. Nothing is sent to any LP before "Ask for a price".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import cards, operations
from rfq.bot_shared import Pressed
from rfq.models import Pair, Rfq, TradingTerms
from rfq.models.trading import Side
from rfq.operations import RfqRequest
from rfq.operations.requesting import TO_BALANCE, check_amount, check_size
from rfq.queries import parties
from settlement.models import PayoutAddress
from trading.lib import clock, numbers
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Forbidden, Invalid
from trading.lib.money import USDT
from users import callbacks, capabilities, dialogues
from users.models import CallbackToken, Counterparty, Dialogue, User

PURPOSE = "rfq"
PICK, ASK, CHANGE, STOP = "asking.pick", "asking.ask", "asking.change", "asking.stop"
SIDE, PAIR, UNIT, AMOUNT, PLACE = "side", "pair", "unit", "amount", "to"
QUESTIONS = (SIDE, PAIR, UNIT, AMOUNT, PLACE)
IN_A_ROW = 3

type Answers = dict[str, str]


class NothingToTrade(Forbidden):
    """No pair is open, or the client has terms on none."""

    code = "nothing_to_trade"
    text = gettext_lazy("No pair is open to you at present. Please contact the desk.")


class UnknownPlace(Invalid):
    """The words after "to" name no usable address of the client."""

    code = "unknown_place"
    text = gettext_lazy("I know no approved address “{words}” of yours. You have: {known}. /addresses shows them.")


@dataclass(frozen=True, slots=True)
class Offered:
    """What this client can choose from now."""

    pairs: Sequence[tuple[Pair, TradingTerms]]
    places: Sequence[PayoutAddress]

    def chosen(self, answers: Answers) -> tuple[Pair, TradingTerms] | None:
        """The pair that was chosen, with the client's terms on it."""
        return next(((pair, terms) for pair, terms in self.pairs if pair.code == answers.get(PAIR)), None)

    def place(self, answers: Answers) -> PayoutAddress | None:
        """The address that was chosen; nothing for the balance."""
        return next((place for place in self.places if place.ref == answers.get(PLACE)), None)

    def choices(self, question: str, answers: Answers) -> list[str]:
        """What can be answered by a button; nothing where something is to be typed."""
        chosen = self.chosen(answers)
        if question == SIDE:
            return [Side.BUY, Side.SELL]
        if question == PAIR:
            return [pair.code for pair, _terms in self.pairs]
        if question == UNIT and chosen:
            return [chosen[0].quote_asset_id, USDT.code]
        if question == PLACE:
            places = [] if answers.get(SIDE) == Side.SELL else [place.ref for place in self.places]
            return [TO_BALANCE, *places]
        return []


# --- the steps ------------------------------------------------------------------------------


def begin(update: BotUpdate, actor: User) -> Reply:
    """`/rfq` alone: the first question."""
    capabilities.require(actor, "rfq.request")
    offered = offers(actor, now=clock.now())
    if not offered.pairs:
        raise NothingToTrade
    answers = filled({}, offered)
    dialogue = dialogues.begin(
        actor, PURPOSE, key=update.key, now=clock.now(), asks=_typed(answers, offered), data=answers
    )
    return show(dialogue, actor, offered)


def hear(update: BotUpdate, actor: User, dialogue: Dialogue) -> Reply:
    """Take the typed amount."""
    offered = offers(actor, now=clock.now())
    if dialogue.heard != update.key:
        amount = read_amount(update.text.strip(), dialogue.data, offered, actor.language)
        _take(dialogue, {AMOUNT: str(amount)}, offered, key=update.key)
    return show(dialogue, actor, offered)


def pick(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Take the answer of a button."""
    dialogue = dialogues.of_button(button, now=clock.now())
    offered = offers(actor, now=clock.now())
    if dialogue.heard != button.token:
        question, _sign, answer = dialogues.meaning_of(button).partition("=")
        if answer not in offered.choices(question, dialogue.data):
            raise callbacks.StaleButton
        _take(dialogue, {question: answer}, offered, key=button.token)
    return _in_place(show(dialogue, actor, offered))


def change(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Change: from the first question again."""
    dialogue = dialogues.of_button(button, now=clock.now())
    offered = offers(actor, now=clock.now())
    if dialogue.heard != button.token:
        dialogue.data = {}
        _take(dialogue, {}, offered, key=button.token)
    return _in_place(show(dialogue, actor, offered))


def ask(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on "Ask for a price". Pressed again it is the same request."""
    dialogue = dialogues.of_button(button, now=clock.now())
    answers: Answers = dialogue.data
    made = operations.create_rfq(actor=actor, request=_request(dialogue.ref, answers), now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    return taken(made, cards.Voice(actor, clock.now()), in_place=True)


def stop(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Cancel: nobody was asked."""
    dialogue = dialogues.of_button(button, now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    return Reply(text=_("Closed. Nobody was asked for a price."), in_place=True)


def taken(made: Rfq, voice: cards.Voice, *, in_place: bool = False) -> Reply:
    """Repeat a request as it was understood, and show its card."""
    context = {"ref": voice.ref(made.ref), "side": made.side, "pair": voice.ref(made.pair.code)}
    text = message("telegram/rfq_taken.html", context | {"asked": cards.asked_for(made, voice)})
    return Reply(text=text, card=made.ref, in_place=in_place)


# --- what can be chosen ---------------------------------------------------------------------


def offers(actor: User, *, now: datetime) -> Offered:
    """Read what the actor's client may choose from. Three queries."""
    client = _client_of(actor)
    pairs = [(pair, terms) for pair, terms in parties.pairs(client) if terms is not None]
    return Offered(pairs, list(usable(client, now=now)))


def usable(client: Counterparty, *, now: datetime) -> QuerySet[PayoutAddress]:
    """The client's addresses that USDT may go to now, the oldest first."""
    rows = PayoutAddress.objects.filter(counterparty=client, revoked_at=None, usable_from__lte=now)
    return rows.order_by("pk")


def place_named(words: str, actor: User, *, now: datetime) -> str:
    """
    Find where USDT is to go by what somebody calls it: the balance, an address's label or its ref. One query.

    :raises UnknownPlace: nothing is called so, or more than one.
    """
    if words.casefold() == TO_BALANCE:
        return TO_BALANCE
    places = list(usable(_client_of(actor), now=now))
    found = [one.ref for one in places if words.casefold() in {one.label.casefold(), one.ref.casefold()}]
    if len(found) != 1:
        known = ", ".join([TO_BALANCE, *(one.label or one.ref for one in places)])
        raise UnknownPlace(words=words[:64], known=known)
    return found[0]


def filled(answers: Answers, offered: Offered) -> Answers:
    """The answers with those that can be one only."""
    made = dict(answers)
    for question in QUESTIONS:
        if question in made:
            continue
        choices = offered.choices(question, made)
        if len(choices) != 1:
            break
        made[question] = choices[0]
    return made


def read_amount(written: str, answers: Answers, offered: Offered, language: str) -> Decimal:
    """
    Understand a typed amount, and refuse at once what the desk would refuse later.

    :raises NotANumber: not a number in the person's notation.
    :raises BadAmount: too many decimals.
    :raises BelowMinimum: too small, where USDT are given.
    :raises AboveMaximum: too large, where USDT are given.
    :raises NothingToTrade: the pair is closed by now.
    """
    amount = numbers.parse_decimal(written, language)
    chosen = offered.chosen(answers)
    if chosen is None:
        raise NothingToTrade
    pair, terms = chosen
    is_usdt = answers[UNIT] == USDT.code
    check_amount(amount, USDT if is_usdt else pair.quote_unit)
    if is_usdt:
        check_size(amount, terms)
    return amount


def _take(dialogue: Dialogue, answer: Answers, offered: Offered, *, key: str) -> None:
    answers = filled(dialogue.data | answer, offered)
    dialogues.go_on(dialogue, key=key, data=answers, asks=_typed(answers, offered), now=clock.now())


def _open_question(answers: Answers) -> str:
    return next((question for question in QUESTIONS if question not in answers), "")


def _typed(answers: Answers, offered: Offered) -> str:
    """The question, if it is one that a typed text answers."""
    question = _open_question(answers)
    return question if question and not offered.choices(question, answers) else ""


def _request(dialogue_ref: str, answers: Answers) -> RfqRequest:
    if _open_question(answers):
        raise callbacks.StaleButton
    amount, place = Decimal(answers[AMOUNT]), answers[PLACE]
    return RfqRequest(answers[PAIR], answers[SIDE], amount, answers[UNIT], f"asked:{dialogue_ref}", place)


def _client_of(actor: User) -> Counterparty:
    client = actor.counterparty
    if client is None or client.kind != Counterparty.Kind.CLIENT:
        raise NothingToTrade
    return client


# --- how it looks ---------------------------------------------------------------------------


def show(dialogue: Dialogue, actor: User, offered: Offered) -> Reply:
    """Draw the conversation as it stands: what is known, and the next question or the last look."""
    answers: Answers = dialogue.data
    question = _open_question(answers)
    voice = cards.Voice(actor, clock.now())
    text = message("telegram/asking.html", _context(answers, question, offered, voice))
    choices = offered.choices(question, answers) if question else []
    return Reply(text=text, buttons=(*_rows(dialogue, question, choices, offered, voice), *_ends(dialogue, actor)))


def _in_place(reply: Reply) -> Reply:
    return Reply(text=reply.text, buttons=reply.buttons, in_place=True)


def _context(answers: Answers, question: str, offered: Offered, voice: cards.Voice) -> dict[str, object]:
    chosen, place = offered.chosen(answers), offered.place(answers)
    context: dict[str, object] = {"question": question, "side": answers.get(SIDE, ""), "unit": answers.get(UNIT, "")}
    context["pair"] = voice.ref(answers.get(PAIR, ""))
    if AMOUNT in answers:
        context["amount"] = voice.amount(Decimal(answers[AMOUNT]), answers[UNIT])
    if chosen:
        context["minimum"] = voice.amount(chosen[1].minimum, USDT.code)
        context["maximum"] = voice.amount(chosen[1].maximum, USDT.code)
    if PLACE in answers:
        context["destination"] = cards.place_words(place, answers[SIDE], voice)
        context["on_chain"] = place is not None
    return context


def _rows(
    dialogue: Dialogue, question: str, choices: Sequence[str], offered: Offered, voice: cards.Voice
) -> Iterable[tuple[Button, ...]]:
    meanings = [(dialogue.ref, dialogues.version_of(dialogue, f"{question}={choice}")) for choice in choices]
    tokens = callbacks.tokens_for(voice.user, PICK, meanings)
    buttons = [Button(_words(choice, offered, voice), token) for choice, token in zip(choices, tokens, strict=True)]
    wide = 1 if question == PLACE else IN_A_ROW
    return [tuple(buttons[at : at + wide]) for at in range(0, len(buttons), wide)]


def _words(choice: str, offered: Offered, voice: cards.Voice) -> str:
    place = offered.place({PLACE: choice})
    if place is not None:
        return cards.place_words(place, Side.BUY, voice)
    known = {Side.BUY: _("Buy USDT"), Side.SELL: _("Sell USDT"), TO_BALANCE: _("My balance at the desk")}
    return known.get(choice, choice)


def _ends(dialogue: Dialogue, actor: User) -> Iterable[tuple[Button, ...]]:
    """The buttons that end it: the last look has all three."""
    version = dialogues.version_of(dialogue, "")
    cancel = Button(_("Cancel"), callbacks.token_for(actor, STOP, dialogue.ref, version))
    if _open_question(dialogue.data):
        return [(cancel,)]
    ask_ = Button(_("Ask for a price"), callbacks.token_for(actor, ASK, dialogue.ref, version))
    again = Button(_("Change"), callbacks.token_for(actor, CHANGE, dialogue.ref, version))
    return [(ask_,), (again, cancel)]


BUTTONS: dict[str, Pressed] = {PICK: pick, ASK: ask, CHANGE: change, STOP: stop}
