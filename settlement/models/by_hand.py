"""The chain's answer to a question about a payment; and the payment that was taken to settle a trade by hand."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from settlement.models.destinations import BankAccount
from settlement.models.lp_payments import LpPayment
from settlement.models.settlements import Settlement
from settlement.models.transfers import OF_ONE, OfPayable, Transfer, Wallet
from settlement.models.withdrawals import Withdrawal
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import ApprovalRequest


class PaymentCheck(OfPayable, StateMachine):
    """
    A question to the chain, and its answer: the evidence that two people decide on.

    *Paid*: did `transaction` pay what this is about, finally, out of a wallet of the desk? *Void*: can the
    `transfer` that was signed for it never happen any more? A job asks; nobody's word is an answer.
    """

    class Kind(models.TextChoices):
        """What is asked."""

        PAID = "paid", _("Paid")
        VOID = "void", _("Cannot happen")

    class Status(models.TextChoices):
        """What the chain said."""

        ASKED = "asked", _("Being checked")
        VERIFIED = "verified", _("Verified")
        REFUSED = "refused", _("Not verified")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.ASKED})
    TRANSITIONS: ClassVar[Transitions] = {Status.ASKED: frozenset({Status.VERIFIED, Status.REFUSED})}

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "CHK"))
    kind = models.CharField(max_length=4, choices=Kind.choices)
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, null=True, blank=True, related_name="checks")
    transaction = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ASKED)
    reason = models.CharField(max_length=32, blank=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    to_address = models.CharField(max_length=64, blank=True)
    amount_minor = models.DecimalField(max_digits=38, decimal_places=0, null=True, blank=True)
    nonce = models.BigIntegerField(null=True, blank=True)
    block_number = models.BigIntegerField(null=True, blank=True)
    confirmations = models.PositiveIntegerField(default=0)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=OF_ONE, name="check_of_one"),
            models.CheckConstraint(
                condition=Q(kind="paid", transfer__isnull=True) & ~Q(transaction="")
                | Q(kind="void", transfer__isnull=False),
                name="check_about_something",
            ),
            models.CheckConstraint(condition=~Q(status="refused") | ~Q(reason=""), name="check_refused_why"),
            models.CheckConstraint(
                condition=~Q(status="verified", kind="paid")
                | Q(wallet__isnull=False, amount_minor__isnull=False, nonce__isnull=False, block_number__isnull=False),
                name="check_verified_what",
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class ManualPayment(models.Model):
    """
    The payment that settled something by hand: a transaction the chain confirmed, or a bank's payment. Never changes.

    By bank a trade only; withdrawals and LP payments only after the desk's own payment of them was given up.

    `reference` is the transaction's id or the bank's reference; it pays once, among everything that was ever paid.
    """

    append_only: ClassVar[bool] = True

    settlement = models.OneToOneField(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="paid_by_hand"
    )
    withdrawal = models.OneToOneField(
        Withdrawal, on_delete=models.PROTECT, null=True, blank=True, related_name="paid_by_hand"
    )
    lp_payment = models.OneToOneField(
        LpPayment, on_delete=models.PROTECT, null=True, blank=True, related_name="paid_by_hand"
    )
    reference = models.CharField(max_length=80, unique=True)
    check_made = models.OneToOneField(PaymentCheck, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(check_made__isnull=False, account__isnull=True)
                | Q(check_made__isnull=True, account__isnull=False, settlement__isnull=False),
                name="manual_payment_by_one_way",
            ),
            models.CheckConstraint(condition=OF_ONE, name="manual_payment_of_one"),
        ]

    def __str__(self) -> str:
        return self.reference
