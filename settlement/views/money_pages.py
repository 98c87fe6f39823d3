"""The page of one deposit, withdrawal, address or bank account: what it is, what can be done, what is proposed."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from settlement import banks, money, operations
from settlement.forms import ActForm
from settlement.forms.money import choice, parties
from settlement.own_acts import deposits as deposit_acts
from settlement.own_acts import withdrawals as withdrawal_acts
from settlement.views import (
    adjusting,
    by_hand,
    credit,
    deposit_facts,
    lp_payments,
    waiting,
    wallet_limits,
    wallets,
    withdrawal_limits,
)
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
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.money import Money
from users import access, acts, capabilities
from users.access import console
from users.forms import ConsoleForm
from users.models import Counterparty, User
from users.queries import approvals, events_about
from users.views import proposing
from users.views.attempting import attempt

BACK = {"settlements": "settlement:list", "counterparties": "users:counterparties"}


@require_safe
@console("money.view")
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    """Show it, with the act the address names ready to be proposed."""
    return _show(request, _subject(ref, access.actor(request)), chosen=request.GET.get("act", ""))


@sensitive_post_parameters("otp_token")
@require_POST
@console("money.view")
def proposal(request: HttpRequest, ref: str, act: str) -> HttpResponse:
    """
    Propose what takes two people.

    :raises NotFound: there is no such thing, or the act makes no sense on it.
    :raises Forbidden: the actor may not propose it.
    """
    actor = access.actor(request)
    subject = _subject(ref, actor)
    if act not in subject.acts:
        raise NotFound
    form = _act_form(subject, act, actor, request.POST)
    asked = proposing.propose(form, act=act, subject_ref=ref, actor=actor)
    if asked.request is not None:
        return proposing.proposed(request, asked.request)
    return _show(request, subject, chosen=act, form=form, status=asked.status)


@require_POST
@console("money.view")
def step(request: HttpRequest, ref: str, name: str) -> HttpResponse:
    """
    Do what one person may do at once.

    :raises NotFound: there is no such thing, or the step makes no sense on it.
    """
    actor = access.actor(request)
    subject = _subject(ref, actor)
    chosen = next((one for one in subject.steps if one.name == name), None)
    if chosen is None:
        raise NotFound
    form = chosen.make(request.POST)
    status = attempt(form, lambda: chosen.do(actor, form.cleaned_data))
    if status is None:
        messages.success(request, _("%(ref)s: done.") % {"ref": ref})
        return redirect("settlement:money-detail", ref)
    return _show(request, _subject(ref, actor), failed={name: form}, status=status)


def _act_form(subject: Subject, act: str, actor: User, data: QueryDict | None = None) -> ActForm:
    fixed, asks = subject.acts[act]
    people = proposing.candidates(act, subject.ref, actor)
    return ActForm(data, candidates=people, fixed=fixed, asks=asks(actor))


def _show(
    request: HttpRequest,
    subject: Subject,
    *,
    chosen: str = "",
    form: ActForm | None = None,
    failed: Mapping[str, ConsoleForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = access.actor(request)
    allowed = approvals.may_propose(actor, list(subject.acts)) if subject.acts else set()
    offered = [name for name in subject.acts if name in allowed]
    act = chosen if chosen in offered or form else ""
    if act and form is None:
        form = _act_form(subject, act, actor)
    steps = [
        (one, (failed or {}).get(one.name) or one.make(None))
        for one in subject.steps
        if capabilities.holds(actor, one.capability)
    ]
    context = {
        "room": subject.room,
        "subject": subject,
        "back": BACK.get(subject.room, f"settlement:{subject.room}"),
        "offered": [(name, acts.act_of(name).title) for name in offered],
        "act": act,
        "title": acts.act_of(act).title if act else "",
        "form": form,
        "lines": acts.act_of(act).describe(subject.ref, {}) if act else [],
        "steps": steps,
        "requests": approvals.open_about(subject.ref),
        "events": events_about([subject.ref]),
        "outcome": list(messages.get_messages(request)) if request.method == "GET" else [],
    }
    return render(request, "settlement/money_detail.html", context, status=status)


def _subject(ref: str, reader: User) -> Subject:
    own = {"DEP": _deposit, "WDR": _withdrawal, "ADR": _address, "BNK": _account}
    # Adjusting comes after credit: its page of a client has both.
    others = {**lp_payments.SUBJECTS, **credit.SUBJECTS, **adjusting.SUBJECTS, **withdrawal_limits.SUBJECTS}
    others |= wallet_limits.SUBJECTS
    readers = {**own, **waiting.SUBJECTS, **others}
    read = readers.get(ref.partition("-")[0], wallets.subject)
    return read(ref, reader)


def _whose(actor: User) -> dict[str, forms.Field]:
    field = choice(_("Client"))
    field.choices = parties(money.served(actor, kind=Counterparty.Kind.CLIENT), _("Choose"))
    return {"client": field}


def _cooling(_actor: User) -> dict[str, forms.Field]:
    least = settings.ADDRESS_COOLING_HOURS
    field = forms.IntegerField(
        label=_("Cooling period (hours)"), min_value=least, max_value=720, initial=max(least, 24)
    )
    return {"cooling_hours": field}


def _deposit(ref: str, reader: User) -> Subject:
    row = money.deposit(ref, reader=reader)
    unit = row.asset.unit
    facts: Facts = [
        (_("Client"), row.client or _("Sender unknown")),
        *deposit_facts.facts_of(row),
        (_("Amount received"), Money(row.amount, unit) if row.amount is not None else "–"),
        (_("Sender"), row.sender or "–"),
        (_("Reference of the payment back"), row.return_reference or "–"),
    ]
    found: dict[str, Any] = {}
    details = {"amount": deposit_acts.plain(row), **deposit_acts.evidence_of(row)}
    if row.status == row.Status.RECEIVED and row.client is not None:
        found["deposit.confirm"] = ({**details, "client": row.client.ref}, nothing)
    if row.status == row.Status.SUSPENSE:
        found["deposit.confirm"] = (details, _whose)
    if row.status in {row.Status.SUSPENSE, row.Status.CREDITED}:
        found["deposit.return"] = ({}, deposit_facts.return_transaction if row.is_on_chain else return_reference)
    found |= deposit_facts.acts_on_chain(row, details)
    cancel = Step(
        "cancellation",
        _("Cancel"),
        _("It will not come."),
        "deposit.record",
        plain_form,
        lambda actor, _data: operations.cancel_deposit(ref=ref, actor=actor, now=clock.now()),
        stops=True,
    )
    steps = (cancel,) if row.status == row.Status.ANNOUNCED else ()
    return Subject(ref, "deposits", "deposit", row.status, facts, found, steps)


def _withdrawal(ref: str, reader: User) -> Subject:
    row = money.withdrawal(ref, reader=reader)
    unit, status = row.asset.unit, row.Status
    facts: Facts = [
        (_("Client"), row.client),
        (_("Amount"), Money(row.amount, unit)),
        (_("Network fee"), Money(row.fee, unit)),
        (_("Destination"), withdrawal_acts.in_full(withdrawal_acts.destination_of(row))),
        (_("Asked for by"), row.requested_by),
        (_("Bank reference"), row.bank_reference or "–"),
        (_("Reference of the payment back"), row.return_reference or "–"),
        (_("Reason"), row.reason or "–"),
    ]
    found: dict[str, Any] = {}
    if row.status == status.REQUESTED:
        to = withdrawal_acts.destination_of(row).ref
        details = {"amount": withdrawal_acts.plain(row), "currency": row.asset_id, "destination": to}
        found["withdrawal.approve"] = (details, nothing)
    if row.account_id is not None and row.status in {status.SENT, status.CONFIRMED}:
        found["withdrawal.return"] = ({}, return_reference)
    steps = _withdrawal_steps(ref, row)
    if row.status == status.NEEDS_REVIEW:
        asked = by_hand.in_review(row)
        facts, found, steps = [*facts, *asked.facts], asked.acts, asked.steps
    return Subject(ref, "withdrawals", "withdrawal", row.status, facts, found, steps)


def _withdrawal_steps(ref: str, row: Any) -> tuple[Step, ...]:
    sent = Step(
        "sending",
        _("Sent by bank"),
        _("The bank took the order: the money leaves the balance."),
        "withdrawal.handle",
        sent_form,
        lambda actor, data: operations.record_sent(
            ref=ref, bank_reference=data["bank_reference"], actor=actor, now=clock.now()
        ),
    )
    arrived = Step(
        "confirmation",
        _("Arrived"),
        _("The bank says that it arrived."),
        "withdrawal.handle",
        plain_form,
        lambda actor, _data: operations.record_confirmed(ref=ref, actor=actor, now=clock.now()),
    )
    decline = Step(
        "refusal",
        _("Decline"),
        _("At once: the hold is let go, and the client is told the reason."),
        "withdrawal.decline",
        reason_form,
        lambda actor, data: operations.decline_withdrawal(ref=ref, reason=data["reason"], actor=actor, now=clock.now()),
        stops=True,
    )
    by_bank = row.account_id is not None
    return (
        *((sent,) if by_bank and row.status == row.Status.APPROVED else ()),
        *((arrived,) if by_bank and row.status == row.Status.SENT else ()),
        *((decline,) if row.status in {row.Status.REQUESTED, row.Status.APPROVED} else ()),
    )


def _ending(ref: str, end: Callable[..., object]) -> Step:
    return Step(
        "ending",
        _("End it"),
        _("At once and for good: nothing goes there any more. It can be asked for again."),
        "destination.end",
        reason_form,
        lambda actor, data: end(ref=ref, actor=actor, reason=data["reason"], now=clock.now()),
        stops=True,
    )


def _address(ref: str, reader: User) -> Subject:
    row = money.address(ref, reader=reader)
    facts: Facts = [
        (_("Counterparty"), row.counterparty),
        (_("Chain"), row.chain),
        (_("Address"), row.address),
        (_("Label"), row.label or "–"),
        (_("Asked for by"), row.asked_by or "–"),
    ]
    state = money.state_of(row)
    details = {"chain": row.chain, "address": row.address}
    found: dict[str, Any] = {"address.add": (details, _cooling)} if state == money.ASKED else {}
    steps = () if state == money.ENDED else (_ending(ref, operations.end_address),)
    return Subject(ref, "destinations", "destination", state, facts, found, steps)


def _account(ref: str, reader: User) -> Subject:
    row = money.account(ref, reader=reader)
    facts: Facts = [
        (_("Counterparty"), row.counterparty or _("The desk")),
        (_("Currency"), row.currency_id),
        (_("Holder"), row.holder),
        (_("Account"), banks.number_of(row)),
        (_("Bank"), f"{row.bank} {row.bic}".strip()),
        (_("Label"), row.label or "–"),
        (_("Asked for by"), row.asked_by),
    ]
    state = money.state_of(row)
    details = {"currency": row.currency_id, "number": row.number}
    found: dict[str, Any] = {"bank_account.add": (details, nothing)} if state == money.ASKED else {}
    steps = () if state == money.ENDED else (_ending(ref, operations.end_bank_account),)
    return Subject(ref, "destinations", "destination", state, facts, found, steps)
