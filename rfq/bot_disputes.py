"""Telegram: a party disputes a trade, adds to its dispute, withdraws it. The same operations as everywhere."""

from django.utils.translation import gettext as _

from rfq import cards, operations
from rfq.models import Dispute
from rfq.operations import Complaint, Remark
from rfq.queries import disputes as queries
from trading.lib import clock
from trading.lib.chat import BotUpdate, Reply, message
from trading.lib.errors import NotFound
from trading.lib.looks import look_of
from users import capabilities
from users.models import User

OWN = "dispute.own"
LISTED = 10
WITHDRAW = "withdraw"


def dispute(update: BotUpdate, actor: User) -> Reply:
    """`/dispute FIL-… price what is wrong`; `/dispute DSP-… more words` or `withdraw`; alone: one's own, and how."""
    _command, *rest = update.text.split(maxsplit=2)
    if not rest:
        return _own(actor)
    ref, words = rest[0].upper(), rest[1].strip() if len(rest) > 1 else ""
    if not ref.startswith("DSP-"):
        return _open(update, actor, ref, words)
    if words.lower() == WITHDRAW:
        gone = operations.withdraw_dispute(dispute_ref=ref, actor=actor, now=clock.now())
        return Reply(text=_("%(ref)s is withdrawn.") % {"ref": gone.ref})
    operations.add_note(dispute_ref=ref, remark=Remark(words, update.key), actor=actor, now=clock.now())
    return Reply(text=_("The desk reads it: added to %(ref)s.") % {"ref": ref})


def _open(update: BotUpdate, actor: User, ref: str, words: str) -> Reply:
    """The first word may say what is wrong; without it the rest has to."""
    kind, _space, text = words.partition(" ")
    if kind.lower() not in Dispute.Kind.values:
        kind, text = Dispute.Kind.OTHER, words
    complaint = Complaint(ref, kind.lower(), text, update.key)
    made = operations.open_dispute(complaint=complaint, actor=actor, now=clock.now())
    return Reply(text=message("telegram/dispute_taken_down.html", {"ref": made.ref}))


def _own(actor: User) -> Reply:
    capabilities.require(actor, OWN)
    if actor.counterparty is None:
        raise NotFound
    voice = cards.Voice(actor, clock.now())
    latest = queries.of_party(actor.counterparty).order_by("-pk")[:LISTED]
    lines = [_line(row, voice) for row in latest]
    return Reply(text=message("telegram/dispute_usage.html", {"lines": lines}))


def _line(row: Dispute, voice: cards.Voice) -> str:
    words = row.get_outcome_display() if row.outcome else look_of("dispute", row.status).words
    return f"{voice.ref(row.ref)} · {voice.ref(row.fill.rfq.ref)} · {row.get_kind_display()} · {words}"
