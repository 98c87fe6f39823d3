"""The pages of what waits, and of what stops everything: a settlement, the backlog, transfers, the limits."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from settlement import autosettle, operations, policies, queries
from settlement.forms.money import text
from settlement.models import Settlement
from settlement.operations import releasing
from settlement.own_acts.by_hand import BY_HAND
from settlement.own_acts.settlements import CANCELLABLE, RELEASABLE
from settlement.views import by_hand
from settlement.views.subjects import Facts, Step, Subject, nothing, reason_form
from settlement.views.withdrawal_limits import last_change
from trading.lib import clock
from trading.lib.money import USDT, Money
from users.models import User

ON, OFF = "active", "suspended"  # the looks of what goes on, and of what is stopped


def _settlement(ref: str, reader: User) -> Subject:
    row, policy = queries.detail(ref, reader=reader).settlement, policies.current()
    facts: Facts = [
        (_("Client"), row.client),
        (_("Trade"), row.trade_ref),
        (_("Amount"), Money(row.base_amount, USDT)),
        (_("Against"), Money(row.quote_amount, row.quote_asset.unit)),
        (_("Destination"), row.destination or _("Balance at the desk")),
        (_("Two people release from (USDT)"), policies.values_of(policy)["release_threshold"]),
        (_("Deadline"), row.due_at or "–"),
    ]
    found: dict[str, Any] = {}
    if row.status in RELEASABLE:
        found["settlement.release"] = ({}, nothing)
    if row.status in CANCELLABLE:
        found["settlement.cancel"] = ({}, nothing)
    if row.status == Settlement.Status.SETTLED and not row.pays_on_chain:
        found["fill.reverse"] = ({}, _evidence)
    is_small = row.base_amount < policy.release_threshold
    steps = (_release(ref),) if row.status == Settlement.Status.FLAGGED_OFF and is_small else ()
    if row.status in {*BY_HAND, Settlement.Status.NEEDS_REVIEW}:
        asked = by_hand.offered(row) if row.status in BY_HAND else by_hand.in_review(row)
        facts, found, steps = [*facts, *asked.facts], found | asked.acts, (*steps, *asked.steps)
    return Subject(ref, "settlements", "settlement", row.status, facts, found, steps)


def _evidence(_actor: User) -> dict[str, forms.Field]:
    return {
        "evidence": text(_("Evidence"), longest=200, help_text=_("Where an auditor finds it.")),
        "dispute": text(_("Dispute"), longest=16, required=False, help_text=_("DSP-…, if one was about this trade.")),
    }


def _release(ref: str) -> Step:
    return Step(
        "release",
        _("Release"),
        _("It is paid now, whatever the flag says. From the threshold on, two people release."),
        "settlement.release",
        reason_form,
        lambda actor, data: operations.release_settlement(ref=ref, actor=actor, reason=data["reason"], now=clock.now()),
    )


def _backlog(ref: str, reader: User) -> Subject:  # noqa: ARG001 - the interface
    policy = policies.current()
    facts: Facts = [
        (_("Waiting"), releasing.backlog(policy.release_threshold).count()),
        (_("Released in one batch at most"), policy.backlog_batch),
    ]

    def number(_actor: User) -> dict[str, forms.Field]:
        most = policy.backlog_batch
        return {"number": forms.IntegerField(label=_("How many"), min_value=1, max_value=most, initial=most)}

    is_on = autosettle.is_set(autosettle.FLAG)
    return Subject(ref, "flags", "user", ON if is_on else OFF, facts, {"backlog.release": ({}, number)})


def _transfers(ref: str, reader: User) -> Subject:  # noqa: ARG001 - the interface
    is_halted = autosettle.is_set(autosettle.HALT)
    facts: Facts = [(_("Transfers"), _("Halted") if is_halted else _("Go on"))]
    halt = Step(
        "halt",
        _("Halt all transfers"),
        _("At once, signed or not, released or not. What is on chain already is followed. Two people end it."),
        "transfers.halt",
        reason_form,
        lambda actor, data: operations.halt_transfers(actor=actor, reason=data["reason"], now=clock.now()),
        stops=True,
    )
    found: dict[str, Any] = {"transfers.resume": ({}, nothing)} if is_halted else {}
    return Subject(ref, "flags", "user", OFF if is_halted else ON, facts, found, () if is_halted else (halt,))


def _limits(ref: str, reader: User) -> Subject:  # noqa: ARG001 - the interface
    policy = policies.current()
    now = policies.values_of(policy)

    def fields(_actor: User) -> dict[str, forms.Field]:
        words = policies.FIELDS
        threshold = forms.RegexField(
            policies.PLAIN_AMOUNT,
            label=str(words["release_threshold"]),
            initial=now["release_threshold"],
            max_length=19,
        )
        whole = {
            name: forms.IntegerField(label=str(words[name]), min_value=1, max_value=most, initial=now[name])
            for name, most in policies.HIGHEST.items()
        }
        return {"release_threshold": threshold, **whole}

    facts: Facts = [(str(words), now[name]) for name, words in policies.FIELDS.items()]
    facts.append(last_change(policy))
    return Subject(ref, "flags", "user", ON, facts, {"settlement_policy.change": ({}, fields)})


SUBJECTS: dict[str, Callable[[str, User], Subject]] = {
    "STL": _settlement,
    autosettle.FLAG: _backlog,
    autosettle.HALT: _transfers,
    policies.SUBJECT: _limits,
}
