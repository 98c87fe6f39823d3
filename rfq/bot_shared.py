"""Telegram: what the handlers of clients and LPs share: lists, references, opening a card again."""

from collections.abc import Callable, Sequence

from django.db.models import Q
from django.utils.translation import gettext_lazy

from rfq.errors import NoSuchRfq
from rfq.models import Quote, Rfq
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Invalid
from users import callbacks
from users.models import CallbackToken, Counterparty, User

LISTED = 10
SHOW = "rfq.show"
IN_A_ROW = 2

type Pressed = Callable[[BotUpdate, User, CallbackToken], Reply]
type Rows = tuple[tuple[Button, ...], ...]


class NoRefGiven(Invalid):
    """A command needs a reference and got none."""

    code = "no_ref_given"
    text = gettext_lazy("Say which one: /{command} RFQ-…")


def reference(update: BotUpdate, command: str) -> str:
    """
    Read the reference a command is about.

    :raises NoRefGiven: there is none.
    """
    if not update.arguments:
        raise NoRefGiven(command=command)
    return update.arguments[0].upper()


def listed(title: str, lines: Sequence[str], nothing: str, buttons: Rows = ()) -> Reply:
    """Write a list, or that there is nothing in it."""
    text = message("telegram/list.html", {"title": title, "lines": lines, "nothing": nothing})
    return Reply(text=text, buttons=buttons)


def live_quotes(rfqs: Sequence[Rfq], lp: Counterparty | None = None) -> dict[int, list[Quote]]:
    """Group the active quotes (of one LP, if given) by RFQ. One query."""
    grouped: dict[int, list[Quote]] = {row.pk: [] for row in rfqs}
    active = Quote.objects.filter(rfq__in=rfqs, status=Quote.Status.ACTIVE)
    for row in active.filter(lp=lp) if lp else active:
        grouped[row.rfq_id].append(row)
    return grouped


def card_buttons(rfqs: Sequence[Rfq], actor: User) -> Rows:
    """Make a button per RFQ that opens its card. Two queries."""
    tokens = callbacks.tokens_for(actor, SHOW, [(row.ref, "") for row in rfqs])
    buttons = [Button(row.ref, token) for row, token in zip(rfqs, tokens, strict=True)]
    return tuple(tuple(buttons[at : at + IN_A_ROW]) for at in range(0, len(buttons), IN_A_ROW))


def show(ref: str, actor: User) -> Reply:
    """
    Open a card again, at the end of the chat.

    :raises NoSuchRfq: none of the actor's client, and none the actor's LP may quote or was asked on.
    """
    party = actor.counterparty
    mine = Q(counterparty=party)
    if party is not None and party.kind == Counterparty.Kind.LP:
        mine = Q(invitations__lp=party) | Q(status__in=Rfq.LIVE)
    if party is None or not Rfq.objects.filter(mine, ref=ref).exists():
        raise NoSuchRfq(ref=ref)
    return Reply(card=ref, renew=True)


def press_show(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on the button of a card."""
    return show(button.subject, actor)


BUTTONS: dict[str, Pressed] = {SHOW: press_show}
