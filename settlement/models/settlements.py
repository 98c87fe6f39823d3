"""The delivery of both sides of one trade."""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from settlement.models.ledger import Asset
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import Counterparty


class PayoutAddress(models.Model):
    """An address a counterparty's USDT may go to: asked for, approved by two, past its cooling period, ended."""

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "ADR"))
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="payout_addresses")
    chain = models.CharField(max_length=16)
    address = models.CharField(max_length=64)
    label = models.CharField(max_length=64, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    key = models.CharField(max_length=64, blank=True, default="", db_default="")
    approved_at = models.DateTimeField(null=True, blank=True)
    usable_from = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "payout addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["counterparty", "chain", "address"], condition=Q(revoked_at__isnull=True), name="address_once"
            ),
            models.UniqueConstraint(fields=["asked_by", "key"], condition=~Q(key=""), name="address_key_once"),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, usable_from__isnull=True)
                | Q(approved_at__isnull=False, usable_from__isnull=False),
                name="address_cools_after_approval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain}:{self.address}"

    def is_usable(self, *, at: datetime) -> bool:
        """Whether money may go there: approved, past its cooling period, not revoked."""
        return self.revoked_at is None and self.usable_from is not None and self.usable_from <= at


class Settlement(StateMachine):
    """
    One trade's delivery, with economic terms of its own.

    `side` is the client's: a client who buys pays `quote_amount` and receives `base_amount` USDT.
    `lp_quote_amount` is what the desk pays (or gets from) the LP for the same USDT; the difference
    is the mark-up plus rounding.
    """

    class Status(models.TextChoices):
        """See the table of business states in docs/architecture.md."""

        AWAITING_FUNDS = "awaiting_funds", _("Awaiting funds")
        FLAGGED_OFF = "flagged_off", _("Flagged off")
        AWAITING_APPROVAL = "awaiting_approval", _("Awaiting approval")
        APPROVED = "approved", _("Approved")
        BLOCKED = "blocked", _("Blocked")
        PAYING = "paying", _("Paying")
        NEEDS_REVIEW = "needs_review", _("Needs review")
        SETTLED = "settled", _("Settled")
        SETTLED_MANUALLY = "settled_manually", _("Settled manually")
        CANCELLED = "cancelled", _("Cancelled")
        REVERSED = "reversed", _("Reversed")

    class Side(models.TextChoices):
        """The client's side, in USDT."""

        BUY = "buy", _("Buy")
        SELL = "sell", _("Sell")

    word: ClassVar[str] = "settlement"  # in the names of what happens to it, and of what belongs to it
    INITIAL: ClassVar[frozenset[str]] = frozenset(
        {Status.AWAITING_FUNDS, Status.FLAGGED_OFF, Status.AWAITING_APPROVAL, Status.APPROVED}
    )
    TRANSITIONS: ClassVar[Transitions] = {
        Status.AWAITING_FUNDS: frozenset(
            {Status.FLAGGED_OFF, Status.AWAITING_APPROVAL, Status.APPROVED, Status.CANCELLED}
        ),
        Status.FLAGGED_OFF: frozenset(
            {Status.APPROVED, Status.AWAITING_APPROVAL, Status.SETTLED_MANUALLY, Status.CANCELLED}
        ),
        Status.AWAITING_APPROVAL: frozenset({Status.APPROVED, Status.FLAGGED_OFF, Status.CANCELLED}),
        Status.APPROVED: frozenset(
            {Status.PAYING, Status.SETTLED, Status.FLAGGED_OFF, Status.BLOCKED, Status.CANCELLED}
        ),
        Status.BLOCKED: frozenset({Status.APPROVED, Status.SETTLED_MANUALLY, Status.CANCELLED}),
        Status.PAYING: frozenset({Status.SETTLED, Status.NEEDS_REVIEW}),
        Status.NEEDS_REVIEW: frozenset({Status.PAYING, Status.SETTLED, Status.SETTLED_MANUALLY, Status.CANCELLED}),
        Status.SETTLED: frozenset({Status.NEEDS_REVIEW, Status.REVERSED}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "STL"))
    trade_ref = models.CharField(max_length=16, unique=True)
    client = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+", db_index=False)
    lp = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=4, choices=Side.choices)
    base_amount = models.DecimalField(max_digits=24, decimal_places=6)
    quote_asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    quote_amount = models.DecimalField(max_digits=24, decimal_places=8)
    lp_quote_amount = models.DecimalField(max_digits=24, decimal_places=8)
    markup_amount = models.DecimalField(max_digits=24, decimal_places=8)
    price = models.DecimalField(max_digits=24, decimal_places=10)
    destination = models.ForeignKey(PayoutAddress, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=20, choices=Status.choices)
    reason = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    is_released = models.BooleanField(default=False, db_default=False)  # by people: it is paid though the flag is off
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)  # a trigger writes it, by the limits as they are at birth
    late_told_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)  # while it is blocked: whether it would be paid by now

    class Meta:
        indexes = [
            models.Index(fields=["status", "-id"], name="settlement_status"),
            models.Index(fields=["client", "-id"], name="settlement_client"),
            models.Index(
                fields=["due_at"],
                condition=Q(late_told_at__isnull=True) & ~Q(status__in=["settled", "settled_manually", "cancelled"]),
                name="settlement_due",
            ),
            models.Index(
                fields=["lp"],
                condition=Q(
                    status__in=[
                        "awaiting_funds",
                        "flagged_off",
                        "awaiting_approval",
                        "approved",
                        "paying",
                        "blocked",
                        "needs_review",
                    ]
                ),
                name="settlement_lp_unsettled",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["flagged_off", "blocked", "needs_review"]),
                name="settlement_waiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(base_amount__gt=0, quote_amount__gt=0), name="settlement_positive"),
            models.CheckConstraint(
                condition=~Q(status__in=["settled", "settled_manually", "reversed"]) | Q(settled_at__isnull=False),
                name="settlement_settled_when",
            ),
            models.CheckConstraint(
                condition=Q(side="buy") | Q(destination__isnull=True), name="settlement_sell_pays_no_usdt"
            ),
            models.CheckConstraint(condition=Q(reason__gt=""), name="settlement_says_why"),
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
        return self.destination

    @property
    def paid_amount(self) -> Decimal:
        """What it pays on chain, in USDT."""
        return self.base_amount

    @property
    def pays_on_chain(self) -> bool:
        """Whether USDT leaves a wallet for it."""
        return self.destination_id is not None


class SettlementTransition(models.Model):
    """One step of one settlement, with its reason. A trigger writes it; no step is silent."""

    kept_by_triggers: ClassVar[bool] = True

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="transitions")
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20)
    reason = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], condition=Q(to_status="flagged_off"), name="transition_flagged_off")]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
