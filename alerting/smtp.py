"""The way out to the mail server: one letter, one outcome. Only `alerting.mail_jobs` uses it."""

import logging
import smtplib
from unicodedata import category

from django.core.mail import EmailMultiAlternatives, mailers
from django.core.mail.backends.base import BaseEmailBackend

from alerting.outcomes import Later, Outcome, Refused, Sent, Unreachable

log = logging.getLogger(__name__)
PERMANENT = 500


def send(letter: EmailMultiAlternatives) -> Outcome:
    """
    Hand a letter to the server. Once the server has said that it took it, nothing that goes wrong after counts.

    What breaks off before that may have been taken or not: it is sent again, under the same Message-ID.
    """
    mailer = mailers["default"]
    try:
        mailer.open()
        mailer.send_messages([letter])
    except OSError as error:  # smtplib's, too
        return outcome_of(error)
    finally:
        _hang_up(mailer)
    return Sent()


def _hang_up(mailer: BaseEmailBackend) -> None:
    try:
        mailer.close()
    except OSError as error:
        log.info("the mail server did not take its leave: %s", type(error).__name__)


def outcome_of(error: OSError) -> Outcome:
    """Judge a failure: worth another try (4xx, no connection), pointless, or the address takes no mail (RFC 5321)."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, words = next(iter(error.recipients.values()))
            return Unreachable(_said(code, words)) if code >= PERMANENT else Later(_said(code, words))
        case smtplib.SMTPAuthenticationError():
            return Later(f"the mail server does not know the desk ({error.smtp_code}): check EMAIL_URL")
        case smtplib.SMTPSenderRefused() | smtplib.SMTPDataError():
            said = _said(error.smtp_code, error.smtp_error)
            return Refused(said) if error.smtp_code >= PERMANENT else Later(said)
        case smtplib.SMTPResponseException():
            return Later(_said(error.smtp_code, error.smtp_error))
        case smtplib.SMTPNotSupportedError():
            return Later("the mail server does not do what EMAIL_URL asks for (TLS, or a sign-in)")
        case _:
            return Later(f"the mail server does not answer ({type(error).__name__})")


def _said(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    plain = "".join(" " if category(one) == "Cc" else one for one in text)
    return f"{code} {' '.join(plain.split())}"
