"""The page of the withdrawals' limits and fees, and of the threshold from which two confirm a deposit."""

from collections.abc import Callable

from django import forms
from django.utils.translation import gettext as _

from settlement import withdrawal_limits as limits
from settlement.forms.money import AmountField
from settlement.models import SettlementPolicy, WalletPolicy, WithdrawalPolicy
from settlement.views.subjects import Facts, Subject
from users.models import User
from users.operations import current_policy
from users.own_acts.base import plain

IN_FORCE = "active"


def last_change(policy: SettlementPolicy | WithdrawalPolicy | WalletPolicy) -> tuple[str, str]:
    """Since when a version holds, and which it is."""
    return _("Last change"), f"{policy.made_at:%Y-%m-%d %H:%M} UTC · v{policy.version}"


def _limits(ref: str, reader: User) -> Subject:  # noqa: ARG001 - the interface
    policy = limits.current()
    now = limits.values_of(policy)
    threshold = current_policy("deposit.confirm").threshold

    def fields(_actor: User) -> dict[str, forms.Field]:
        return {
            name: AmountField(label=limits.words_of(name), initial=now[name], may_be_zero=name.startswith(limits.FEE))
            for name in limits.FIELDS
        }

    facts: Facts = [(limits.words_of(name), now[name]) for name in limits.FIELDS]
    facts.append((_("Two people confirm deposits from (see Policies)"), plain(threshold) or "–"))
    facts.append(last_change(policy))
    return Subject(ref, "withdrawals", "user", IN_FORCE, facts, {"withdrawal_policy.change": ({}, fields)})


SUBJECTS: dict[str, Callable[[str, User], Subject]] = {limits.SUBJECT: _limits}
