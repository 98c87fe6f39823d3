"""
Numbers and times as people write and read them.

Reading is strict: what is not certainly a number in the person's own notation is refused, never
guessed. Writing follows the person's language: its digits, separators and reading direction.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime, format_time
from babel.numbers import format_decimal as babel_decimal
from babel.numbers import get_decimal_symbol, get_group_symbol
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid

LONGEST_WHOLE, LONGEST_FRACTION = 15, 10
DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")
RIGHT_TO_LEFT = frozenset({"ar", "fa"})
NATIVE_DIGITS = {"fa": "arabext", "ar": "arab"}
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
SPACES = "\u00a0\u202f "
GROUPED = re.compile(r"[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
STARTS_A_NUMBER = re.compile(r"\d")
NEARLY_A_DAY = timedelta(hours=20)


class NotANumber(Invalid):
    """What was written is not a plain positive number in the person's notation."""

    code = "not_a_number"
    text = _("I cannot read “{written}” as a number. Write it plainly, like {example}.")


def parse_decimal(written: str, language: str) -> Decimal:
    """
    Read a positive number: ``10000``, ``10,000.50`` (en), ``۱۰٬۰۰۰٫۵`` (fa).

    Separators of thousands must stand where they belong. Signs, exponents, words and zero are refused.

    :raises NotANumber: with an example in the person's notation.
    """
    decimal, groups = _separators(language)
    plain = written.translate(DIGITS)
    whole = rf"(?P<whole>\d+|\d{{1,3}}(?:(?P<group>[{re.escape(groups)}])\d{{3}})(?:(?P=group)\d{{3}})*)"
    found = re.fullmatch(rf"{whole}(?:[{re.escape(decimal)}](?P<fraction>\d+))?", plain, re.ASCII)
    if found:
        digits = re.sub(r"\D", "", found["whole"])
        fraction = found["fraction"] or ""
        if len(digits) <= LONGEST_WHOLE and len(fraction) <= LONGEST_FRACTION:
            number = Decimal(f"{digits}.{fraction}")
            if number > 0:
                return number
    raise NotANumber(written=written[:40], example=format_decimal(Decimal("10000.5"), 2, language))


def parse_price(written: str, language: str) -> Decimal:
    """
    Read a price in the person's own notation, or with a point as terminals write it: ``0.9213``.

    Where the point separates thousands in the person's language, what could be either is refused: ``34.500``.

    :raises NotANumber: neither, or both.
    """
    decimal, groups = _separators(language)
    if "." in decimal or "." not in written:
        return parse_decimal(written, language)
    try:
        plain = parse_decimal(written, "en")
    except NotANumber:
        return parse_decimal(written, language)
    if "." in groups and GROUPED.fullmatch(written):
        raise NotANumber(written=written[:40], example=format_decimal(plain, 2, language))
    return plain


def joined(words: Sequence[str]) -> list[str]:
    """
    Put an amount that was written with spaces together again: ``["10", "000", "EUR"]``.

    Whether that is a number in somebody's language, `parse_decimal` decides.
    """
    at = next((at for at, word in enumerate(words) if not STARTS_A_NUMBER.match(word)), len(words))
    return [" ".join(words[:at]), *words[at:]] if at > 1 else list(words)


def format_decimal(amount: Decimal, places: int, language: str) -> str:
    """Write an amount with exactly so many decimals: ``10,000.50``, ``۱۰٬۰۰۰٫۵۰``."""
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return _number(amount, pattern, language)


def format_price(price: Decimal, places: int, language: str) -> str:
    """Write a price with its pair's decimals, and more only where it has more: ``0.9213``."""
    exact = max(places, -int(price.normalize().as_tuple().exponent))
    return format_decimal(price, exact, language)


def format_clock(at: datetime, *, now: datetime, time_zone: str, language: str) -> str:
    """Write an instant as the person's clock shows it, with the date when it is not today's: ``14:03:20 UTC``."""
    local = at.astimezone(ZoneInfo(time_zone))
    zone = local.tzname() or time_zone
    locale = Locale.parse(language)
    if abs(at - now) < NEARLY_A_DAY:
        text = format_time(local, "HH:mm:ss", locale=locale)
    else:
        text = format_datetime(local, "yyyy-MM-dd HH:mm:ss", locale=locale)
    return f"{native(text, language)} {zone}"


def isolate(text: str, language: str) -> str:
    """Keep a left-to-right word (a ref, a code, a price) whole inside right-to-left text."""
    if language in RIGHT_TO_LEFT:
        return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"
    return text


def _number(amount: Decimal, pattern: str, language: str) -> str:
    system = NATIVE_DIGITS.get(language, "latn")
    return native(babel_decimal(amount, pattern, locale=Locale.parse(language), numbering_system=system), language)


def native(text: str, language: str) -> str:
    """Babel writes custom patterns in Latin digits; the person's own are wanted."""
    first = {"fa": "۰", "ar": "٠"}.get(language)
    if first is None:
        return text
    return text.translate({ord("0") + i: chr(ord(first) + i) for i in range(10)})


def _separators(language: str) -> tuple[str, str]:
    """The decimal separator, and those of thousands, that a reader of this language means."""
    locale = Locale.parse(language)
    decimal = get_decimal_symbol(locale, numbering_system="latn")
    group = get_group_symbol(locale, numbering_system="latn")
    if language in RIGHT_TO_LEFT:
        return f"{decimal}٫", f"{group}٬"
    return decimal, SPACES if group in SPACES else group
