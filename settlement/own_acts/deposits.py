"""Crediting a large deposit, or one whose sender nobody knew; sending one back."""

from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import banks, payments, transactions
from settlement.models import Deposit
from settlement.operations import deposits
from settlement.operations.withdrawals import require_not_booked
from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.money import Money
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest, Counterparty
from users.own_acts.base import BadPayload

Status = Deposit.Status


class NotNow(Conflict):
    """Where it stands, this cannot be done with it."""

    code = "wrong_money_state"
    text = lazy("{ref} is {status}; this cannot be done now.")


class NotAsWritten(Invalid):
    """A reference in another form than it is kept and compared in: what two people sign is what is booked."""

    code = "reference_not_as_written"
    text = lazy("Write the reference as it is kept: {plain}.")


def reference_of(payload: Payload, field: str, *, chain: str = "") -> str:
    """
    A reference among the details: the bank's, or on this chain a transaction's id.

    :raises BadPayload: none, or one no bank would give.
    :raises BadTransactionId: it is none of that chain.
    :raises NotAsWritten: it is typed in another form.
    """
    value = payload.get(field)
    if not isinstance(value, str):
        raise BadPayload(field=field)
    plain = transactions.require_valid(chain, value) if chain else banks.reference(value)
    if not plain or (not chain and len(plain) > banks.LONGEST_REFERENCE):
        raise BadPayload(field=field)
    if value != plain:
        raise NotAsWritten(plain=plain)
    return plain


def unbooked_reference_of(payload: Payload, field: str, way: str, *, chain: str = "") -> str:
    """
    The reference among the details of a payment in this direction that is not booked yet.

    :raises BadPayload: none, or one no bank would give.
    :raises BadTransactionId: it is none of that chain.
    :raises NotAsWritten: it is typed in another form.
    :raises BankReferenceTaken: it is booked already, as whatever it is.
    """
    reference = reference_of(payload, field, chain=chain)
    require_not_booked(reference, way)
    return reference


class OnDeposit(Act):
    """What acts on deposits have in common."""

    subject_type = "deposit"
    fields: ClassVar[dict[str, str | Promise]] = {
        "client": lazy("Client"),
        "amount": lazy("Amount"),
        "bank_reference": lazy("Bank reference"),
        "sender": lazy("Sender"),
        "status": lazy("Status"),
        "transaction": lazy("Transaction"),
        "reason": lazy("Reason"),
    }

    def row(self, subject_ref: str) -> Deposit:
        """
        The deposit the act is about.

        :raises NotFound: there is none.
        """
        row = Deposit.objects.select_related("client", "asset", "wallet__account").filter(ref=subject_ref).first()
        if row is None:
            raise NotFound
        return row

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose it is."""
        return Deposit.objects.filter(ref=subject_ref).values_list("client", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose, how much, by which payment, and where it stands."""
        row = self.row(subject_ref)
        found: dict[str, object] = {
            "client": row.client.ref if row.client else None,
            "amount": shown(row),
            "bank_reference": row.bank_reference,
            "sender": row.sender,
            "status": row.status,
        }
        return found | ({"transaction": row.tx_hash, "reason": row.reason} if row.is_on_chain else {})


def shown(row: Deposit) -> str:
    """Its amount for people to read."""
    amount = row.amount if row.amount is not None else row.announced
    return str(Money(amount, row.asset.unit)) if amount is not None else "–"


class ConfirmDeposit(OnDeposit):
    """
    Credit a deposit: what the bank says it received, or what came on chain, to the client it is from.

    ``{"client": "CPY-…", "amount": "60000.00", "bank_reference": "…"}``; on chain with its ``"transaction"`` instead of
    the bank's reference.
    """

    name, title = "deposit.confirm", lazy("Confirm deposit")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It was received, and the details are those of the bank."""
        row = self.row(subject_ref)
        if row.status not in {Status.RECEIVED, Status.SUSPENSE}:
            raise NotNow(ref=row.ref, status=row.get_status_display())
        ((paid_by, reference),) = evidence_of(row).items()
        if set(payload) != {"client", "amount", paid_by}:
            raise BadPayload(field="terms")
        if payload["amount"] != plain(row):
            raise BadPayload(field="amount")
        if payload[paid_by] != reference:
            raise BadPayload(field=paid_by)
        client = self.client(payload)
        if row.client is not None and client.pk != row.client.pk:
            raise BadPayload(field="client")

    def client(self, payload: Payload) -> Counterparty:
        """
        The client who is credited.

        :raises BadPayload: no client.
        """
        found = Counterparty.objects.filter(ref=str(payload["client"]), kind=Counterparty.Kind.CLIENT).first()
        if found is None:
            raise BadPayload(field="client")
        return found

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Who gets how much, for which payment."""
        row = self.row(subject_ref)
        client = self.client(payload) if payload else row.client
        announced = str(Money(row.announced, row.asset.unit)) if row.announced is not None else "–"
        return [
            Line(lazy("Client"), row.client.name if row.client else "–", client.name if client else "–"),
            Line(lazy("Amount"), announced, shown(row)),
            paid_by_line(row),
            Line(lazy("Sender"), row.sender or "–", row.sender or "–"),
            Line(lazy("Status"), row.get_status_display(), str(Status.CREDITED.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Credit it."""
        self.check(request.subject_ref, request.payload)
        row, client = self.row(request.subject_ref), self.client(request.payload)
        deposits.credit(row, client, actor=request.requested_by, now=now)
        change = acts.carried(request, before={"status": "received"}, after=request.payload)
        audit.record("deposit.confirmed", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(amount)s is on %(client)s's balance.") % {"amount": shown(row), "client": client.name}


class ReturnDeposit(OnDeposit):
    """
    A deposit went back to who sent it: from suspense, or off the client's balance.

    ``{"return_reference": "…"}``: the bank's reference of the payment back, on chain its transaction. What came on
    chain stays in the wallet as the firm's own money: the firm pays it back from elsewhere.
    """

    name, title = "deposit.return", lazy("Return deposit")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It is here, and the payment back has a reference of its own."""
        row = self.row(subject_ref)
        if row.status not in {Status.CREDITED, Status.SUSPENSE}:
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if set(payload) != {"return_reference"}:
            raise BadPayload(field="terms")
        chain = row.wallet.chain if row.wallet else ""
        if reference_of(payload, "return_reference", chain=chain) in evidence_of(row).values():
            raise BadPayload(field="return_reference")
        unbooked_reference_of(payload, "return_reference", payments.OUT, chain=chain)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Whose balance loses how much."""
        row = self.row(subject_ref)
        return [
            Line(lazy("Client"), row.client.name if row.client else "–", row.client.name if row.client else "–"),
            Line(lazy("Amount"), shown(row), "–"),
            Line(lazy("Reference of the payment back"), "–", str(payload.get("return_reference", "–"))),
            Line(lazy("Status"), row.get_status_display(), str(Status.RETURNED.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Take it off."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        before = row.status
        deposits.give_back(row, reference=request.payload["return_reference"], now=now)
        change = acts.carried(request, before={"status": before}, after=request.payload)
        audit.record("deposit.returned", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s went back.") % {"ref": row.ref}


def evidence_of(row: Deposit) -> dict[str, str | None]:
    """What says that it came: the bank's reference, or the transaction; under the name that details have."""
    return {"transaction": row.tx_hash} if row.is_on_chain else {"bank_reference": row.bank_reference}


def paid_by_line(row: Deposit) -> Line:
    """By which payment it came, for people."""
    if row.is_on_chain:
        wallet = row.wallet
        return Line(lazy("Transaction"), "–", f"{wallet.chain if wallet else ''}: {row.tx_hash}")
    return Line(lazy("Bank reference"), "–", row.bank_reference or "–")


def plain(row: Deposit) -> str | None:
    """Its amount in plain digits, with the currency's decimals."""
    return None if row.amount is None else f"{row.amount:.{row.asset.scale}f}"
