"""A client's balances and credit lines, and the act that changes a line."""

from collections.abc import Callable

from django import forms
from django.utils.translation import gettext as _

from settlement import balances, money
from settlement.forms.money import AmountField, choice
from settlement.views.subjects import Facts, Subject
from trading.lib.money import Money
from users.models import User


def _client(ref: str, reader: User) -> Subject:
    client = money.client(ref, reader=reader)
    holdings = balances.of_client(client)
    facts: Facts = [(_("Client"), client)]
    for one in holdings:
        line, used, free = (Money(amount, one.unit) for amount in (one.credit, one.credit_used, one.available))
        words = _("available %(free)s; credit line %(line)s, of it used %(used)s")
        facts.append((one.unit.code, words % {"free": free, "line": line, "used": used}))

    def fields(_actor: User) -> dict[str, forms.Field]:
        currency = choice(_("Currency"))
        currency.choices = [(one.unit.code, one.unit.code) for one in holdings]
        return {
            "currency": currency,
            "credit": AmountField(label=_("Credit line"), help_text=_("Zero ends it."), may_be_zero=True),
        }

    return Subject(ref, "counterparties", "counterparty", client.status, facts, {"credit.change": ({}, fields)})


SUBJECTS: dict[str, Callable[[str, User], Subject]] = {"CPY": _client}
