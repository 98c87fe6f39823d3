"""How papers write: numbers, times and what moved, in the active language."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from rfq.models.trading import Side
from settlement.shown import OPEN
from trading.lib import numbers
from trading.lib.looks import look_of

# What a booking is, by the kind of its journal; others are bookings.
KINDS: dict[str, str | Promise] = {
    "accrual": _("Trade"),
    "delivery": _("Delivery of a trade"),
    "deposit": _("Deposit"),
    "deposit_return": _("Deposit returned"),
    "deposit_undone": _("Deposit undone by its chain"),
    "withdrawal": _("Withdrawal"),
    "withdrawal_sent": _("Withdrawal"),
    "withdrawal_return": _("Withdrawal returned"),
    "lp_payment": _("Paid by the desk"),
    "lp_receipt": _("Paid to the desk"),
    "lp_payment_return": _("Payment returned"),
    "cancel": _("Trade cancelled"),
    "reversal": _("Trade reversed"),
    "adjust": _("Correction"),
}
BOOKING = _("Booking")
BOOKED_BACK = _("Payment booked back")  # a withdrawal or LP payment that its chain undid


def language() -> str:
    """The language papers are written in now."""
    return get_language() or "en"


def number(amount: Decimal, places: int) -> str:
    """An amount with so many decimals."""
    return numbers.format_decimal(amount, places, language())


def price(amount: Decimal, places: int) -> str:
    """A price with its pair's decimals, and more only where it has more."""
    return numbers.format_price(amount, places, language())


def moment(at: datetime, time_zone: str) -> str:
    """An instant on that clock, to the minute: ``2026-10-01 14:03``."""
    return _from_left(f"{at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M}")


def span(first: datetime, last: datetime, time_zone: str) -> str:
    """From the day of an instant to that of another, on that clock: ``2026-10-01 – 2026-10-31``."""
    zone = ZoneInfo(time_zone)
    return _from_left(f"{first.astimezone(zone):%Y-%m-%d} – {last.astimezone(zone):%Y-%m-%d}")


def _from_left(written: str) -> str:
    """In the language's digits; dates read from the left, also between words that do not."""
    digits = {ord(str(digit)): number(Decimal(digit), 0) for digit in range(10)}
    native = written.translate(digits)
    return f"\u202d{native}\u202c" if language() in numbers.RIGHT_TO_LEFT else native


def kind(name: str, ref: str) -> str:
    """What a booking of this kind is, about what has this ref."""
    if name == "reversal" and ref.startswith(("WDR-", "LPP-")):
        return str(BOOKED_BACK)
    return str(KINDS.get(name, BOOKING))


def state(name: str) -> str:
    """Where a delivery stands."""
    return gettext("Not settled yet") if name == OPEN else str(look_of("settlement", name).words)


def side(name: str) -> str:
    """What the party did."""
    return gettext("Bought") if name == Side.BUY else gettext("Sold")


def exact(written: str) -> str:
    """A number as it was written, with all its decimals."""
    amount = Decimal(written)
    return number(amount, max(0, -int(amount.as_tuple().exponent)))
