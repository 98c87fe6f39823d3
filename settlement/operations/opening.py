"""Opening the settlement of a trade, inside the transaction that makes the trade."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from settlement import autosettle, ledger, legs
from settlement.autosettle import Gate
from settlement.ledger import Posting
from settlement.models import Asset, PayoutAddress, Settlement
from trading.lib import jobs, prepared
from trading.lib.errors import Unavailable
from trading.lib.rows import insert_both
from users.models import Counterparty

Status = Settlement.Status


class TooMuchWaits(Unavailable):
    """Too many deliveries wait for people, or one of them for too long."""

    code = "too_much_waits"
    text = _("The desk takes no new trades at the moment: deliveries wait. Nothing was done; please try again later.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed. Amounts are in whole units, USDT (`base`) and fiat (`quote`)."""

    trade_ref: str
    client: Counterparty
    lp: Counterparty
    side: str
    base_amount: Decimal
    quote_asset: Asset
    quote_amount: Decimal
    lp_quote_amount: Decimal
    markup_amount: Decimal
    price: Decimal
    destination: PayoutAddress | None


def open_settlement(*, terms: Terms, now: datetime, trade: Model | None = None) -> Settlement:
    """
    Hold what the client gives, accrue what the LP owes, and queue the delivery.

    :param trade: the new row of what was agreed; it is written here, in one statement with the settlement that its
        field `settlement` names. Without one the settlement stands by itself.

    Assumes the transaction of the trade, with the client's row locked. Where it begins: without
    cover `awaiting_funds`; with the flag off `flagged_off`, and no job, so the queue cannot grow;
    from the release threshold on `awaiting_approval`; else `approved`.

    :raises TooMuchWaits: the desk takes no trades until some of what waits is resolved.
    :raises InsufficientBalance: neither balance nor credit line covers it.
    :raises NoAccount: the ledger accounts were not opened.
    """
    settlement = Settlement(
        trade_ref=terms.trade_ref,
        client=terms.client,
        lp=terms.lp,
        side=terms.side,
        base_amount=terms.base_amount,
        quote_asset=terms.quote_asset,
        quote_amount=terms.quote_amount,
        lp_quote_amount=terms.lp_quote_amount,
        markup_amount=terms.markup_amount,
        price=terms.price,
        destination=terms.destination,
        is_released=False,
        created_at=now,
        updated_at=now,
    )
    gate, is_covered = _post_at_gate(
        Posting(f"hold:{terms.trade_ref}", "hold", settlement.ref, legs.client_hold(settlement)),
        Posting(f"accrual:{terms.trade_ref}", "accrual", settlement.ref, legs.lp_accrual(settlement)),
    )
    if gate.is_full:
        raise TooMuchWaits
    settlement.status, settlement.reason = next_status(settlement, gate, is_covered=is_covered)
    if trade is None:
        settlement.save(force_insert=True)
    else:
        insert_both(settlement, trade, link="settlement")
    if settlement.status == Status.APPROVED:
        jobs.defer("settlement.pay", settlement_id=settlement.pk, lock=settlement.ref)
    return settlement


def _post_at_gate(*postings: Posting) -> tuple[Gate, bool]:
    """
    Read the gate, then post, unless too much waits: whether it is covered. One round trip.

    The gate is read before any balance is locked: the order `pay` takes the two in.
    """
    with ledger.refusals(), prepared.cursor() as cursor:
        cursor.execute("select * from settlement_open(%s::jsonb)", [ledger.as_json(postings)])
        *gate, is_covered = cursor.fetchone()
    return autosettle.gate_of(*gate), bool(is_covered)


def next_status(settlement: Settlement, gate: Gate, *, is_covered: bool) -> tuple[str, str]:
    """Say where a settlement goes that is not decided yet, and the reason it gives."""
    if not is_covered:
        return Status.AWAITING_FUNDS, "not_covered"
    if not gate.moves_by_itself:
        return Status.FLAGGED_OFF, gate.obstacle
    if settlement.base_amount >= gate.threshold:
        return Status.AWAITING_APPROVAL, "above_threshold"
    return Status.APPROVED, "covered"
