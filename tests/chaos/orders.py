"""What is to be paid in a run: trades, withdrawals and payments to LPs, no two of them alike."""

from decimal import Decimal

from settlement import operations
from settlement.models import LpPayment, PayoutAddress, Settlement, Withdrawal
from settlement.operations import Netting, Wish
from tests import factories
from tests.factories import Market
from tests.wallets import node as nodes
from trading.lib import clock
from trading.sandbox import chain

CENT = Decimal("0.01")
SALES_EACH = 60  # payments


def place(market: Market, number: int) -> None:
    """So many payments on chain, approved and not begun: half of them trades, three in ten withdrawals."""
    trades, withdrawals = number - number // 2, number * 3 // 10
    to = [nodes.destination(market) for _ in range(2)]
    for each in range(trades):
        rfq = factories.rfq(market, amount=str(100 + each), to=to[each % 2])
        factories.accept(factories.quote(rfq, market.leo), market.tara)
    for each in range(withdrawals):
        withdraw(market, Decimal(50) + each * CENT, to[each % 2])
    if lps := number - trades - withdrawals:
        for _ in range(1 + number // SALES_EACH):  # the LP owes for the trades, and the desk for these: more
            factories.fill(market, side="sell", price="0.91")
        lp_address = factories.address(market.meridian, nodes.somebody(), chain=chain.NAME, label="lp")
        ops = factories.user("ops")
        for each in range(lps):
            netting = Netting(market.meridian.ref, "USDT", "out", lp_address.ref, Decimal(20) + each * CENT, None)
            row = operations.request_lp_payment(
                netting=netting, actor=ops, key=factories.unique("key"), now=clock.now()
            )
            factories.carry("lp_payment.approve", row.ref, **_terms(row.amount, lp_address))


def withdraw(market: Market, amount: Decimal, to: PayoutAddress) -> None:
    """The client asks for it, two approve."""
    wish = Wish("USDT", amount, to.ref)
    row = operations.request_withdrawal(wish=wish, actor=market.tara, key=factories.unique("key"), now=clock.now())
    factories.carry("withdrawal.approve", row.ref, **_terms(row.amount, to))


def _terms(amount: Decimal, to: PayoutAddress) -> dict[str, str]:
    return {"amount": f"{amount:.6f}", "currency": "USDT", "destination": to.ref}


def owners() -> list[Settlement | Withdrawal | LpPayment]:
    """Everything that is paid on chain."""
    return [
        *Settlement.objects.filter(destination__chain=chain.NAME).select_related("destination"),
        *Withdrawal.objects.filter(address__chain=chain.NAME).select_related("address"),
        *LpPayment.objects.filter(address__chain=chain.NAME).select_related("address"),
    ]
