"""How far a client may trade ahead of its money, in one currency."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import balances, ledger
from settlement.balances import Holding
from settlement.models import LedgerAccount
from trading.lib.errors import Conflict, NotFound
from trading.lib.money import Money
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest, Counterparty
from users.own_acts.base import BadPayload, amount_of, plain


class SameCredit(Conflict):
    """What is proposed holds already."""

    code = "same_credit"
    text = lazy("This credit line holds already.")


class CreditInUse(Conflict):
    """A line is never cut below what is taken of it."""

    code = "credit_in_use"
    text = lazy("{client} uses {used} of the line. It cannot fall below that before money has come in.")


class ChangeCredit(Act):
    """
    Another credit line for a client in one currency, from the moment it is executed; zero ends it.

    ``{"currency": "EUR", "credit": "50000"}``: whole units, a text of plain digits.
    """

    name, title, subject_type = "credit.change", lazy("Change credit line"), "counterparty"
    fields: ClassVar[dict[str, str | Promise]] = {"name": lazy("Client"), "lines": lazy("Credit lines")}

    def client(self, subject_ref: str) -> Counterparty:
        """
        The client the act is about.

        :raises NotFound: there is none.
        """
        found = Counterparty.objects.filter(ref=subject_ref, kind=Counterparty.Kind.CLIENT).first()
        if found is None:
            raise NotFound
        return found

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose, and every line as it is."""
        client = self.client(subject_ref)
        return {
            "name": client.name,
            "lines": [f"{code} {plain(one.credit)}" for code, one in _holdings(client).items()],
        }

    def check(self, subject_ref: str, payload: Payload) -> None:
        """An amount of a currency the client has an account in, another than now, and no less than is taken."""
        holding, wanted = self._terms(self.client(subject_ref), payload)
        if wanted == holding.credit:
            raise SameCredit
        if wanted < holding.credit_used:
            raise self._in_use(self.client(subject_ref), holding)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The line now and after, and what is taken of it."""
        client = self.client(subject_ref)
        if not payload:
            return [Line(lazy("Client"), client.name, client.name)]
        holding, wanted = self._terms(client, payload)
        unit = holding.unit
        return [
            Line(lazy("Client"), client.name, client.name),
            Line(lazy("Credit line"), str(Money(holding.credit, unit)), str(Money(wanted, unit))),
            Line(lazy("Of it used"), str(Money(holding.credit_used, unit)), str(Money(holding.credit_used, unit))),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Set it. Whatever takes of the balance locks the client first; the floor in the database has the last word."""
        client = Counterparty.objects.select_for_update().get(ref=request.subject_ref)
        self.check(client.ref, request.payload)
        holding, wanted = self._terms(client, request.payload)
        account = LedgerAccount.objects.filter(code=ledger.of(client, holding.unit))
        try:
            with ledger.refusals():
                account.update(credit_minor=ledger.minor(wanted, holding.unit))
        except ledger.InsufficientBalance as error:
            raise self._in_use(client, holding) from error
        before, after = ({"currency": holding.unit.code, "credit": plain(one)} for one in (holding.credit, wanted))
        change = acts.carried(request, before=before, after=after)
        audit.record("credit.changed", actor=request.requested_by, subject=client, at=now, change=change)
        return _("%(client)s has a credit line of %(amount)s.") % {
            "client": client.name,
            "amount": Money(wanted, holding.unit),
        }

    def _terms(self, client: Counterparty, payload: Mapping[str, Any]) -> tuple[Holding, Decimal]:
        if set(payload) != {"currency", "credit"}:
            raise BadPayload(field="terms")
        holding = _holdings(client).get(str(payload["currency"]))
        if holding is None:
            raise BadPayload(field="currency")
        return holding, amount_of(payload, "credit", places=holding.unit.scale)

    def _in_use(self, client: Counterparty, holding: Holding) -> CreditInUse:
        return CreditInUse(client=client.name, used=Money(holding.credit_used, holding.unit))


def _holdings(client: Counterparty) -> dict[str, Holding]:
    return {one.unit.code: one for one in balances.of_client(client)}
