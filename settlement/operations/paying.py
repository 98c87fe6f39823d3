"""Claiming a settlement and signing its payment: the transaction that decides that money moves."""

from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from settlement import autosettle, ledger, legs
from settlement.ledger import Posting
from settlement.models import Settlement
from settlement.operations import signing
from settlement.operations.signing import Choice, Hindrance, Signer, unhindered
from settlement.operations.starting import start
from trading.lib import jobs
from trading.lib.jobs import Later
from trading.lib.money import USDT
from trading.lib.operations import operation
from trading.lib.prepared import Given, Read
from users import audit

Status = Settlement.Status
LOCKED = Read(
    lambda: (
        Settlement.objects.select_related("client", "lp", "quote_asset", "destination")
        .select_for_update(of=("self",))
        .filter(pk=Given("pk"))
    )
)


@operation
def pay(*, settlement_id: int, signer: Signer, now: datetime, hindrance: Hindrance = unhindered) -> Settlement:
    """
    Take an approved settlement as far as one transaction can.

    Transfers halted, or the flag off and nobody released it: `flagged_off`. No USDT leaves: `settled`.
    No wallet can pay: `blocked`; one has too much on its way: again in a moment. Else the payment
    is signed and stored, `paying`, and a job sends it; nothing was sent yet. Whatever is not
    `approved` any more is left as it is: somebody was faster.

    :param signer: signs locally, called with the wallet's row locked; no network.
    :param hindrance: what the chain was seen to object to, by wallet.
    """
    settlement = LOCKED.one(pk=settlement_id)
    if settlement.status != Status.APPROVED:
        return settlement
    gate = autosettle.read()
    if gate.is_halted or not (gate.is_on or settlement.is_released):
        stop(settlement, Status.FLAGGED_OFF, gate.obstacle, now=now)
    elif settlement.pays_on_chain:
        _pay_on_chain(settlement, signer, hindrance, now=now)
    else:
        settle(settlement, ledger.of(settlement.client, USDT), now=now)
    return settlement


def _pay_on_chain(settlement: Settlement, signer: Signer, hindrance: Hindrance, *, now: datetime) -> None:
    choice = _choose(settlement, now=now, hindrance=hindrance)
    if choice.obstacle == signing.WALLET_BUSY:
        later = Later(seconds=_seconds_until_free(settlement))
        jobs.defer("settlement.pay", settlement_id=settlement.pk, lock=settlement.ref, later=later)
    elif choice.wallet is None:
        stop(settlement, Status.BLOCKED, choice.obstacle, now=now)
    else:
        start(settlement, choice.wallet, signer, now=now)


def _seconds_until_free(settlement: Settlement) -> int:
    """When it is worth trying again: the later, the more wait for the same wallets before it. Assumes them busy."""
    assert settlement.destination is not None  # noqa: S101 - it pays on chain
    chain = settlement.destination.chain
    before = Settlement.objects.filter(status=Status.APPROVED, destination__chain=chain, pk__lt=settlement.pk).count()
    turns = 1 + before // signing.most_in_flight(chain)
    return min(signing.BUSY_SECONDS * turns, signing.LONGEST_BUSY_SECONDS)


def _choose(
    settlement: Settlement, *, now: datetime, hindrance: Hindrance = unhindered, promised_minor: int = 0
) -> Choice:
    minor = ledger.minor(settlement.base_amount, USDT)
    return signing.choose(
        settlement.destination, minor=minor, now=now, hindrance=hindrance, promised_minor=promised_minor
    )


def obstacle_of(settlement: Settlement, *, now: datetime) -> str:
    """Say what would stop a settlement that was approved now; "" when nothing would. Assumes its transaction."""
    if not settlement.pays_on_chain:
        return ""
    obstacle = _choose(settlement, now=now).obstacle
    return "" if obstacle == signing.WALLET_BUSY else obstacle


def promised(chain: str) -> int:
    """Add up what approved settlements will take from the wallets of a chain: minor units not held there yet."""
    approved = Settlement.objects.filter(status=Status.APPROVED, destination__chain=chain)
    return ledger.minor(approved.aggregate(total=Sum("base_amount"))["total"] or Decimal(0), USDT)


def settle(settlement: Settlement, usdt_account: str, *, now: datetime, paid_by: str = "") -> None:
    """
    Post the delivery, let the client's hold go and close the settlement. Assumes its transaction.

    :param paid_by: the wallet's account whose hold goes too, when USDT left it.
    """
    lines = legs.client_release(settlement) + legs.delivery(settlement, usdt_account)
    if paid_by:
        lines += legs.wallet_release(settlement, paid_by)
    ledger.post(Posting(f"delivery:{settlement.ref}", "delivery", settlement.ref, lines))
    settlement.move(Status.SETTLED, at=now, reason="delivered", detail="", settled_at=now)
    change = audit.Change(after={"status": settlement.status, "trade": settlement.trade_ref})
    audit.record("settlement.settled", actor=None, subject=settlement, at=now, change=change)


def stop(settlement: Settlement, status: str, reason: str, *, now: datetime) -> None:
    """Move a settlement where it waits, with the reason and an event. Assumes it locked."""
    before = settlement.status
    settlement.move(status, at=now, reason=reason, detail="")
    change = audit.Change(before={"status": before}, after={"status": status}, reason=reason)
    audit.record(f"settlement.{status}", actor=None, subject=settlement, at=now, change=change)


@operation
def resume_blocked(*, settlement_id: int, now: datetime, hindrance: Hindrance = unhindered) -> Settlement:
    """
    Approve a blocked settlement that would be paid by now. Else its reason is what stands in the way now.

    That is no step, and nobody is told: nothing became of it. Whatever is not blocked any more is left as it is.

    :param hindrance: what the chain was seen to object to, by wallet.
    """
    rows = Settlement.objects.select_related("destination").select_for_update(of=("self",))
    settlement = rows.get(pk=settlement_id)
    if settlement.status != Status.BLOCKED or settlement.destination is None:
        return settlement
    before = promised(settlement.destination.chain)
    obstacle = _choose(settlement, now=now, hindrance=hindrance, promised_minor=before).obstacle
    if obstacle:
        reason = settlement.reason if obstacle == signing.WALLET_BUSY else obstacle
        Settlement.objects.filter(pk=settlement.pk).update(looked_at=now, reason=reason)
        return settlement
    settlement.move(Status.APPROVED, at=now, reason="mended", detail=settlement.reason)
    audit.record("settlement.resumed", actor=None, subject=settlement, at=now)
    jobs.defer("settlement.pay", settlement_id=settlement.pk, lock=settlement.ref)
    return settlement
