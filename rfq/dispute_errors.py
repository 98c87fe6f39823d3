"""Why a dispute is refused. Every code has a sentence that says what to do."""

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden, Invalid, NotFound


class NoSuchFill(NotFound):
    """No trade of that ref, or not one of the actor's."""

    code = "no_such_fill"
    text = _("There is no trade {ref}, or it is not yours.")


class NotOfTheTrade(Invalid):
    """The named counterparty is neither the trade's client nor its LP."""

    code = "not_of_the_trade"
    text = _("Choose who disputes the trade: its client or its LP.")


class UnknownKind(Invalid):
    """Not one of the things that can be wrong, or that can come of it."""

    code = "unknown_choice"
    text = _("{value} is none of the choices: {known}.")


class TextTooShort(Invalid):
    """The words have too few characters that are not blank, or too many."""

    code = "text_too_short"
    text = _("Write between {shortest} and {longest} characters (blanks do not count), so that others can follow it.")


class NamesOtherSide(Invalid):
    """What the party is to read names the other side of the trade."""

    code = "names_the_other_side"
    text = _("The party reads this, and it names the other side of the trade: {name}. Write it without the name.")


class AlreadyDisputed(Conflict):
    """The party has a dispute about this trade that is not over."""

    code = "already_disputed"
    text = _("{ref} about the same trade is not over yet. Add a note to it.")


class AlreadyAssigned(Conflict):
    """Somebody handles it already."""

    code = "already_assigned"
    text = _("{ref} is assigned to {who}. It has to be given back first.")


class NotAssigned(Conflict):
    """Nobody handles it yet."""

    code = "not_assigned"
    text = _("{ref} is assigned to nobody. Take it first.")


class NotTheAssignee(Conflict):
    """Somebody else handles it."""

    code = "not_the_assignee"
    text = _("{ref} is assigned to {who}, who resolves it. Nothing was done.")


class DisputeOver(Conflict):
    """It is resolved or withdrawn."""

    code = "dispute_over"
    text = _("{ref} is over: {status}. Nothing was done.")


class NotAHandler(Invalid):
    """The person could not handle this dispute."""

    code = "not_a_handler"
    text = _(
        "{username} cannot handle this dispute. Choose somebody of operations who serves the client and took no"
        " part in the trade."
    )


class TookPart(Forbidden):
    """The actor asked, quoted, accepted or entered the trade."""

    code = "took_part"
    text = _("You took part in this trade. Somebody else has to resolve the dispute.")


class InternalNote(Forbidden):
    """A party cannot write what it may not read."""

    code = "internal_note"
    text = _("Internal notes are for the desk's own people.")


class AttachmentTooBig(Invalid):
    """The file has more bytes than are kept."""

    code = "attachment_too_big"
    text = _("The file is too big: at most 10 MB. Nothing was added.")


class AttachmentOfWrongKind(Invalid):
    """Its content is none of the kinds that are kept, whatever its name says."""

    code = "attachment_of_wrong_kind"
    text = _("Send a PDF, a PNG or JPEG picture, plain text or CSV: this file is none of them. Nothing was added.")


class TooManyAttachments(Conflict):
    """The dispute has as many files as one may have."""

    code = "too_many_attachments"
    text = _("This dispute has 10 files, which is the most. Nothing was added.")


class AttachmentLost(Invalid):
    """Telegram does not give the file."""

    code = "attachment_lost"
    text = _("Telegram did not give us the file. Send it again.")
