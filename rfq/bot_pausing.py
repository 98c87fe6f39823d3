"""
Telegram: one person of the desk stops the desk, a pair or an LP: what, why, a last look.

Nothing is resumed here: two people do that in the console.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rfq import bot_standing, operations
from rfq.bot_shared import Pressed
from rfq.models import LpTerms, MarketState, Pair
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import Forbidden
from users import callbacks, capabilities, dialogues, policies
from users.models import CallbackToken, Counterparty, Dialogue, User
from users.queries.scopes import within

PURPOSE = "pause"
PICK, CONFIRM, STOP = "pausing.pick", "pausing.confirm", "pausing.stop"
DESK, PAIR, LP = "desk", "pair", "lp"
REASON = "reason"
PAUSES = ("market.pause", "lp.pause")


class ClientsFreeze(Forbidden):
    """A client's trader stops its own trading otherwise."""

    code = "clients_freeze"
    text = gettext_lazy("This is for the desk and for LPs. To stop your own trading: /freeze.")


def pause(update: BotUpdate, actor: User) -> Reply:
    """`/pause`: of the desk, what to stop; of an LP, its own quoting."""
    party = actor.counterparty
    if party is not None and party.kind == Counterparty.Kind.LP:
        return bot_standing.pause(update, actor)
    if party is not None:
        raise ClientsFreeze
    if not any(capabilities.holds(actor, one) for one in PAUSES):
        capabilities.require(actor, PAUSES[0])
    dialogue = dialogues.begin(actor, PURPOSE, key=update.key, now=clock.now())
    return _show(dialogue, actor)


def pick(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Take down what is to be stopped."""
    dialogue = dialogues.of_button(button, now=clock.now())
    if dialogue.heard != button.token:
        what = dialogues.meaning_of(button)
        if what not in dict(_stoppable(actor)):
            raise callbacks.StaleButton
        dialogues.go_on(dialogue, key=button.token, data={"what": what}, asks=REASON, now=clock.now())
    return _in_place(_show(dialogue, actor))


def hear(update: BotUpdate, actor: User, dialogue: Dialogue) -> Reply:
    """
    Take the reason.

    :raises MeaninglessReason: it says too little; the question stays open.
    """
    if dialogue.heard != update.key:
        data = dialogue.data | {REASON: policies.require_meaningful(update.text)}
        dialogues.go_on(dialogue, key=update.key, data=data, asks="", now=clock.now())
    return _show(dialogue, actor)


def confirm(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on Pause: pressed again it has happened already."""
    dialogue = dialogues.of_button(button, now=clock.now())
    what, reason = dialogue.data["what"], dialogue.data[REASON]
    if dialogue.ended_at is None:
        _stop(what, reason, actor)
        dialogues.end(dialogue, key=button.token, now=clock.now())
    text = message("telegram/pausing_done.html", {"what": _words(what), "kind": what.partition(":")[0]})
    return Reply(text=text, in_place=True, toast=_("Paused"))


def stop(_update: BotUpdate, _actor: User, button: CallbackToken) -> Reply:
    """Act on Cancel: nothing was stopped."""
    dialogue = dialogues.of_button(button, now=clock.now())
    dialogues.end(dialogue, key=button.token, now=clock.now())
    return Reply(text=_("Closed. Nothing was stopped."), in_place=True)


def _stop(what: str, reason: str, actor: User) -> None:
    kind, _colon, subject = what.partition(":")
    if kind == DESK:
        operations.pause_desk(actor=actor, reason=reason, now=clock.now())
    elif kind == PAIR:
        operations.pause_pair(code=subject, actor=actor, reason=reason, now=clock.now())
    else:
        operations.pause_lp(lp_ref=subject, actor=actor, reason=reason, now=clock.now())


def _stoppable(actor: User) -> list[tuple[str, str]]:
    """What still runs and the actor may stop, with its name. Three queries."""
    found: list[tuple[str, str]] = []
    if capabilities.holds(actor, "market.pause"):
        if not MarketState.objects.filter(paused_at__isnull=False).exists():
            found.append((DESK, _("The whole desk")))
        pairs = Pair.objects.filter(is_enabled=True).order_by("code")
        found += [(f"{PAIR}:{pair.code}", pair.code) for pair in pairs]
    if capabilities.holds(actor, "lp.pause"):
        paused = LpTerms.objects.filter(paused_at__isnull=False).values("lp")
        lps = Counterparty.objects.filter(within(actor, "pk"), kind=Counterparty.Kind.LP).exclude(pk__in=paused)
        found += [(f"{LP}:{lp.ref}", lp.name) for lp in lps.order_by("name")]
    return found


def _words(what: str) -> str:
    kind, _colon, subject = what.partition(":")
    if kind == DESK:
        return _("The whole desk")
    if kind == LP:
        return Counterparty.objects.values_list("name", flat=True).get(ref=subject)
    return subject


def _show(dialogue: Dialogue, actor: User) -> Reply:
    data = dialogue.data
    if "what" not in data:
        return Reply(text=message("telegram/pausing.html", {"step": "what"}), buttons=_choices(dialogue, actor))
    step = "confirm" if REASON in data else REASON
    kind = data["what"].partition(":")[0]
    context = {"step": step, "what": _words(data["what"]), "kind": kind, "reason": data.get(REASON, "")}
    version = dialogues.version_of(dialogue, "")
    cancel = Button(_("Cancel"), callbacks.token_for(actor, STOP, dialogue.ref, version))
    rows: tuple[tuple[Button, ...], ...] = ((cancel,),)
    if step == "confirm":
        rows = ((Button(_("Pause now"), callbacks.token_for(actor, CONFIRM, dialogue.ref, version)),), (cancel,))
    return Reply(text=message("telegram/pausing.html", context), buttons=rows)


def _choices(dialogue: Dialogue, actor: User) -> tuple[tuple[Button, ...], ...]:
    running = _stoppable(actor)
    meanings = [(dialogue.ref, dialogues.version_of(dialogue, what)) for what, _name in running]
    tokens = callbacks.tokens_for(actor, PICK, meanings)
    rows = [(Button(name, token),) for (_what, name), token in zip(running, tokens, strict=True)]
    cancel = callbacks.token_for(actor, STOP, dialogue.ref, dialogues.version_of(dialogue, ""))
    return (*rows, (Button(_("Cancel"), cancel),))


def _in_place(reply: Reply) -> Reply:
    return Reply(text=reply.text, buttons=reply.buttons, in_place=True)


BUTTONS: dict[str, Pressed] = {
    PICK: pick,
    CONFIRM: confirm,
    STOP: stop,
    **bot_standing.BUTTONS,
}
