"""What the desk does not take as a password beyond Django's own checks: its own words, however they are combined."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Words somebody who knows the desk would try first. Written down in docs/signing-in.md; a test compares the two.
OWN_WORDS = (
    "usdt", "tether", "desk", "otc", "trading", "trader", "trade", "dealer", "liquidity", "settlement", "settle",
    "wallet", "treasury", "approver", "approval", "admin", "auditor", "operations", "ops", "quote", "rfq", "crypto",
    "tron", "ethereum", "bitcoin", "password", "passwort", "welcome",
)  # fmt: skip
LEFT_AT_LEAST = 8
DISGUISES = str.maketrans("0134578@$!", "oieastbasi")


class OwnWordsValidator:
    """Refuse a password that has little left when the desk's words, and what people put around them, are taken out."""

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002 - Django's signature
        """
        Look at it in small letters, with digits that stand for letters read as those.

        :raises ValidationError: fewer than eight letters are left.
        """
        for spelt in (password.lower(), password.lower().translate(DISGUISES)):
            if not any(word in spelt for word in OWN_WORDS):
                continue
            rest = re.sub("|".join(sorted(OWN_WORDS, key=len, reverse=True)), "", spelt)
            if sum(character.isalpha() for character in rest) < LEFT_AT_LEAST:
                raise ValidationError(self.get_help_text(), code="password_of_own_words")

    def get_help_text(self) -> str:
        """What to do."""
        return _("It must not be made of the desk's own words: add others that have nothing to do with it.")
