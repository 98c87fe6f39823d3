"""A model of the desk's money in plain Python: what each account must have after each thing that was done."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

EURO, USDT = "EUR", "USDT"
CENTS, MICROS = 100, 10**6


@dataclass
class Trade:
    """A trade's terms, in minor units. `sign` is 1 where the client buys."""

    sign: int
    base: int
    quote: int
    lp_quote: int
    markup: int

    @property
    def given(self) -> tuple[str, int]:
        """What the client gives, and how much."""
        return (EURO, self.quote) if self.sign > 0 else (USDT, self.base)


@dataclass
class Accrued:
    """What moved on the LP's euro account: what the desk owes it more, for which trade, or why else."""

    minor: int
    trade: Trade | None
    why: str = ""


@dataclass
class Model:
    """
    Two layers of accounts by code, debit positive, as they differ from the beginning.

    It knows the desk's rules from its documents (`docs/ledger.md`, `docs/money.md`), and nothing of its code.
    """

    client: str
    lp: str
    hot: str
    posted: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    credit: Counter[str] = field(default_factory=Counter)
    accrued: list[Accrued] = field(default_factory=list)

    def own(self, asset: str) -> str:
        """The client's account."""
        return f"client:{self.client}:{asset}"

    def has(self, asset: str) -> int:
        """What is on the client's balance."""
        return -self.posted[self.own(asset)]

    def holds(self, asset: str) -> int:
        """What of it is held."""
        return -self.held[self.own(asset)]

    def room(self, asset: str) -> int:
        """How much more it may hold, the credit line included."""
        return self.has(asset) - self.holds(asset) + self.credit[asset]

    def free(self, asset: str) -> int:
        """How much may leave: never the credit line."""
        return max(self.has(asset) - self.holds(asset), 0)

    def move(self, debit: str, credit: str, minor: int) -> None:
        """Post an amount from one account to the other."""
        self.posted[debit] += minor
        self.posted[credit] -= minor

    def hold(self, asset: str, minor: int) -> None:
        """Reserve some of the client's money, or (negative) let it go."""
        self.held[f"hold:{asset}"] += minor
        self.held[self.own(asset)] -= minor

    def hold_hot(self, minor: int) -> None:
        """The same of the wallet's."""
        self.held[self.hot] += minor
        self.held["hold:USDT"] -= minor

    def traded(self, trade: Trade, *, undone: bool = False) -> None:
        """Hold what the client gives, and book what desk and LP owe each other; or undo both."""
        way = -1 if undone else 1
        asset, minor = trade.given
        self.hold(asset, way * minor)
        self.move(f"lp:{self.lp}:USDT", "fx:USDT", way * trade.sign * trade.base)
        self.move("fx:EUR", f"lp:{self.lp}:EUR", way * trade.sign * trade.lp_quote)
        self.accrued.append(Accrued(way * trade.sign * trade.lp_quote, trade))

    def delivered(self, trade: Trade, usdt_account: str, *, fiat_account: str = "") -> None:
        """Both sides of the client's change hands; mark-up and rounding stay with the desk."""
        asset, minor = trade.given
        self.hold(asset, -minor)
        self.move(fiat_account or self.own(EURO), "fx:EUR", trade.sign * trade.quote)
        kept = trade.sign * (trade.quote - trade.lp_quote)
        self.move("fx:EUR", "revenue:EUR", trade.markup)
        self.move("fx:EUR", "rounding:EUR", kept - trade.markup)
        self.move("fx:USDT", usdt_account, trade.sign * trade.base)

    def reversed_(self, trade: Trade) -> None:
        """Both sides the other way round; what was held stays free."""
        self.move("fx:USDT", f"lp:{self.lp}:USDT", trade.sign * trade.base)
        self.move(f"lp:{self.lp}:EUR", "fx:EUR", trade.sign * trade.lp_quote)
        self.accrued.append(Accrued(-trade.sign * trade.lp_quote, trade))
        self.move("fx:EUR", self.own(EURO), trade.sign * trade.quote)
        kept = trade.sign * (trade.quote - trade.lp_quote)
        self.move("revenue:EUR", "fx:EUR", trade.markup)
        self.move("rounding:EUR", "fx:EUR", kept - trade.markup)
        self.move(self.own(USDT), "fx:USDT", trade.sign * trade.base)

    def with_lp(self, why: str, account: str, minor: int) -> None:
        """The desk owes the LP so much less (negative: more), against this account: paid `out`, `in`, or corrected."""
        self.move(f"lp:{self.lp}:EUR", account, minor)
        self.accrued.append(Accrued(-minor, None, why))

    def owes_lp(self, cut: int | None) -> int:
        """What is open of the trades before the cut, whatever undid them since; what either paid since is as it may."""
        before, after = self.accrued[:cut], [] if cut is None else self.accrued[cut:]
        of_before = [id(one.trade) for one in before if one.trade]
        stood = sum(one.minor for one in before)
        stood += sum(one.minor for one in after if id(one.trade) in of_before)
        stood += sum(min(one.minor, 0) for one in after if one.why == "other")
        out, came = (sum(one.minor for one in after if one.why == why) for why in ("out", "in"))
        return (stood if stood > 0 else min(stood + came, 0)) + out

    def books(self) -> dict[str, dict[str, int]]:
        """What is not nothing, by layer."""
        layers = {"P": self.posted, "H": self.held}
        return {layer: {code: minor for code, minor in sums.items() if minor} for layer, sums in layers.items()}


def amount(minor: int, asset: str) -> Decimal:
    """Whole units of minor ones."""
    return Decimal(minor) / (CENTS if asset == EURO else MICROS)
