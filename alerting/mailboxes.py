"""Where people are mailed: writes of their own addresses, each used only once its owner proved that it is theirs."""

import re
import secrets
from datetime import datetime, timedelta

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from alerting import letters, operations
from alerting.models import MailAddress, OutboundMessage
from alerting.models.mail import MOST_WRONG, PLAIN_ADDRESS
from trading.lib.errors import Conflict, Invalid, Unavailable
from trading.lib.numbers import DIGITS
from trading.lib.operations import operation
from users import audit
from users.models import User

LONGEST = 254
ASKED_AGAIN_AFTER = timedelta(minutes=1)
CODE_LIVES = timedelta(hours=1)


class MailIsOff(Unavailable):
    """No mail server is configured."""

    code = "mail_off"
    text = _("The desk sends no mail: no mail server is configured.")


class NotAnAddress(Invalid):
    """What was written is no address that mail could go to."""

    code = "not_an_address"
    text = _("This is no e-mail address. Write it like name@example.com.")


class AskedTooSoon(Conflict):
    """A code was mailed less than a minute ago."""

    code = "asked_too_soon"
    text = _("A code was mailed a moment ago. Wait a minute before you ask for another.")


class NoAddressToProve(Conflict):
    """No address waits to be proved, or its code is too old, or was guessed at too often."""

    code = "no_address_to_prove"
    text = _("This code is not good any more. Have another one mailed.")


class WrongProof(Invalid):
    """Not the digits that were mailed."""

    code = "wrong_proof"
    text = _("This is not the code that was mailed last.")


@operation
def ask_address(*, actor: User, address: str, now: datetime) -> MailAddress:
    """
    Mail a code to this address, which takes the place of any earlier one. Nothing else is mailed until it is proved.

    :raises MailIsOff: no mail server is configured.
    :raises NotAnAddress: it could be none.
    :raises AskedTooSoon: a code was mailed less than a minute ago.
    """
    if not letters.is_on():
        raise MailIsOff
    wanted = address.strip()
    if len(wanted) > LONGEST or not re.fullmatch(PLAIN_ADDRESS, wanted):
        raise NotAnAddress
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    before = MailAddress.objects.filter(user=actor).first()
    if before and now - before.asked_at < ASKED_AGAIN_AFTER:
        raise AskedTooSoon
    values = {"address": wanted, "seed": secrets.token_urlsafe(32), "wrong_codes": 0, "asked_at": now}
    asked, _made = MailAddress.objects.update_or_create(
        user=actor, defaults={**values, "confirmed_at": None, "refused_at": None}
    )
    left = before.address if before and before.confirmed_at and before.address != wanted else ""
    change = audit.Change(before={"address": left} if left else None, after={"address": wanted})
    audit.record("mail.changed" if left else "mail.asked", actor=actor, subject=actor, at=now, change=change)
    operations.queue([_proof(asked, actor)], now)
    return asked


@operation
def prove_address(*, actor: User, code: str, now: datetime) -> MailAddress | WrongProof:
    """
    Enter the mailed digits; from now on the actor is mailed. A wrong guess is counted, and given back.

    :raises NoAddressToProve: none waits, or its code is too old, or was guessed at too often.
    """
    waits = MailAddress.objects.select_for_update().filter(user=actor, confirmed_at=None).first()
    if waits is None or waits.wrong_codes >= MOST_WRONG or now - waits.asked_at > CODE_LIVES:
        raise NoAddressToProve
    if not letters.is_code(waits, "".join(code.split()).translate(DIGITS)):
        MailAddress.objects.filter(pk=waits.pk).update(wrong_codes=waits.wrong_codes + 1)
        return WrongProof()
    waits.confirmed_at = now
    waits.save(update_fields=["confirmed_at"])
    change = audit.Change(after={"address": waits.address})
    audit.record("mail.proved", actor=actor, subject=actor, at=now, change=change)
    return waits


@operation
def leave_address(*, actor: User, now: datetime) -> None:
    """Be mailed no more. Who is not, stays so."""
    found = MailAddress.objects.select_for_update().filter(user=actor).first()
    if found is None:
        return
    MailAddress.objects.filter(pk=found.pk).delete()
    left = found.address if found.confirmed_at else ""
    change = audit.Change(before={"address": left} if left else None, after={"address": ""})
    audit.record("mail.changed" if left else "mail.left", actor=actor, subject=actor, at=now, change=change)


def address_of(user: User) -> MailAddress | None:
    """Where somebody is mailed, or asked to be. One query."""
    return MailAddress.objects.filter(user=user).first()


def _proof(asked: MailAddress, user: User) -> OutboundMessage:
    """The mail with the code; its row names the seed alone, and the code is made when it is written."""
    with override(user.language):
        subject = f"[{gettext('USDT desk')}] {gettext('Prove that this address is yours')}"
    return OutboundMessage(
        key=f"mail:proof:{user.ref}:{asked.seed}",
        chat_id=0,
        address=asked.address,
        user=user,
        method=OutboundMessage.Method.MAIL,
        payload={"kind": letters.PROOF, "seed": asked.seed, "subject": subject},
    )
