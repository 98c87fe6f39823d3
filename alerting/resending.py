"""Sending again, by hand, what was given up."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from alerting import notices, operations
from alerting.models import Channel, MailAddress, OutboundMessage
from trading.lib.errors import Conflict
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import TelegramLink, User

CAPABILITY = "notification.resend"


class NotGivenUp(Conflict):
    """Only what was given up can be sent again."""

    code = "not_given_up"
    text = _("{ref} was not given up: it is {status}. Nothing was done.")


class ReaderGone(Conflict):
    """The chat or address is not its reader's any more."""

    code = "reader_gone"
    text = _("{ref} went to where its reader is not reached any more. Tell them another way.")


@operation
def resend(*, ref: str, actor: User, now: datetime) -> OutboundMessage:
    """
    Have a message that was given up sent again, with all its attempts before it.

    :raises MissingCapability: the actor may not.
    :raises NotFound: there is none, or not for this actor.
    :raises NotGivenUp: it waits, or arrived, or meant nothing any more; also when somebody just did the same.
    :raises ReaderGone: its reader is not active, has another account or address now, or is nobody known.
    """
    capabilities.require(actor, CAPABILITY)
    found = notices.one(ref, reader=actor)
    message = OutboundMessage.objects.select_related("user").select_for_update(of=("self",)).get(pk=found.pk)
    if not message.is_dead:
        raise NotGivenUp(ref=message.ref, status=message.get_status_display())
    if not _is_still_theirs(message):
        raise ReaderGone(ref=message.ref)
    before = {"status": message.status, "error": message.error}
    message.move(OutboundMessage.Status.WAITING, at=now, attempts=0, not_before=None, resent_at=now)
    operations.send_later(message)
    change = audit.Change(before=before, after={"status": message.status}, capability=CAPABILITY)
    audit.record("notification.resent", actor=actor, subject=message, at=now, change=change)
    return message


def _is_still_theirs(message: OutboundMessage) -> bool:
    if message.user is None or message.user.status != User.Status.ACTIVE:
        return False
    if message.channel == Channel.MAIL:
        proved = MailAddress.objects.filter(user=message.user, address=message.address)
        return proved.exclude(confirmed_at=None).exists()
    return TelegramLink.objects.filter(user=message.user, telegram_id=message.chat_id, ended_at=None).exists()
