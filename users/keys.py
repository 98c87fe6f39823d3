"""
What an API key looks like: ``desk_live_<id>_<secret><checksum>``.

The id finds the row, the secret is kept as a keyed hash only, and the checksum tells a mistyped key from an unknown
one without asking the database.
"""

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from users.errors import NotAuthenticated

ALPHABET = string.digits + string.ascii_letters
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 12, 32, 6  # the secret has 190 bits
SHAPE = re.compile(
    rf"desk_(?:live|test)_(?P<id>[0-9A-Za-z]{{{ID_LENGTH}}})_(?P<secret>[0-9A-Za-z]{{{SECRET_LENGTH}}})"
    rf"(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)
PREFIX = "desk_"


class MistypedKey(NotAuthenticated):
    """The text is no key that any desk ever made: HTTP 401."""

    code = "mistyped_key"
    text = _("This is not a whole API key. Copy it again, from desk_ to its last character.")


@dataclass(frozen=True, slots=True)
class Key:
    """A key in clear: its public id and its secret. Never stored, never logged."""

    identifier: str
    secret: str = field(repr=False)

    @property
    def hash(self) -> bytes:
        """HMAC-SHA-256 of id and secret under the pepper: what is stored."""
        return hmac.digest(settings.API_KEY_PEPPER.encode(), f"{self.identifier}:{self.secret}".encode(), "sha256")

    @property
    def text(self) -> str:
        """The key as its holder keeps it."""
        body = f"desk_{'test' if settings.IS_SANDBOX else 'live'}_{self.identifier}_{self.secret}"
        return body + _checksum(body)


def new() -> Key:
    """A key nobody has yet."""
    identifier, secret = (
        "".join(secrets.choice(ALPHABET) for _ in range(length)) for length in (ID_LENGTH, SECRET_LENGTH)
    )
    return Key(identifier, secret)


def parse(text: str) -> Key:
    """
    The key that somebody presents.

    :raises MistypedKey: it is no key, or lost a character on its way.
    """
    found = SHAPE.fullmatch(text)
    if found is None or found["checksum"] != _checksum(text[:-CHECKSUM_LENGTH]):
        raise MistypedKey
    return Key(found["id"], found["secret"])


def _checksum(body: str) -> str:
    """CRC-32 in base 62."""
    number, digits = zlib.crc32(body.encode()), ""
    for _place in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
