"""Telegram: a party disputes a trade, adds to its dispute, withdraws it. The same operations as everywhere."""

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from rfq import cards, operations
from rfq.bot_shared import Pressed
from rfq.models import Dispute, DisputeAttachment
from rfq.operations import Complaint, Remark
from rfq.papers import dispute_files
from rfq.queries import disputes as queries
from trading.lib import clock
from trading.lib.chat import BotUpdate, Button, Reply, message
from trading.lib.errors import NotFound
from trading.lib.looks import look_of
from users import callbacks, capabilities
from users.models import CallbackToken, User

OWN = "dispute.own"
LISTED = 10
WITHDRAW = "withdraw"
SHOW, FILE = "dispute.show", "dispute.file"
IN_A_ROW, LONGEST_LABEL = 2, 40


def dispute(update: BotUpdate, actor: User) -> Reply:
    """`/dispute FIL-… price …`; `/dispute DSP-…`, maybe with words, a file, `withdraw`; alone: one's own, and how."""
    _command, *rest = update.text.split(maxsplit=2)
    if not rest:
        return _own(actor)
    ref, words = rest[0].upper(), rest[1].strip() if len(rest) > 1 else ""
    if not ref.startswith("DSP-"):
        return _open(update, actor, ref, words)
    if words.lower() == WITHDRAW:
        gone = operations.withdraw_dispute(dispute_ref=ref, actor=actor, now=clock.now())
        return Reply(text=_("%(ref)s is withdrawn.") % {"ref": gone.ref})
    if update.attachment is not None:
        return _attach(update, actor, ref, words)
    if not words:
        return _card(ref, actor)
    operations.add_note(dispute_ref=ref, remark=Remark(words, update.key), actor=actor, now=clock.now())
    return Reply(text=_("The desk reads it: added to %(ref)s.") % {"ref": ref})


def _attach(update: BotUpdate, actor: User, ref: str, words: str) -> Reply:
    """A file for a dispute; what the caption says besides becomes a note."""
    if update.attachment is None:
        raise NotFound
    now, key = clock.now(), update.key
    operations.announce_attachment(dispute_ref=ref, file=update.attachment, key=key, actor=actor, now=now)
    if words:
        operations.add_note(dispute_ref=ref, remark=Remark(words, key), actor=actor, now=now)
    return Reply(text=message("telegram/dispute_file.html", {"ref": ref, "name": update.attachment.name}))


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
    latest = list(queries.of_party(actor.counterparty).order_by("-pk")[:LISTED])
    lines = [_line(row, voice) for row in latest]
    tokens = callbacks.tokens_for(actor, SHOW, [(row.ref, "") for row in latest])
    buttons = [Button(row.ref, token) for row, token in zip(latest, tokens, strict=True)]
    rows = tuple(tuple(buttons[at : at + IN_A_ROW]) for at in range(0, len(buttons), IN_A_ROW))
    return Reply(text=message("telegram/dispute_usage.html", {"lines": lines}), buttons=rows)


def press_card(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a dispute's button: all about it."""
    return _card(button.subject, actor)


def press_file(_update: BotUpdate, actor: User, button: CallbackToken) -> Reply:
    """Act on a file's button: the file follows, as it was sent."""
    number = int(button.version)
    kept = operations.read_own_attachment(dispute_ref=button.subject, number=number, actor=actor, now=clock.now())
    return Reply(document=dispute_files.wanted(button.subject, kept.pk), toast=_("The file follows."))


def _card(ref: str, actor: User) -> Reply:
    """A dispute of one's party as it stands, with its files, each at a press. Five queries at most."""
    capabilities.require(actor, OWN)
    if actor.counterparty is None:
        raise NotFound
    voice, dispute = cards.Voice(actor, clock.now()), queries.own(ref, party=actor.counterparty).dispute
    files = queries.files_of(dispute)
    context = {
        "ref": voice.ref(dispute.ref),
        "kind": dispute.get_kind_display(),
        "state": look_of("dispute", dispute.status).words,
        "rfq": voice.ref(dispute.fill.rfq.ref),
        "fill": voice.ref(dispute.fill.ref),
        "opened": voice.clock(dispute.opened_at),
        "text": dispute.text,
        "resolution": dispute.resolution,
        "outcome": dispute.get_outcome_display(),
        "closed": voice.clock(dispute.closed_at) if dispute.closed_at else "",
        "files": [_file(file, voice) for file in files],
        "is_live": dispute.is_live,
    }
    tokens = callbacks.tokens_for(actor, FILE, [(dispute.ref, str(file.pk)) for file in files])
    buttons = tuple((Button(file.name[:LONGEST_LABEL], token),) for file, token in zip(files, tokens, strict=True))
    return Reply(text=message("telegram/dispute_card.html", context), buttons=buttons)


def _file(file: DisputeAttachment, voice: cards.Voice) -> dict[str, str]:
    return {
        "name": voice.ref(file.name),
        "size": voice.ref(filesizeformat(file.size)),
        "at": voice.clock(file.added_at),
        "origin": voice.ref(file.forwarded_from) if file.forwarded_from else "",
    }


def _line(row: Dispute, voice: cards.Voice) -> str:
    words = row.get_outcome_display() if row.outcome else look_of("dispute", row.status).words
    return f"{voice.ref(row.ref)} · {voice.ref(row.fill.rfq.ref)} · {row.get_kind_display()} · {words}"


BUTTONS: dict[str, Pressed] = {SHOW: press_card, FILE: press_file}
