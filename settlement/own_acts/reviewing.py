"""What two decide about a payment in review, on what the chain said: pay again, take it as paid, or give it up."""

from abc import abstractmethod
from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from settlement import payments
from settlement.models import LpPayment, Payable, PaymentCheck, Settlement, TransferAttempt, Withdrawal
from settlement.operations import payables, reviewing
from settlement.operations.lp_payments import require_owed
from settlement.operations.undone import was_delivered
from settlement.own_acts.lp_payments import OnLpPayment
from settlement.own_acts.proofs import require_in_review, shown, verified, void_of
from settlement.own_acts.settlements import OnSettlement
from settlement.own_acts.withdrawals import OnWithdrawal
from settlement.transactions import PaymentUsed
from users import acts, audit
from users.acts import Act, Check, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload


class OnReview(Act):
    """
    What acts on payments in review have in common; another base says what the payment is of.

    ``{"check": "CHK-…"}``: the check by which the chain proved it.
    """

    after: ClassVar[str | Promise] = ""
    event: ClassVar[str]
    done: ClassVar[str | Promise]

    @abstractmethod
    def proof(self, row: Payable, payload: Payload) -> PaymentCheck:
        """
        The check that proves it.

        :raises NotInReview: it is not (any more).
        :raises BadPayload: no check of its last payment.
        :raises PaymentNotVerified: the chain did not say so.
        """

    @abstractmethod
    def act(self, row: Payable, check: PaymentCheck, request: ApprovalRequest, *, now: datetime) -> None:
        """Do it. The row is locked."""

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The terms, the status now and after, and the check that is the proof."""
        row = payables.found(subject_ref)
        terms = [
            (lazy("Counterparty"), row.party.name),
            (lazy("Amount"), f"{row.paid_amount.normalize():f} USDT"),
            (lazy("Destination"), str(row.paid_to)),
        ]
        return [
            *(Line(words, value, value) for words, value in terms),
            Line(lazy("Status"), row.get_status_display(), str(self.after)),
            Line(lazy("Proof"), "–", str(payload.get("check", "–"))),
        ]

    def checks(self, subject_ref: str) -> list[Check]:
        """What the chain said to each question about it."""
        asked = PaymentCheck.objects.filter(**{f"{payables.word_of(subject_ref)}__ref": subject_ref})
        return [shown(check) for check in asked.order_by("-pk")[:5]]

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It is in review, and proved."""
        self.proof(payables.found(subject_ref), payload)

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Do it on what still holds."""
        row = payables.locked(request.subject_ref)
        check = self.proof(row, request.payload)
        self.act(row, check, request, now=now)
        after = {"check": check.ref} | ({"transaction": check.transaction} if check.transaction else {})
        change = acts.carried(request, before={"status": "needs_review"}, after=after)
        audit.record(self.event, actor=request.requested_by, subject=row, at=now, change=change)
        return str(self.done) % {"ref": row.ref}


class Resend(OnReview):
    """Pay it again: the chain said that what was signed can never happen any more."""

    done = lazy("%(ref)s is paid again.")

    def proof(self, row: Payable, payload: Payload) -> PaymentCheck:
        """
        Its last payment is impossible, and the money is still owed.

        :raises MoreThanOwed: the desk owes the LP less by now.
        """
        check = void_of(row, payload)
        if isinstance(row, LpPayment) and not was_delivered(row):
            require_owed(row)
        return check

    def act(self, row: Payable, _check: PaymentCheck, _request: ApprovalRequest, *, now: datetime) -> None:
        """Give the last payment up; a job signs the next generation."""
        reviewing.resend(row, now=now)


class TakeAsPaid(OnReview):
    """
    Take it as paid: the chain has one of the transactions that were signed for it, finally, and it paid exactly this.
    """

    done = lazy("%(ref)s is settled.")

    def proof(self, row: Payable, payload: Payload) -> PaymentCheck:
        """
        One of its transactions paid it.

        :raises BadPayload: no check of it, or of a transaction the desk did not sign for it.
        """
        require_in_review(row)
        check = verified(row, payload, kind=PaymentCheck.Kind.PAID)
        of_it = {f"transfer__{row.word}": row, "transfer__status": "needs_review"}
        if not TransferAttempt.objects.filter(tx_hash=check.transaction, **of_it).exists():
            raise BadPayload(field="check")
        return check

    def act(self, row: Payable, check: PaymentCheck, _request: ApprovalRequest, *, now: datetime) -> None:
        """Deliver, unless it was delivered before its chain undid it."""
        reviewing.confirm(row, check, now=now)


class TakeOther(OnReview):
    """
    Take it as paid by another transaction out of a wallet of the desk; what was signed for it can never happen.

    ``{"check": "CHK-…", "payment": "CHK-…", "transaction": "0x…"}``: the check that says the latter, the one that
    verified the transaction, and its id.
    """

    done = lazy("%(ref)s is settled by another payment.")

    def proof(self, row: Payable, payload: Payload) -> PaymentCheck:
        """
        Its last payment is impossible, and the other one paid exactly this and nothing else.

        :raises PaymentUsed: it has paid something already.
        """
        void_of(row, payload, others={"payment", "transaction"})
        check = verified(row, payload, kind=PaymentCheck.Kind.PAID, field="payment")
        if payload["transaction"] != check.transaction:
            raise BadPayload(field="transaction")
        if used := payments.used_for(check.transaction):
            raise PaymentUsed(reference=check.transaction, what=used)
        return check

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """With the transaction that paid."""
        lines = super().describe(subject_ref, payload)
        return [*lines, Line(lazy("Transaction"), "–", str(payload.get("transaction", "–")))]

    def act(self, row: Payable, check: PaymentCheck, request: ApprovalRequest, *, now: datetime) -> None:
        """Give the last payment up and book the other."""
        reviewing.take_other(row, check, request=request, now=now)


class GiveUp(OnReview):
    """Give it up: the chain said that what was signed can never happen any more. Nobody is paid."""

    done = lazy("%(ref)s is given up.")

    def proof(self, row: Payable, payload: Payload) -> PaymentCheck:
        """Its last payment is impossible."""
        return void_of(row, payload)

    def act(self, row: Payable, _check: PaymentCheck, _request: ApprovalRequest, *, now: datetime) -> None:
        """Let what was held go: the client's money is free, what the desk owes an LP it owes still."""
        reviewing.give_up(row, now=now)


class ResendPayment(Resend, OnSettlement):
    """Pay a settlement again."""

    name, title, after = "settlement.resend", lazy("Pay again"), Settlement.Status.PAYING.label
    event = "settlement.resent"


class ConfirmPayment(TakeAsPaid, OnSettlement):
    """Take a settlement as paid."""

    name, title, after = "settlement.confirm_payment", lazy("Take as paid"), Settlement.Status.SETTLED.label
    event = "settlement.confirmed"


class ResendWithdrawal(Resend, OnWithdrawal):
    """Pay a withdrawal again."""

    name, title, after = "withdrawal.resend", lazy("Pay withdrawal again"), Withdrawal.Status.PAYING.label
    event = "withdrawal.resent"


class ConfirmWithdrawal(TakeAsPaid, OnWithdrawal):
    """Take a withdrawal as paid."""

    name, title = "withdrawal.confirm_payment", lazy("Take withdrawal as paid")
    after, event = Withdrawal.Status.CONFIRMED.label, "withdrawal.taken_as_paid"


class GiveUpWithdrawal(GiveUp, OnWithdrawal):
    """Give a withdrawal up: its client has the money again."""

    name, title, after = "withdrawal.give_up", lazy("Give withdrawal up"), Withdrawal.Status.DECLINED.label
    event = "withdrawal.given_up"


class ResendLpPayment(Resend, OnLpPayment):
    """Pay an LP again."""

    name, title, after = "lp_payment.resend", lazy("Pay LP again"), LpPayment.Status.PAYING.label
    event = "lp_payment.resent"


class ConfirmLpPayment(TakeAsPaid, OnLpPayment):
    """Take an LP payment as paid."""

    name, title = "lp_payment.confirm_payment", lazy("Take LP payment as paid")
    after, event = LpPayment.Status.CONFIRMED.label, "lp_payment.taken_as_paid"


class GiveUpLpPayment(GiveUp, OnLpPayment):
    """Give an LP payment up: the desk owes it as before."""

    name, title, after = "lp_payment.give_up", lazy("Give LP payment up"), LpPayment.Status.DECLINED.label
    event = "lp_payment.given_up"


class TakeOtherPayment(TakeOther, OnSettlement):
    """Take a settlement as paid by another transaction."""

    name, title = "settlement.take_other", lazy("Take another payment")
    after, event = Settlement.Status.SETTLED_MANUALLY.label, "settlement.settled_manually"


class TakeOtherWithdrawal(TakeOther, OnWithdrawal):
    """Take a withdrawal as paid by another transaction."""

    name, title = "withdrawal.take_other", lazy("Take another payment for a withdrawal")
    after, event = Withdrawal.Status.CONFIRMED.label, "withdrawal.paid_otherwise"


class TakeOtherLpPayment(TakeOther, OnLpPayment):
    """Take an LP payment as paid by another transaction."""

    name, title = "lp_payment.take_other", lazy("Take another payment for an LP")
    after, event = LpPayment.Status.CONFIRMED.label, "lp_payment.paid_otherwise"


ACTS: tuple[type[Act], ...] = (
    ResendPayment,
    ConfirmPayment,
    TakeOtherPayment,
    ResendWithdrawal,
    ConfirmWithdrawal,
    TakeOtherWithdrawal,
    GiveUpWithdrawal,
    ResendLpPayment,
    ConfirmLpPayment,
    TakeOtherLpPayment,
    GiveUpLpPayment,
)
