"""What stands between the desk and its LPs: positions with their ages, netting, and the page of one payment."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from settlement import lp_positions as reads
from settlement import operations
from settlement.forms import NettingForm
from settlement.forms.money import AmountField, ReferenceField
from settlement.models import LpPayment
from settlement.operations.lp_payments import open_between
from settlement.own_acts.lp_payments import plain, way_in_full, way_of
from settlement.views import by_hand
from settlement.views.money_lists import chosen_tab, listed, tabs_of
from settlement.views.subjects import (
    Facts,
    Step,
    Subject,
    nothing,
    plain_form,
    reason_form,
    return_reference,
    sent_form,
)
from settlement.views.tables import LP_PAYMENTS
from trading.lib import clock
from trading.lib.money import Money
from users import access
from users.access import console
from users.listing import listing
from users.models import User
from users.views.attempting import attempt

TABS: Mapping[str, str | Promise] = {
    "": lazy("Under way"),
    "confirmed": lazy("Confirmed"),
    "over": lazy("Returned or declined"),
}


@listing("settlement:lp_positions", lazy("LP positions"), "state", table=LP_PAYMENTS)
@require_safe
@console("money.view")
def positions(request: HttpRequest) -> HttpResponse:
    """List what is owed, the oldest first, and the payments that settle it."""
    tab, actor = chosen_tab(request, TABS, ""), access.actor(request)
    page = reads.payments(tab, reader=actor, before=request.GET.get("before", "")[:16])
    context = {
        "room": "lp_positions",
        "positions": reads.positions(reader=actor, now=clock.now()),
        **listed(request, page, tabs_of(request, TABS, tab)),
    }
    return render(request, "settlement/lp_positions.html", context)


@console("lp_payment.handle")
def netting(request: HttpRequest, ref: str, currency: str, direction: str) -> HttpResponse:
    """Write down what is to be paid between the desk and an LP in one asset."""
    actor, now = access.actor(request), clock.now()
    direction = reads.require_direction(direction)
    lp, asset = reads.lp_and_asset(ref, currency, reader=actor)
    left = max(open_between(lp, asset, direction), Decimal(0))
    form = NettingForm(
        request.POST if request.method == "POST" else None,
        ways=reads.ways(lp, asset, direction, now=now),
        takes_way=direction == LpPayment.Direction.OUT or asset.kind != asset.Kind.FIAT,
    )
    made: list[str] = []

    def net() -> None:
        wish = form.netting(lp=ref, currency=currency, direction=direction)
        key = form.cleaned_data["key"]
        made.append(operations.request_lp_payment(netting=wish, actor=actor, key=key, now=now).ref)

    status = attempt(form, net)
    if status is None:
        messages.success(request, _("%(ref)s is written down.") % {"ref": made[0]})
        return redirect("settlement:money-detail", made[0])
    context = {
        "room": "lp_positions",
        "form": form,
        "title": _("Net with %(lp)s") % {"lp": lp.name},
        "note": f"{LpPayment.Direction(direction).label}: {Money(round(left, asset.scale), asset.unit)}",
        "back": "settlement:lp_positions",
    }
    return render(request, "settlement/money_new.html", context, status=status)


def _payment(ref: str, reader: User) -> Subject:
    row = reads.payment(ref, reader=reader)
    unit, status = row.asset.unit, row.Status
    facts: Facts = [
        (_("LP"), row.lp),
        (_("Direction"), row.get_direction_display()),
        (_("Amount"), Money(row.amount, unit)),
        (_("Amount received"), Money(row.received, unit) if row.received is not None else "–"),
        (_("Accrued until"), f"{row.netted_until:%Y-%m-%d %H:%M} UTC" if row.netted_until else _("all of it")),
        (_("Destination"), way_in_full(row)),
        (_("Asked for by"), row.requested_by),
        (_("Bank reference"), row.reference or "–"),
        (_("Reference of the payment back"), row.return_reference or "–"),
        (_("Reason"), row.reason or "–"),
    ]
    found: dict[str, Any] = {}
    if row.status == status.REQUESTED and row.is_out:
        details = {"amount": plain(row), "currency": row.asset_id, "destination": way_of(row)}
        found["lp_payment.approve"] = (details, nothing)
    if row.status == status.REQUESTED and not row.is_out:
        found["lp_payment.receive"] = (
            {"currency": row.asset_id},
            partial(_receipt, row.wallet.chain if row.wallet else ""),
        )
    if row.is_out and row.account_id is not None and row.status in {status.SENT, status.CONFIRMED}:
        found["lp_payment.return"] = ({}, return_reference)
    steps = _steps(ref, row)
    if row.status == status.NEEDS_REVIEW:
        asked = by_hand.in_review(row)
        facts, found, steps = [*facts, *asked.facts], asked.acts, asked.steps
    return Subject(ref, "lp_positions", "lp_payment", row.status, facts, found, steps)


def _receipt(chain: str, _actor: User) -> dict[str, forms.Field]:
    return {
        "amount": AmountField(label=_("Amount received")),
        "reference": ReferenceField(
            chain=chain, label=_("Bank reference"), help_text=_("The bank's own, or the transaction's hash on chain.")
        ),
    }


def _steps(ref: str, row: LpPayment) -> tuple[Step, ...]:
    sent = Step(
        "sending",
        _("Sent by bank"),
        _("The bank took the order: the desk owes the LP so much less."),
        "lp_payment.handle",
        sent_form,
        lambda actor, data: operations.record_lp_sent(
            ref=ref, bank_reference=data["bank_reference"], actor=actor, now=clock.now()
        ),
    )
    arrived = Step(
        "confirmation",
        _("Arrived"),
        _("The LP or the bank says that it arrived."),
        "lp_payment.handle",
        plain_form,
        lambda actor, _data: operations.record_lp_confirmed(ref=ref, actor=actor, now=clock.now()),
    )
    decline = Step(
        "refusal",
        _("Decline"),
        _("At once: it is not paid, nor asked for any more. What is owed stays owed."),
        "lp_payment.decline",
        reason_form,
        lambda actor, data: operations.decline_lp_payment(ref=ref, reason=data["reason"], actor=actor, now=clock.now()),
        stops=True,
    )
    by_bank = row.account_id is not None and row.is_out
    return (
        *((sent,) if by_bank and row.status == row.Status.APPROVED else ()),
        *((arrived,) if by_bank and row.status == row.Status.SENT else ()),
        *((decline,) if row.status in {row.Status.REQUESTED, row.Status.APPROVED} else ()),
    )


SUBJECTS: dict[str, Callable[[str, User], Subject]] = {"LPP": _payment}
