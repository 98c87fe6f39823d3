"""Money: a Decimal that knows its unit. Floats are refused; every rounding is named by its caller."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Self

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid

USDT_SCALE = 6


class InexactAmount(Invalid):
    """An amount has more decimals than its unit."""

    code = "inexact_amount"
    text = _("{amount} has more decimals than {unit} allows.")


@dataclass(frozen=True, slots=True)
class Unit:
    """A currency or token: its code and how many decimals it has."""

    code: str
    scale: int

    @property
    def step(self) -> Decimal:
        """The smallest amount of it: 0.01 for a unit with two decimals."""
        return Decimal(1).scaleb(-self.scale)


USDT = Unit("USDT", USDT_SCALE)


def round_half_even(amount: Decimal, step: Decimal) -> Decimal:
    """To the nearest step, ties to the even one."""
    return _to_step(amount, step, ROUND_HALF_EVEN)


def round_up(amount: Decimal, step: Decimal) -> Decimal:
    """Towards plus infinity, to a whole step."""
    return _to_step(amount, step, ROUND_CEILING)


def round_down(amount: Decimal, step: Decimal) -> Decimal:
    """Towards minus infinity, to a whole step."""
    return _to_step(amount, step, ROUND_FLOOR)


def _to_step(amount: Decimal, step: Decimal, rounding: str) -> Decimal:
    return amount.quantize(step, rounding=rounding)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """
    An amount of one unit, never more precise than the unit.

    :raises InexactAmount: when the amount has more decimals than the unit.
    """

    amount: Decimal
    unit: Unit

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"Money takes a Decimal, not {type(self.amount).__name__}")
        if self.amount != self.amount.quantize(self.unit.step):
            raise InexactAmount(amount=self.amount, unit=self.unit.code)

    @classmethod
    def from_minor(cls, minor: int | Decimal, unit: Unit) -> Self:
        """From integer minor units, as the ledger keeps them."""
        return cls(Decimal(minor).scaleb(-unit.scale), unit)

    @property
    def minor(self) -> int:
        """Integer minor units: 1.5 USDT is 1500000."""
        return int(self.amount.scaleb(self.unit.scale))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.amount + self._same(other).amount, self.unit)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.amount - self._same(other).amount, self.unit)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: Self) -> bool:
        return self.amount <= self._same(other).amount

    def __str__(self) -> str:
        return f"{self.amount:,.{self.unit.scale}f} {self.unit.code}"

    def _same(self, other: Self) -> Self:
        if other.unit != self.unit:
            message = f"{self.unit.code} and {other.unit.code} do not mix"
            raise TypeError(message)
        return other
