"""RFQs, quotes and fills."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rfq.models.market import Pair
from settlement.models import PayoutAddress, Settlement
from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions
from users.models import Counterparty


class Side(models.TextChoices):
    """Of the client, in USDT."""

    BUY = "buy", _("Buy")
    SELL = "sell", _("Sell")


class Rfq(StateMachine):
    """
    A client's request for a price: exactly one of base (USDT) or quote (fiat) amount.

    One that was refused at birth stays on record with the code of the `refusal`; its `client_rfq_id` is
    free for another try. `entered_by` is the person of the desk who took it down from a phone call.
    """

    class Status(models.TextChoices):
        """See the state machine in docs/architecture.md."""

        OPEN = "open", _("Open")
        QUOTED = "quoted", _("Quoted")
        FILLED = "filled", _("Filled")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        REJECTED = "rejected", _("Rejected")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.OPEN, Status.REJECTED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.OPEN: frozenset({Status.QUOTED, Status.CANCELLED, Status.EXPIRED}),
        Status.QUOTED: frozenset({Status.OPEN, Status.FILLED, Status.CANCELLED, Status.EXPIRED}),
    }
    LIVE: ClassVar[frozenset[str]] = frozenset({Status.OPEN, Status.QUOTED})

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "RFQ"))
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="rfqs", db_index=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    client_rfq_id = models.CharField(max_length=64)
    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="rfqs", db_index=False)
    side = models.CharField(max_length=4, choices=Side.choices)
    base_amount = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    quote_amount = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    destination = models.ForeignKey(PayoutAddress, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    markup_bps = models.DecimalField(max_digits=7, decimal_places=2)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    refusal = models.CharField(max_length=40, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = "RFQ"
        indexes = [
            models.Index(fields=["status", "expires_at"], name="rfq_due"),
            models.Index(fields=["counterparty", "-id"], name="rfq_client"),
            models.Index(fields=["status", "-id"], name="rfq_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["counterparty", "client_rfq_id"], condition=~Q(status="rejected"), name="rfq_client_id_once"
            ),
            models.CheckConstraint(
                condition=Q(status="rejected", refusal__gt="") | (~Q(status="rejected") & Q(refusal="")),
                name="rfq_rejected_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(base_amount__gt=0, quote_amount__isnull=True)
                | Q(base_amount__isnull=True, quote_amount__gt=0),
                name="rfq_one_amount",
            ),
            models.CheckConstraint(condition=Q(side="buy") | Q(destination__isnull=True), name="rfq_sell_goes_nowhere"),
            models.CheckConstraint(condition=Q(expires_at__gt=models.F("created_at")), name="rfq_expires_later"),
        ]

    def __str__(self) -> str:
        return self.ref


class Invitation(models.Model):
    """An LP that was asked for a price on an RFQ, and whether it passed."""

    rfq = models.ForeignKey(Rfq, on_delete=models.PROTECT, related_name="invitations", db_index=False)
    lp = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="invitations", db_index=False)
    invited_at = models.DateTimeField()
    passed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["lp", "invited_at"], name="invitation_lp")]
        constraints = [models.UniqueConstraint(fields=["rfq", "lp"], name="invitation_once")]

    def __str__(self) -> str:
        return f"{self.rfq_id} {self.lp_id}"


class Outcome(models.TextChoices):
    """What one LP learns of its quote when the RFQ is traded, and nothing else."""

    TRADED = "traded", _("Traded")
    TIED = "tied", _("Tied")
    COVER = "cover", _("Cover")
    AWAY = "away", _("Done away")


class Quote(StateMachine):
    """
    An LP's firm answer. `price` is the LP's, in quote currency per USDT; `all_in_price` what the client sees.

    The amounts are fixed with it: `base_amount` USDT against `quote_amount` (client) and
    `lp_quote_amount` (LP) of the fiat currency. `reference` is the reference rate it was held against
    (mid, instant, sources) and `spread_bps` the distance of the all-in price from its mid, positive
    where the client pays it. One that the desk took down from a phone call (`entered_by`) is
    not firm until its LP confirms it. One refused at birth stays on record with the code
    of the `refusal`.
    """

    class Status(models.TextChoices):
        """See the state machine in docs/architecture.md."""

        ENTERED = "entered", _("To be confirmed")
        ACTIVE = "active", _("Active")
        TRADED = "traded", _("Traded")
        DONE_AWAY = "done_away", _("Done away")
        PULLED = "pulled", _("Pulled")
        REPLACED = "replaced", _("Replaced")
        EXPIRED = "expired", _("Expired")
        REJECTED = "rejected", _("Rejected")

    INITIAL: ClassVar[frozenset[str]] = frozenset({Status.ENTERED, Status.ACTIVE, Status.REJECTED})
    TRANSITIONS: ClassVar[Transitions] = {
        Status.ENTERED: frozenset({Status.ACTIVE, Status.DONE_AWAY, Status.PULLED, Status.REPLACED, Status.EXPIRED}),
        Status.ACTIVE: frozenset({Status.TRADED, Status.DONE_AWAY, Status.PULLED, Status.REPLACED, Status.EXPIRED}),
    }
    LIVE: ClassVar[frozenset[str]] = frozenset({Status.ENTERED, Status.ACTIVE})

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "QTE"))
    rfq = models.ForeignKey(Rfq, on_delete=models.PROTECT, related_name="quotes")
    lp = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="quotes")
    quoted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    idempotency_key = models.CharField(max_length=64)
    price = models.DecimalField(max_digits=24, decimal_places=10)
    all_in_price = models.DecimalField(max_digits=24, decimal_places=10)
    base_amount = models.DecimalField(max_digits=24, decimal_places=6)
    quote_amount = models.DecimalField(max_digits=24, decimal_places=8)
    lp_quote_amount = models.DecimalField(max_digits=24, decimal_places=8)
    markup_amount = models.DecimalField(max_digits=24, decimal_places=8)
    reference = models.JSONField(null=True, blank=True)
    spread_bps = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    refusal = models.CharField(max_length=40, blank=True, default="", db_default="")
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    valid_until = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["status", "valid_until"], name="quote_due")]
        constraints = [
            models.UniqueConstraint(
                fields=["lp", "idempotency_key"], condition=~Q(status="rejected"), name="quote_key_once"
            ),
            models.UniqueConstraint(fields=["rfq", "lp"], condition=Q(status="active"), name="quote_one_active"),
            models.UniqueConstraint(fields=["rfq", "lp"], condition=Q(status="entered"), name="quote_one_entered"),
            models.CheckConstraint(
                condition=Q(status="rejected", refusal__gt="") | (~Q(status="rejected") & Q(refusal="")),
                name="quote_rejected_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(outcome="")
                | Q(status="traded", outcome="traded")
                | (Q(status="done_away") & Q(outcome__in=["tied", "cover", "away"])),
                name="quote_outcome_of_its_end",
            ),
            models.CheckConstraint(
                condition=~Q(status="entered") | Q(entered_by__isnull=False), name="quote_entered_by_somebody"
            ),
            models.UniqueConstraint(fields=["rfq"], condition=Q(status="traded"), name="quote_one_traded"),
            models.CheckConstraint(
                condition=Q(
                    price__gt=0, all_in_price__gt=0, base_amount__gt=0, quote_amount__gt=0, lp_quote_amount__gt=0
                ),
                name="quote_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class Fill(models.Model):
    """
    The trade: one accepted quote. Added once, never edited; corrected only by a reversing fill.

    Its facts are recorded with it. Milliseconds: from the RFQ to its first and to its best quote, from
    the traded quote to the accept, and what the quote had left to live. Basis points: all-in and LP's
    price from the mid of `reference` (positive where the client pays), and from the traded price to
    the cover (nothing when no other quote was live).
    """

    append_only: ClassVar[bool] = True

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "FIL"))
    rfq = models.OneToOneField(Rfq, on_delete=models.PROTECT, related_name="fill")
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="fill")
    settlement = models.OneToOneField(Settlement, on_delete=models.PROTECT, related_name="fill")
    client = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+", db_index=False)
    lp = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+", db_index=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    idempotency_key = models.CharField(max_length=64)
    side = models.CharField(max_length=4, choices=Side.choices)
    base_amount = models.DecimalField(max_digits=24, decimal_places=6)
    quote_amount = models.DecimalField(max_digits=24, decimal_places=8)
    price = models.DecimalField(max_digits=24, decimal_places=10)
    lp_price = models.DecimalField(max_digits=24, decimal_places=10)
    first_quote_ms = models.PositiveIntegerField(null=True, blank=True)
    best_quote_ms = models.PositiveIntegerField(null=True, blank=True)
    decision_ms = models.PositiveIntegerField(null=True, blank=True)
    quote_left_ms = models.PositiveIntegerField(null=True, blank=True)
    reference = models.JSONField(null=True, blank=True)
    spread_bps = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    lp_spread_bps = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    cover_bps = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    filled_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["client", "filled_at"], include=["base_amount"], name="fill_client_day"),
            models.Index(fields=["lp", "filled_at"], name="fill_lp_day"),
            models.Index(fields=["filled_at"], name="fill_day"),
        ]
        constraints = [models.UniqueConstraint(fields=["client", "idempotency_key"], name="fill_key_once")]

    def __str__(self) -> str:
        return self.ref


class DailyNotional(models.Model):
    """
    What a client traded in one day (UTC), in USDT, less what was taken back since.

    Kept with each fill and each reversal by the database, so that an accept need not add up the client's day.
    """

    kept_by_triggers: ClassVar[bool] = True

    client = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    base_amount = models.DecimalField(max_digits=24, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "day"], name="daily_notional_once"),
            models.CheckConstraint(condition=Q(base_amount__gte=0), name="daily_notional_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.day}"
