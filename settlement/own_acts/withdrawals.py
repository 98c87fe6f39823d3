"""That a withdrawal may leave, and that one came back."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import banks, payments
from settlement.models import BankAccount, PayoutAddress, Withdrawal
from settlement.operations import withdrawals
from settlement.own_acts.deposits import NotNow, unbooked_reference_of
from trading.lib.errors import NotFound
from trading.lib.money import Money
from users import acts, audit
from users.acts import Act, Check, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload

Status = Withdrawal.Status


class OnWithdrawal(Act):
    """What acts on withdrawals have in common."""

    subject_type = "withdrawal"
    fields: ClassVar[dict[str, str | Promise]] = {
        "client": lazy("Client"),
        "amount": lazy("Amount"),
        "fee": lazy("Network fee"),
        "to": lazy("Destination"),
        "usable": lazy("Usable"),
        "status": lazy("Status"),
    }

    def row(self, subject_ref: str) -> Withdrawal:
        """
        The withdrawal the act is about.

        :raises NotFound: there is none.
        """
        related = ("client", "asset", "account", "address", "requested_by__person")
        row = Withdrawal.objects.select_related(*related).filter(ref=subject_ref).first()
        if row is None:
            raise NotFound
        return row

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose it is."""
        return Withdrawal.objects.filter(ref=subject_ref).values_list("client", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose, how much, where to, and where it stands; a client who is frozen meanwhile changes it."""
        row = self.row(subject_ref)
        return {
            "client": f"{row.client.ref} {row.client.status}",
            "amount": plain(row),
            "fee": str(row.fee),
            "to": destination_of(row).ref,
            "usable": is_live(destination_of(row)),
            "status": row.status,
        }


def plain(row: Withdrawal) -> str:
    """Its amount in plain digits, with the asset's decimals."""
    return f"{row.amount:.{row.asset.scale}f}"


def destination_of(row: Withdrawal) -> BankAccount | PayoutAddress:
    """Where it goes."""
    destination = row.account or row.address
    assert destination is not None  # noqa: S101 - the database: it has one of the two
    return destination


def is_live(destination: BankAccount | PayoutAddress) -> bool:
    """Whether nobody has ended it."""
    if isinstance(destination, BankAccount):
        return destination.is_usable
    return destination.approved_at is not None and destination.revoked_at is None


def in_full(destination: BankAccount | PayoutAddress) -> str:
    """A destination with every letter people have to compare."""
    if isinstance(destination, BankAccount):
        bank = f"{destination.bank} {destination.bic}".strip()
        return f"{destination.holder}, {banks.number_of(destination)}, {bank}"
    return f"{destination.chain}: {destination.address}"


class ApproveWithdrawal(OnWithdrawal):
    """
    Let a withdrawal go out: on chain a job pays it, by bank somebody of ops does.

    ``{"amount": "5000.000000", "currency": "USDT", "destination": "ADR-…"}``
    """

    name, title = "withdrawal.approve", lazy("Approve withdrawal")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits, its destination is live, its client not frozen, and the details name it."""
        row = self.row(subject_ref)
        if row.status != Status.REQUESTED or not is_live(destination_of(row)):
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if row.client.status != row.client.Status.ACTIVE:
            raise withdrawals.ClientFrozen
        if payload != {"amount": plain(row), "currency": row.asset_id, "destination": destination_of(row).ref}:
            raise BadPayload(field="terms")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Whose, how much, and the destination in full."""
        row = self.row(subject_ref)
        return [
            Line(lazy("Client"), row.client.name, row.client.name),
            Line(lazy("Amount"), "–", str(Money(row.amount, row.asset.unit))),
            Line(lazy("Network fee"), "–", str(Money(row.fee, row.asset.unit))),
            Line(lazy("Destination"), "–", in_full(destination_of(row))),
            Line(lazy("Status"), row.get_status_display(), str(Status.APPROVED.label)),
        ]

    def checks(self, subject_ref: str) -> list[Check]:
        """Who asked, and since when the destination is approved."""
        row = self.row(subject_ref)
        to = destination_of(row)
        return [
            Check("info", lazy("Asked"), lazy("Asked for by"), str(row.requested_by), row.created_at),
            Check("info", lazy("Approved"), lazy("The destination was approved"), to.ref, to.approved_at),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Let it go."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        withdrawals.approve(row, now=now)
        change = acts.carried(request, before={"status": "requested"}, after=request.payload)
        audit.record("withdrawal.approved", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s may go out.") % {"ref": row.ref}


class ReturnWithdrawal(OnWithdrawal):
    """
    A withdrawal by bank came back: on the client's balance again.

    ``{"return_reference": "…"}``: the bank's reference of the payment that came back.
    """

    name, title = "withdrawal.return", lazy("Book return")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It was sent by bank, and what came back has a reference of its own."""
        row = self.row(subject_ref)
        if row.account_id is None or row.status not in {Status.SENT, Status.CONFIRMED}:
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if set(payload) != {"return_reference"}:
            raise BadPayload(field="terms")
        unbooked_reference_of(payload, "return_reference", payments.IN)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Whose balance gets how much again."""
        row = self.row(subject_ref)
        return [
            Line(lazy("Client"), row.client.name, row.client.name),
            Line(lazy("Amount"), "–", str(Money(row.amount, row.asset.unit))),
            Line(lazy("Reference of the payment back"), "–", str(payload.get("return_reference", "–"))),
            Line(lazy("Status"), row.get_status_display(), str(Status.RETURNED.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Put it back."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        before = row.status
        withdrawals.take_back(row, reference=request.payload["return_reference"], now=now)
        change = acts.carried(request, before={"status": before}, after=request.payload)
        audit.record("withdrawal.returned", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s is on the balance again.") % {"ref": row.ref}
