"""Refusals around people and their devices."""

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden, Invalid, NotFound


class WrongCode(Invalid):
    """The one-time code is not the present one."""

    code = "wrong_code"
    text = _("This code is not right. Check the clock of your phone and type the code it shows now.")


class ReusedCode(Invalid):
    """The one-time code was accepted before."""

    code = "reused_code"
    text = _("This code was already used. Wait for the next one (up to 30 s).")


class TooManyCodes(Forbidden):
    """Too many wrong codes in a row."""

    code = "too_many_codes"
    text = _("Too many wrong codes. Wait {seconds} s, then try again.")


class NoDevice(NotFound):
    """The user has no confirmed device of this kind."""

    code = "no_device"
    text = _("You have no authenticator app yet. Set one up first.")


class WrongRecoveryCode(Invalid):
    """No unused recovery code matches."""

    code = "wrong_recovery_code"
    text = _("This recovery code is not right, or was used before. Each works once.")


class AlreadyEnrolled(Conflict):
    """The user has a confirmed authenticator app."""

    code = "already_enrolled"
    text = _("You already have an authenticator app. Sign in with its code.")


class NotLinked(Forbidden):
    """Nobody at the desk has this Telegram account."""

    code = "not_linked"
    text = _("This Telegram account is not linked to the desk. Ask your contact at the desk for a link.")


class NotActive(Forbidden):
    """The user is pending, rejected or suspended."""

    code = "not_active"
    text = _("Your access is not active. Please contact the desk.")
