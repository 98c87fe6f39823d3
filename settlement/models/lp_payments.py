"""What is paid between the desk and an LP for what has accrued between them."""

from decimal import Decimal
from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from settlement.models.destinations import BankAccount
from settlement.models.ledger import Asset
from settlement.models.settlements import PayoutAddress
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import Counterparty


class LpPayment(StateMachine):
    """
    One payment that nets what desk and LP owe each other in one asset.

    `netted_until`: what accrued later is not in it; nothing: all of it. Out: by bank with the bank's reference, or by
    a `Transfer`. In: to the desk's bank account or to a wallet; `received` is what came, `amount` what was asked for.
    """

    class Direction(models.TextChoices):
        """Who pays."""

        OUT = "out", _("The desk pays the LP")
        IN = "in", _("The LP pays the desk")

    class Status(models.TextChoices):
        """See the table in docs/lp-payments.md."""

        REQUESTED = "requested", _("Requested")
        APPROVED = "approved", _("Approved")
        SENT = "sent", _("Sent")
        PAYING = "paying", _("Paying")
        NEEDS_REVIEW = "needs_review", _("Needs review")
        CONFIRMED = "confirmed", _("Confirmed")
        RETURNED = "returned", _("Returned")
        DECLINED = "declined", _("Declined")

    word: ClassVar[str] = "lp_payment"  # as of settlements
    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.REQUESTED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.REQUESTED: frozenset({Status.APPROVED, Status.CONFIRMED, Status.DECLINED}),
        Status.APPROVED: frozenset({Status.SENT, Status.PAYING, Status.DECLINED}),
        Status.SENT: frozenset({Status.CONFIRMED, Status.RETURNED}),
        Status.PAYING: frozenset({Status.CONFIRMED, Status.NEEDS_REVIEW}),
        Status.NEEDS_REVIEW: frozenset({Status.PAYING, Status.CONFIRMED, Status.DECLINED}),
        Status.CONFIRMED: frozenset({Status.RETURNED, Status.NEEDS_REVIEW}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "LPP"))
    lp = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="lp_payments")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    direction = models.CharField(max_length=3, choices=Direction.choices)
    amount = models.DecimalField(max_digits=24, decimal_places=8)
    received = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    netted_until = models.DateTimeField(null=True, blank=True)
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    address = models.ForeignKey(PayoutAddress, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    wallet = models.ForeignKey("settlement.Wallet", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)
    reference = models.CharField(max_length=80, null=True, blank=True, unique=True)
    return_reference = models.CharField(max_length=64, null=True, blank=True, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.REQUESTED)
    reason = models.CharField(max_length=300, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "-id"], name="lp_payment_status"),
            models.Index(fields=["lp", "-id"], name="lp_payment_lp"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["requested_by", "key"], name="lp_payment_key_once"),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & (Q(received__isnull=True) | Q(received__gt=0)), name="lp_payment_positive"
            ),
            models.CheckConstraint(
                condition=Q(account__isnull=False, address__isnull=True, wallet__isnull=True)
                | Q(account__isnull=True, address__isnull=False, wallet__isnull=True, direction="out")
                | Q(account__isnull=True, address__isnull=True, wallet__isnull=False, direction="in"),
                name="lp_payment_one_way",
            ),
            models.CheckConstraint(
                condition=Q(direction="out") | Q(status__in=["requested", "confirmed", "declined"]),
                name="lp_payment_in_comes_at_once",
            ),
            models.CheckConstraint(
                condition=~Q(status="confirmed", direction="in") | Q(received__isnull=False, reference__isnull=False),
                name="lp_payment_received_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["sent", "returned"]) | Q(account__isnull=False, reference__isnull=False),
                name="lp_payment_sent_by_bank",
            ),
            models.CheckConstraint(
                condition=~Q(status="confirmed", account__isnull=False) | Q(reference__isnull=False),
                name="lp_payment_confirmed_was_sent",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["paying", "needs_review"]) | Q(address__isnull=False),
                name="lp_payment_paid_on_chain",
            ),
            models.CheckConstraint(
                condition=~Q(status="returned") | Q(return_reference__isnull=False), name="lp_payment_returned_how"
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def party(self) -> Counterparty:
        """Whom it pays. Needs it loaded."""
        return self.lp

    @property
    def paid_to(self) -> PayoutAddress | None:
        """Where it pays on chain. Needs it loaded."""
        return self.address

    @property
    def paid_amount(self) -> Decimal:
        """What it pays on chain, in USDT."""
        return self.amount

    @property
    def is_out(self) -> bool:
        """Whether the desk pays."""
        return self.direction == self.Direction.OUT
