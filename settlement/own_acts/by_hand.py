"""Settling a trade by hand: two people, and a payment that the chain confirms or the bank names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import banks, payments
from settlement.models import BankAccount, PaymentCheck, Settlement
from settlement.operations import by_hand
from settlement.operations.releasing import locked
from settlement.own_acts.deposits import reference_of
from settlement.own_acts.proofs import shown, verified
from settlement.own_acts.settlements import OnSettlement
from settlement.transactions import PaymentUsed
from trading.lib.errors import Conflict
from users import acts, audit
from users.acts import Check, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload

Status = Settlement.Status
BY_HAND = (Status.FLAGGED_OFF, Status.BLOCKED)


class NotByHand(Conflict):
    """It is not one of those that wait for it."""

    code = "not_by_hand"
    text = lazy("{ref} cannot be settled by hand: it is {status}.")


class NothingToPay(Conflict):
    """It only moves between balances at the desk: nothing was paid that could be shown."""

    code = "nothing_to_pay"
    text = lazy("{ref} goes to the client's balance: nothing leaves the desk for it. Release or cancel it.")


def is_paid_by_bank(settlement: Settlement) -> bool:
    """Whether the client is to have fiat, which people may have paid by bank."""
    return settlement.side == Settlement.Side.SELL


def accounts_of(settlement: Settlement) -> list[BankAccount]:
    """List the bank accounts the client's fiat may have gone to. One query."""
    usable = BankAccount.objects.filter(approved_at__isnull=False, ended_at=None)
    return list(usable.filter(counterparty=settlement.client_id, currency=settlement.quote_asset_id).order_by("pk"))


class SettleManually(OnSettlement):
    """
    Settle by a payment that people made: journal, receipt and notices as if the desk had paid.

    USDT on chain: ``{"check": "CHK-…", "transaction": "0x…"}``, a check that verified it.
    Fiat by bank: ``{"account": "BNK-…", "bank_reference": "…"}``, to an approved account of the client.
    """

    name, title, after = "settlement.settle_manually", lazy("Settle by hand"), Status.SETTLED_MANUALLY.label

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits, and what is said to have paid it did, and has paid nothing else."""
        row = self.row(subject_ref)
        if row.status not in BY_HAND:
            raise NotByHand(ref=row.ref, status=row.get_status_display())
        if row.pays_on_chain:
            reference = self.checked(row, payload).transaction
        elif is_paid_by_bank(row):
            reference = self.by_bank(row, payload)[1]
        else:
            raise NothingToPay(ref=row.ref)
        if used := payments.used_for(reference):
            raise PaymentUsed(reference=reference, what=used)

    def checked(self, row: Settlement, payload: Payload) -> PaymentCheck:
        """
        The check that verified the transaction.

        :raises BadPayload: it is none of this settlement, or of another transaction.
        :raises PaymentNotVerified: the chain did not confirm it, or not yet.
        """
        if set(payload) != {"check", "transaction"}:
            raise BadPayload(field="terms")
        check = verified(row, payload, kind=PaymentCheck.Kind.PAID)
        if payload["transaction"] != check.transaction:
            raise BadPayload(field="transaction")
        return check

    def by_bank(self, row: Settlement, payload: Payload) -> tuple[BankAccount, str]:
        """
        The client's account, and the bank's reference.

        :raises BadPayload: no approved account of the client in that currency, or no reference.
        """
        if set(payload) != {"account", "bank_reference"}:
            raise BadPayload(field="terms")
        account = next((one for one in accounts_of(row) if one.ref == payload["account"]), None)
        if account is None:
            raise BadPayload(field="account")
        return account, reference_of(payload, "bank_reference")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The terms, the payment, and the status now and after."""
        row = self.row(subject_ref)
        lines = super().describe(subject_ref, payload)
        if transaction := payload.get("transaction"):
            lines.append(Line(lazy("Transaction"), "–", str(transaction)))
        if account := next((one for one in accounts_of(row) if one.ref == payload.get("account")), None):
            lines.append(Line(lazy("Bank account"), "–", f"{account.holder}, {banks.number_of(account)}"))
            lines.append(Line(lazy("Bank reference"), "–", str(payload.get("bank_reference", "–"))))
        return lines

    def checks(self, subject_ref: str) -> list[Check]:
        """What the chain said to each question about it."""
        asked = PaymentCheck.objects.filter(settlement__ref=subject_ref, kind="paid").order_by("-pk")[:3]
        return [shown(check) for check in asked]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Book it, and close the settlement."""
        settlement = locked(request.subject_ref)
        self.check(request.subject_ref, request.payload)
        before, paid = settlement.status, self._settle(settlement, request, now=now)
        change = acts.carried(request, before={"status": before}, after={"status": settlement.status, **paid})
        audit.record(
            "settlement.settled_manually", actor=request.requested_by, subject=settlement, at=now, change=change
        )
        return _("%(ref)s is settled by hand.") % {"ref": settlement.ref}

    def _settle(self, settlement: Settlement, request: ApprovalRequest, *, now: datetime) -> Mapping[str, Any]:
        if not settlement.pays_on_chain:
            account, reference = self.by_bank(settlement, request.payload)
            by_hand.settle_by_bank(settlement, account, reference, request=request, now=now)
            return {"account": account.ref, "bank_reference": reference}
        check = self.checked(settlement, request.payload)
        by_hand.settle_by_transaction(settlement, check, request=request, now=now)
        return {"transaction": check.transaction, "check": check.ref, "block": check.block_number}
