"""Which legs a trade has, and which take a journal back. Pure: from a settlement's terms to lines of a journal."""

from dataclasses import dataclass
from decimal import Decimal

from settlement import ledger
from settlement.ledger import POSTED, Leg
from settlement.models import Journal, Settlement
from trading.lib.money import USDT, Unit


@dataclass(frozen=True, slots=True)
class Sides:
    """A settlement's amounts in minor units. `sign` is +1 when the client buys, -1 when it sells."""

    sign: int
    fiat: Unit
    base: int
    quote: int
    lp_quote: int
    markup: int


def _sides(settlement: Settlement) -> Sides:
    fiat = settlement.quote_asset.unit

    def in_fiat(amount: Decimal) -> int:
        return ledger.minor(amount, fiat)

    return Sides(
        sign=1 if settlement.side == Settlement.Side.BUY else -1,
        fiat=fiat,
        base=ledger.minor(settlement.base_amount, USDT),
        quote=in_fiat(settlement.quote_amount),
        lp_quote=in_fiat(settlement.lp_quote_amount),
        markup=in_fiat(settlement.markup_amount),
    )


def client_hold(settlement: Settlement) -> tuple[Leg, ...]:
    """Reserve what the client gives: fiat when buying, USDT when selling."""
    account, unit, minor = _given(settlement)
    return ledger.hold(account, unit, minor)


def client_release(settlement: Settlement) -> tuple[Leg, ...]:
    """Undo `client_hold`."""
    account, unit, minor = _given(settlement)
    return ledger.hold(account, unit, -minor)


def given(settlement: Settlement) -> tuple[str, int]:
    """The account that gives, and how many minor units."""
    account, _unit, minor = _given(settlement)
    return account, minor


def _given(settlement: Settlement) -> tuple[str, Unit, int]:
    sides = _sides(settlement)
    if sides.sign > 0:
        return ledger.of(settlement.client, sides.fiat), sides.fiat, sides.quote
    return ledger.of(settlement.client, USDT), USDT, sides.base


def lp_accrual(settlement: Settlement) -> tuple[Leg, ...]:
    """
    What desk and LP owe each other from the moment of the trade.

    Client buys: the LP owes USDT (its account is debited) and is owed fiat. Sells: the reverse.
    """
    sides = _sides(settlement)
    lp, sign = settlement.lp, sides.sign
    return (
        *ledger.pair_of(ledger.of(lp, USDT), ledger.desk("fx", USDT), sign * sides.base),
        *ledger.pair_of(ledger.desk("fx", sides.fiat), ledger.of(lp, sides.fiat), sign * sides.lp_quote),
    )


def lp_accrual_undone(settlement: Settlement) -> tuple[Leg, ...]:
    """Undo `lp_accrual`."""
    return tuple(Leg(leg.account, leg.layer, -leg.minor) for leg in lp_accrual(settlement))


def delivery(settlement: Settlement, usdt_account: str, *, fiat_account: str = "") -> tuple[Leg, ...]:
    """
    The client's side of the trade: two same-asset pairs through `fx`, mark-up and rounding as legs of their own.

    :param usdt_account: where the client's USDT comes from or goes to: the paying wallet's account,
        or the client's own.
    :param fiat_account: the same of its fiat; the client's own when it is not said.
    """
    sides = _sides(settlement)
    sign, fiat = sides.sign, sides.fiat
    spread = sign * (sides.quote - sides.lp_quote)
    return (
        Leg(fiat_account or ledger.of(settlement.client, fiat), POSTED, sign * sides.quote),
        Leg(ledger.desk("fx", fiat), POSTED, -sign * sides.lp_quote),
        Leg(ledger.desk("revenue", fiat), POSTED, -sides.markup),
        Leg(ledger.desk("rounding", fiat), POSTED, sides.markup - spread),
        Leg(ledger.desk("fx", USDT), POSTED, sign * sides.base),
        Leg(usdt_account, POSTED, -sign * sides.base),
    )


def wallet_release(settlement: Settlement, account: str) -> tuple[Leg, ...]:
    """Let go the USDT that was reserved in the wallet that paid it."""
    return ledger.hold_hot(account, USDT, -_sides(settlement).base)


def opposite(journal: Journal) -> tuple[Leg, ...]:
    """The other way round of all that it moved. Holds it let go stay let go. Needs its entries loaded."""
    moved = [entry for entry in journal.entries.all() if entry.layer == POSTED]
    return tuple(Leg(entry.account.code, POSTED, -int(entry.amount)) for entry in moved)
