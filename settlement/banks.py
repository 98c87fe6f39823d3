"""What may be a bank account: an IBAN with the right check digits, or a plain number where there is none. Pure."""

import re
import unicodedata
from typing import Protocol

from django.utils.translation import gettext_lazy as _
from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from trading.lib.errors import Invalid
from trading.lib.numbers import DIGITS

IBAN = re.compile(r"[A-Z]{2}[0-9]{2}", re.ASCII)
PLAIN = re.compile(r"[0-9A-Z-]{4,34}", re.ASCII)


LONGEST_REFERENCE = 64


class BadIban(Invalid):
    """Its check digits (ISO 7064, mod 97) or its country's form say that it was mistyped."""

    code = "bad_iban"
    text = _("{number} is no valid IBAN. Compare every letter and digit.")


class BadAccountNumber(Invalid):
    """Neither an IBAN nor an account number."""

    code = "bad_account_number"
    text = _("{number} is no account number: letters, digits and hyphens only, 4 to 34 of them.")


class BadBic(Invalid):
    """The bank's code has another form."""

    code = "bad_bic"
    text = _("{number} is no BIC: it has 8 or 11 letters and digits.")


def require_number(number: str, *, is_iban: bool) -> str:
    """
    The number as banks write it to each other, without blanks.

    :raises BadIban: it was mistyped.
    :raises BadAccountNumber: it has another form.
    """
    plain = "".join(number.split()).upper()
    if is_iban:
        try:
            return str(iban.validate(plain))
        except ValidationError as error:
            raise BadIban(number=number.strip()) from error
    if not PLAIN.fullmatch(plain):
        raise BadAccountNumber(number=number.strip())
    return plain


def looks_like_iban(number: str) -> bool:
    """Whether it begins as an IBAN does, with a country and two check digits; what does must be a right one."""
    return bool(IBAN.match("".join(number.split()).upper()))


def is_bic(number: str) -> bool:
    """Whether it has the form of a bank's code."""
    return bool(bic.is_valid("".join(number.split()).upper()))


def require_bic(number: str) -> str:
    """
    The bank's code, or nothing.

    :raises BadBic: it has another form.
    """
    plain = "".join(number.split()).upper()
    if not plain:
        return ""
    try:
        return str(bic.validate(plain))
    except ValidationError as error:
        raise BadBic(number=number.strip()) from error


def reference(given: str) -> str:
    """
    A bank's reference as it is kept and compared, however it was typed: capitals, Latin digits, single blanks.

    Letters of another width are the usual ones (NFKC), marks nobody sees are none. Nothing is left of nothing. The
    database compares likewise (`settlement_reference_key`).
    """
    seen = "".join(one for one in unicodedata.normalize("NFKC", given) if unicodedata.category(one) != "Cf")
    return " ".join(seen.translate(DIGITS).upper().split())


class Account(Protocol):
    """What has a bank account's number."""

    @property
    def number(self) -> str: ...  # noqa: D102
    @property
    def is_iban(self) -> bool: ...  # noqa: D102


def number_of(account: Account) -> str:
    """An account's number for people to compare."""
    return written(account.number, is_iban=account.is_iban)


def written(number: str, *, is_iban: bool) -> str:
    """An account's number for people to compare: an IBAN in groups of four, any other as its bank writes it."""
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4)) if is_iban else number
