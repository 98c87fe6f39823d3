"""That the desk pays an LP, that an LP has paid, and that a payment came back."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import payments
from settlement.models import BankAccount, LpPayment, PayoutAddress
from settlement.operations import lp_payments
from settlement.own_acts.deposits import NotNow, unbooked_reference_of
from settlement.own_acts.withdrawals import in_full, is_live
from trading.lib.errors import NotFound
from trading.lib.money import Money
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, amount_of

Status = LpPayment.Status


class OnLpPayment(Act):
    """What acts on LP payments have in common."""

    subject_type = "lp_payment"
    fields: ClassVar[dict[str, str | Promise]] = {
        "lp": lazy("LP"),
        "direction": lazy("Direction"),
        "amount": lazy("Amount"),
        "way": lazy("Destination"),
        "usable": lazy("Usable"),
        "status": lazy("Status"),
    }

    def row(self, subject_ref: str) -> LpPayment:
        """
        The payment the act is about.

        :raises NotFound: there is none.
        """
        related = ("lp", "asset", "account", "address", "wallet__account")
        row = LpPayment.objects.select_related(*related).filter(ref=subject_ref).first()
        if row is None:
            raise NotFound
        return row

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose it is."""
        return LpPayment.objects.filter(ref=subject_ref).values_list("lp", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """With whom, which way, how much, where to, and where it stands."""
        row = self.row(subject_ref)
        return {
            "lp": row.lp.ref,
            "direction": row.direction,
            "amount": plain(row),
            "way": way_of(row),
            "usable": row.wallet is not None or is_live(_destination(row)),
            "status": row.status,
        }

    def terms(self, row: LpPayment) -> list[Line]:
        """With whom and which way, for people to read."""
        return [
            Line(lazy("LP"), row.lp.name, row.lp.name),
            Line(lazy("Direction"), row.get_direction_display(), row.get_direction_display()),
        ]


def _destination(row: LpPayment) -> BankAccount | PayoutAddress:
    destination = row.account or row.address
    assert destination is not None  # noqa: S101 - the database: an account, an address or a wallet
    return destination


def plain(row: LpPayment) -> str:
    """Its amount in plain digits, with the asset's decimals."""
    return f"{row.amount:.{row.asset.scale}f}"


def way_of(row: LpPayment) -> str:
    """Where it goes, in short: a destination's ref or a wallet's name."""
    return row.wallet.name if row.wallet else _destination(row).ref


def way_in_full(row: LpPayment) -> str:
    """Where it goes, with every letter people have to compare."""
    if row.wallet:
        return f"{row.wallet.name}, {row.wallet.chain}: {row.wallet.address}"
    return in_full(_destination(row))


class ApproveLpPayment(OnLpPayment):
    """
    Let the desk pay an LP: on chain a job pays it, by bank somebody of ops does.

    ``{"amount": "5000.00", "currency": "EUR", "destination": "BNK-…"}``
    """

    name, title = "lp_payment.approve", lazy("Approve LP payment")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits, the desk owes so much, its destination is live, and the details name it."""
        row = self.row(subject_ref)
        if row.status != Status.REQUESTED or not row.is_out or not is_live(_destination(row)):
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if payload != {"amount": plain(row), "currency": row.asset_id, "destination": way_of(row)}:
            raise BadPayload(field="terms")
        lp_payments.require_owed(row)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """How much of what is owed goes where."""
        row = self.row(subject_ref)
        owed = lp_payments.open_between(row.lp, row.asset, row.direction, until=row.netted_until, but=row)
        return [
            *self.terms(row),
            Line(lazy("The desk owes"), _shown(owed, row), _shown(owed - row.amount, row)),
            Line(lazy("Amount"), "–", _shown(row.amount, row)),
            Line(lazy("Destination"), "–", way_in_full(row)),
            Line(lazy("Status"), row.get_status_display(), str(Status.APPROVED.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Let it go."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        lp_payments.approve_lp_payment(row, now=now)
        change = acts.carried(request, before={"status": "requested"}, after=request.payload)
        audit.record("lp_payment.approved", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s may go out.") % {"ref": row.ref}


class ReceiveLpPayment(OnLpPayment):
    """
    The LP has paid: what came, by which payment.

    ``{"amount": "4999.50", "currency": "EUR", "reference": "…"}``: the bank's reference, or the transaction's hash.
    """

    name, title = "lp_payment.receive", lazy("Book the LP's payment")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It is waited for, and the details are an amount and a reference that is no other payment's."""
        row = self.row(subject_ref)
        if row.status != Status.REQUESTED or row.is_out:
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if set(payload) != {"amount", "currency", "reference"} or payload["currency"] != row.asset_id:
            raise BadPayload(field="terms")
        lp_payments.require_amount(amount_of(payload, "amount", places=row.asset.scale), row.asset)
        unbooked_reference_of(payload, "reference", payments.IN, chain=row.wallet.chain if row.wallet else "")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """How much came, and what stands after it."""
        row = self.row(subject_ref)
        owes = lp_payments.open_between(row.lp, row.asset, row.direction, but=row)
        came = amount_of(payload, "amount", places=row.asset.scale) if payload else row.amount
        return [
            *self.terms(row),
            Line(lazy("The LP owes"), _shown(owes, row), _shown(owes - came, row)),
            Line(lazy("Amount received"), _shown(row.amount, row), _shown(came, row)),
            Line(lazy("Destination"), way_in_full(row), way_in_full(row)),
            Line(lazy("Bank reference"), "–", str(payload.get("reference", "–"))),
            Line(lazy("Status"), row.get_status_display(), str(Status.CONFIRMED.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Book it."""
        self.check(request.subject_ref, request.payload)
        row, payload = self.row(request.subject_ref), request.payload
        amount = amount_of(payload, "amount", places=row.asset.scale)
        lp_payments.receive(row, amount=amount, reference=payload["reference"], now=now)
        change = acts.carried(request, before={"status": "requested"}, after=payload)
        audit.record("lp_payment.received", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(amount)s of %(lp)s is booked.") % {"amount": _shown(amount, row), "lp": row.lp.name}


class ReturnLpPayment(OnLpPayment):
    """
    A payment by bank came back: the desk owes it again.

    ``{"return_reference": "…"}``: the bank's reference of the payment that came back.
    """

    name, title = "lp_payment.return", lazy("Book return of LP payment")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It was sent by bank, and what came back has a reference of its own."""
        row = self.row(subject_ref)
        if not row.is_out or row.account_id is None or row.status not in {Status.SENT, Status.CONFIRMED}:
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if set(payload) != {"return_reference"}:
            raise BadPayload(field="terms")
        unbooked_reference_of(payload, "return_reference", payments.IN)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Whom the desk owes how much again."""
        row = self.row(subject_ref)
        return [
            *self.terms(row),
            Line(lazy("Amount"), "–", _shown(row.amount, row)),
            Line(lazy("Reference of the payment back"), "–", str(payload.get("return_reference", "–"))),
            Line(lazy("Status"), row.get_status_display(), str(Status.RETURNED.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Put it back."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        before = row.status
        lp_payments.take_back_lp_payment(row, reference=request.payload["return_reference"], now=now)
        change = acts.carried(request, before={"status": before}, after=request.payload)
        audit.record("lp_payment.returned", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s came back: the desk owes it again.") % {"ref": row.ref}


def _shown(amount: Decimal, row: LpPayment) -> str:
    return str(Money(amount, row.asset.unit))
