"""
Mail as it is written: plain words and simple HTML out of what Telegram would show, and headers nobody can add to.

The words come from the row, made when its event was routed; only the code that proves an address is put in here, at
delivery, so that no row holds it.
"""

import hashlib
import hmac
import html
from email.policy import SMTP
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.crypto import salted_hmac
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from alerting.models import MailAddress, OutboundMessage
from alerting.outcomes import TooLate
from trading.lib import direction
from trading.lib.numbers import RIGHT_TO_LEFT

KEPT_TAGS = {"b", "i", "u", "s", "code", "pre", "blockquote"}  # what Telegram's HTML and a mail's have in common
LINKS = ("https://", "http://")
PROOF = "proof"  # the kind of letter that brings an address its code
CODE_DIGITS = 8


def is_on() -> bool:
    """Whether a mail server is configured."""
    return bool(settings.MAILERS)


def code_of(address: MailAddress) -> str:
    """The digits that prove who reads what is sent to this address: another for each time it is asked."""
    digest = salted_hmac("alerting.mail", f"{address.pk}:{address.address}:{address.seed}", algorithm="sha256")
    return str(int.from_bytes(digest.digest()[:8]) % 10**CODE_DIGITS).zfill(CODE_DIGITS)


def is_code(address: MailAddress, typed: str) -> bool:
    """Whether somebody typed the digits, in constant time."""
    return hmac.compare_digest(code_of(address).encode(), typed.encode())


def plain(text: str) -> str:
    """The words of a message in Telegram's HTML."""
    return _Words(text).plain


def write(message: OutboundMessage) -> EmailMultiAlternatives | TooLate:
    """Write the letter of a row, in its reader's language; or say that it would mean nothing any more."""
    user = message.user
    if user is None:
        raise ValueError(f"{message.ref} has no reader: a letter is always somebody's.")
    with translation.override(user.language):
        text = _proof(message) if message.payload.get("kind") == PROOF else message.payload["text"]
        if isinstance(text, TooLate):
            return text
        words = _Words(text)
        context = {
            "text": words.plain,
            "html": mark_safe(words.html),  # noqa: S308 - made here of allowed tags and escaped words
            "language": user.language,
            "direction": "rtl" if user.language in RIGHT_TO_LEFT else "ltr",
            "url": settings.DESK_URL + reverse("alerting:preferences"),
            "about_url": _about_url(message) if user.is_staff else "",
            "is_staff": user.is_staff,
        }
        letter = EmailMultiAlternatives(
            subject=" ".join(message.payload["subject"].split()),
            body=direction.lead(render_to_string("mail/letter.txt", context), user.language),
            from_email=settings.EMAIL_FROM,
            to=[message.address],
            headers=_headers(message),
        )
        letter.attach_alternative(render_to_string("mail/letter.html", context), "text/html")
    letter.message(policy=SMTP)  # refuses here, before any server is asked, what could not be a header
    return letter


def _about_url(message: OutboundMessage) -> str:
    """Where the console shows what it is about; "" where it is about no event."""
    if message.event is None:
        return ""
    return f"{settings.DESK_URL}{reverse('search')}?{urlencode({'q': message.event.subject_ref})}"


def _headers(message: OutboundMessage) -> dict[str, str]:
    """
    Say that a program wrote it, from which list, and under a name that is the same however often it is sent.

    A worker that dies between sending and recording sends again: a reader's mailbox knows both as one by this name.
    """
    host = urlsplit(settings.DESK_URL).hostname or "localhost"
    name = hashlib.sha256(f"{message.key}:{message.address}".encode()).hexdigest()[:32]
    return {
        "Message-ID": f"<{name}@{host}>",
        "List-Id": f"USDT desk <notifications.{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }


def _proof(message: OutboundMessage) -> str | TooLate:
    found = MailAddress.objects.filter(user=message.user_id, address=message.address, confirmed_at=None).first()
    if found is None or found.seed != message.payload["seed"]:
        return TooLate("another address was given meanwhile, or it is proved")
    asked = _("Somebody who is signed in as %(username)s wants to be mailed at this address.")
    what = _("If it was you, enter this code on your page “What I am told”; else do nothing.")
    return f"{asked % {'username': html.escape(found.user.username)}}\n{what}\n<b>{code_of(found)}</b>"


class _Words(HTMLParser):
    """Telegram's HTML as plain words, and as HTML of allowed tags alone."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._plain: list[str] = []
        self._html: list[str] = []
        self._link = ""
        self.feed(text)
        self.close()

    @property
    def plain(self) -> str:
        """Without any tag; the address of a link stands behind its words."""
        return "".join(self._plain)

    @property
    def html(self) -> str:
        """With line breaks for line ends."""
        return "".join(self._html).replace("\n", "<br>\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is allowed."""
        target = dict(attrs).get("href") or ""
        if tag == "a" and target.startswith(LINKS):
            self._link = target
            self._html.append(f'<a href="{html.escape(target)}">')
        elif tag in KEPT_TAGS:
            self._html.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        """End what was kept."""
        if tag == "a" and self._link:
            self._plain.append(f" ({self._link})")
            self._html.append("</a>")
            self._link = ""
        elif tag in KEPT_TAGS:
            self._html.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Words are words."""
        self._plain.append(data)
        self._html.append(html.escape(data, quote=False))
