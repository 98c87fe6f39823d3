"""The page of what the wallets may pay at most."""

from collections.abc import Callable

from django import forms
from django.utils.translation import gettext as _

from settlement import wallet_limits as limits
from settlement.forms.money import AmountField
from settlement.views.subjects import Facts, Subject
from settlement.views.withdrawal_limits import IN_FORCE, last_change
from users.models import User


def _limits(ref: str, reader: User) -> Subject:  # noqa: ARG001 - the interface
    policy = limits.current()
    now = limits.values_of(policy)

    def fields(_actor: User) -> dict[str, forms.Field]:
        return {
            name: AmountField(label=limits.words_of(name), initial=now[name], may_be_zero=True)
            for name in limits.FIELDS
        }

    facts: Facts = [
        (limits.words_of(name), now[name] if now[name] != "0" else _("not limited")) for name in limits.FIELDS
    ]
    facts.append(last_change(policy))
    return Subject(ref, "wallets", "user", IN_FORCE, facts, {"wallet_policy.change": ({}, fields)})


SUBJECTS: dict[str, Callable[[str, User], Subject]] = {limits.SUBJECT: _limits}
