"""Money that leaves a client's balance: by bank, or as USDT on chain."""

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


class Withdrawal(StateMachine):
    """
    A client's wish to have money, to one approved destination. `amount` arrives; `fee` comes on top of it.

    Both are held from the request on. By bank: sent by people, with the bank's reference. On chain: by a
    `Transfer`, which owns the chain's states.
    """

    class Status(models.TextChoices):
        """See the table in docs/money.md."""

        REQUESTED = "requested", _("Requested")
        APPROVED = "approved", _("Approved")
        SENT = "sent", _("Sent")
        PAYING = "paying", _("Paying")
        NEEDS_REVIEW = "needs_review", _("Needs review")
        CONFIRMED = "confirmed", _("Confirmed")
        RETURNED = "returned", _("Returned")
        DECLINED = "declined", _("Declined")
        CANCELLED = "cancelled", _("Cancelled")

    word: ClassVar[str] = "withdrawal"  # as of settlements
    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.REQUESTED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.REQUESTED: frozenset({Status.APPROVED, Status.DECLINED, Status.CANCELLED}),
        Status.APPROVED: frozenset({Status.SENT, Status.PAYING, Status.DECLINED}),
        Status.SENT: frozenset({Status.CONFIRMED, Status.RETURNED}),
        Status.PAYING: frozenset({Status.CONFIRMED, Status.NEEDS_REVIEW}),
        Status.NEEDS_REVIEW: frozenset({Status.PAYING, Status.CONFIRMED, Status.DECLINED}),
        Status.CONFIRMED: frozenset({Status.RETURNED, Status.NEEDS_REVIEW}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "WDR"))
    client = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="withdrawals")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=24, decimal_places=8)
    fee = models.DecimalField(max_digits=24, decimal_places=8, default=0)
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    address = models.ForeignKey(PayoutAddress, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)
    bank_reference = models.CharField(max_length=64, null=True, blank=True, unique=True)
    return_reference = models.CharField(max_length=64, null=True, blank=True, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.REQUESTED)
    reason = models.CharField(max_length=300, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "-id"], name="withdrawal_status"),
            models.Index(fields=["client", "-id"], name="withdrawal_client"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["requested_by", "key"], name="withdrawal_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0, fee__gte=0), name="withdrawal_positive"),
            models.CheckConstraint(
                condition=Q(account__isnull=True, address__isnull=False)
                | Q(account__isnull=False, address__isnull=True, fee=0),
                name="withdrawal_one_destination",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["sent", "returned"]) | Q(account__isnull=False, bank_reference__isnull=False),
                name="withdrawal_sent_by_bank",
            ),
            models.CheckConstraint(
                condition=~Q(status="confirmed") | Q(address__isnull=False) | Q(bank_reference__isnull=False),
                name="withdrawal_confirmed_was_sent",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["paying", "needs_review"]) | Q(address__isnull=False),
                name="withdrawal_paid_on_chain",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["declined", "cancelled", "needs_review"]) | Q(reason__gt=""),
                name="withdrawal_says_why",
            ),
            models.CheckConstraint(
                condition=~Q(status="returned") | Q(return_reference__isnull=False), name="withdrawal_returned_how"
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def party(self) -> Counterparty:
        """Whom it pays. Needs it loaded."""
        return self.client

    @property
    def paid_to(self) -> PayoutAddress | None:
        """Where it pays on chain. Needs it loaded."""
        return self.address

    @property
    def paid_amount(self) -> Decimal:
        """What it pays on chain, in USDT."""
        return self.amount
