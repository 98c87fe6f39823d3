"""
Recovery codes: sixteen letters and digits in groups of four, 80 random bits, each of use once.

Random enough for a fast keyed hash: a guess costs one look-up, and a copied table opens nothing without the pepper.
"""

import hmac
import secrets

from django.conf import settings

from trading.lib.ids import ALPHABET

GROUPS, GROUP_LENGTH = 4, 4
PREFIX = "hmac$"


def new() -> str:
    """A code nobody has yet."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def hashed(code: str) -> str:
    """HMAC-SHA-256 under the pepper; dashes, blanks and case do not count."""
    letters = "".join(character for character in code.upper() if character.isalnum())
    digest = hmac.digest(settings.API_KEY_PEPPER.encode(), f"recovery:{letters}".encode(), "sha256")
    return PREFIX + digest.hex()
