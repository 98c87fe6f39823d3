"""Paying an approved withdrawal on chain: claim, sign, finish. The chain's states are the transfer's."""

from datetime import datetime
from decimal import Decimal

from settlement import autosettle, ledger
from settlement.ledger import POSTED, Leg, Posting
from settlement.models import Withdrawal
from settlement.operations.signing import Hindrance, Signer, unhindered
from settlement.operations.starting import start_or_wait
from trading.lib import jobs
from trading.lib.money import USDT
from trading.lib.operations import operation
from users import audit
from users.models import Counterparty

Status = Withdrawal.Status
FROZEN = "client_frozen"
TRIED_AT_ONCE = 50


@operation
def pay_out(*, withdrawal_id: int, signer: Signer, now: datetime, hindrance: Hindrance = unhindered) -> Withdrawal:
    """
    Sign the payment of an approved withdrawal on chain, and ask for it to be sent.

    Transfers are halted, the flag is off, the client frozen, the address not usable, no wallet can pay: it stays
    approved with that reason and is tried again every minute. Whatever is not approved any more is left as it is.

    :param hindrance: what the chain was seen to object to, by wallet.
    """
    rows = Withdrawal.objects.select_related("client", "asset", "address").select_for_update(of=("self",))
    withdrawal = rows.get(pk=withdrawal_id)
    if withdrawal.status != Status.APPROVED or withdrawal.address is None:
        return withdrawal
    obstacle = autosettle.read().obstacle or hindered(withdrawal)
    start_or_wait(withdrawal, signer, hindrance, obstacle=obstacle, now=now)
    return withdrawal


@operation
def pay_out_waiting(*, now: datetime) -> int:  # noqa: ARG001 - every operation is told the time
    """Let approved withdrawals on chain try again, oldest first, a bounded number; the answer is how many."""
    waiting = Withdrawal.objects.filter(status=Status.APPROVED, address__isnull=False).order_by("pk")
    found = list(waiting.values_list("pk", "ref")[:TRIED_AT_ONCE])
    if found and autosettle.read().moves_by_itself:
        for pk, ref in found:
            jobs.defer("settlement.pay_out", withdrawal_id=pk, lock=ref)
    return len(found)


def finish_on_chain(withdrawal: Withdrawal, wallet_account: str, *, now: datetime, is_held: bool = True) -> None:
    """
    It is final on chain: let both holds go, book what left and the fee. Assumes the transaction that saw it.

    :param is_held: whether the wallet holds it.
    """
    total, fee = ledger.minor(withdrawal.amount + withdrawal.fee, USDT), ledger.minor(withdrawal.fee, USDT)
    client, amount = ledger.of(withdrawal.client, USDT), total - fee
    lines = (
        *ledger.hold(client, USDT, -total),
        *(ledger.hold_hot(wallet_account, USDT, -amount) if is_held else ()),
        Leg(client, POSTED, total),
        Leg(wallet_account, POSTED, -amount),
        Leg(ledger.desk("revenue", USDT), POSTED, -fee),
    )
    ledger.post(Posting(f"withdrawal-sent:{withdrawal.ref}", "withdrawal_sent", withdrawal.ref, lines))
    withdrawal.move(Status.CONFIRMED, at=now, reason="final")
    change = audit.Change(after={"amount": str(withdrawal.amount), "fee": str(withdrawal.fee)})
    audit.record("withdrawal.confirmed", actor=None, subject=withdrawal, at=now, change=change)


def hindered(withdrawal: Withdrawal) -> str:
    """Say what stands in its way whatever the wallet: its client is frozen; "" when nothing does."""
    return "" if withdrawal.client.status == Counterparty.Status.ACTIVE else FROZEN


def total_of(withdrawal: Withdrawal) -> Decimal:
    """What leaves the balance: what arrives, and the fee."""
    return withdrawal.amount + withdrawal.fee
