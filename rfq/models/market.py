"""Pairs, each client's terms on them, trading hours, LPs' terms, and whether the desk trades at all."""

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from settlement.models import Asset
from trading.lib.money import Unit
from users.models import Counterparty


class Pair(models.Model):
    """
    USDT against one fiat currency. `tick` is the step of a price; times to live are policy.

    Opened and changed by two people; one pauses it (`is_enabled`) at once, two let it go on.
    """

    code = models.CharField(max_length=16, unique=True)
    quote_asset = models.OneToOneField(Asset, on_delete=models.PROTECT, related_name="pair")
    price_scale = models.PositiveSmallIntegerField()
    rfq_ttl_seconds = models.PositiveIntegerField(default=300)
    quote_ttl_seconds = models.PositiveIntegerField(default=30)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(price_scale__lte=10), name="pair_price_scale_sane"),
            models.CheckConstraint(
                condition=Q(quote_ttl_seconds__gte=10, quote_ttl_seconds__lte=60), name="pair_quote_ttl_sane"
            ),
            models.CheckConstraint(
                condition=Q(rfq_ttl_seconds__gte=30, rfq_ttl_seconds__lte=3600), name="pair_rfq_ttl_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def ref(self) -> str:
        """What people, requests and audit events call it."""
        return self.code

    @property
    def tick(self) -> Decimal:
        """The smallest step of a price."""
        return Decimal(1).scaleb(-self.price_scale)

    @property
    def quote_unit(self) -> Unit:
        """The fiat currency as a unit. Needs `quote_asset` loaded."""
        return self.quote_asset.unit


class TradingTerms(models.Model):
    """What one client may trade on one pair, and at which mark-up. Amounts are USDT. Changed by two people."""

    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="trading_terms")
    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="terms")
    markup_bps = models.DecimalField(max_digits=7, decimal_places=2)
    minimum = models.DecimalField(max_digits=24, decimal_places=6)
    maximum = models.DecimalField(max_digits=24, decimal_places=6)
    daily_notional = models.DecimalField(max_digits=24, decimal_places=6)

    class Meta:
        verbose_name_plural = "trading terms"
        constraints = [
            models.UniqueConstraint(fields=["counterparty", "pair"], name="terms_once"),
            models.CheckConstraint(
                condition=Q(minimum__gt=0, maximum__gte=F("minimum"), daily_notional__gte=F("minimum")),
                name="terms_limits_ordered",
            ),
            models.CheckConstraint(condition=Q(markup_bps__gte=0, markup_bps__lte=1000), name="terms_markup_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.counterparty_id} {self.pair_id}"


class TradingHours(models.Model):
    """
    When a counterparty may trade (`rfq.hours` reads it); without a row, always. Changed by two people.

    `windows` is a list like ``[{"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00"}]``, 0 being Monday.
    """

    counterparty = models.OneToOneField(Counterparty, on_delete=models.PROTECT, related_name="trading_hours")
    time_zone = models.CharField(max_length=64)
    windows = models.JSONField()

    class Meta:
        verbose_name_plural = "trading hours"

    def __str__(self) -> str:
        return f"{self.counterparty_id} {self.time_zone}"


class LpTerms(models.Model):
    """
    An LP's cap and pause; without a row, neither.

    `unsettled_cap` bounds the USDT of its trades that are not settled. Of its last `pause_window` RFQs it has to answer
    `minimum_response_percent`, and at most `maximum_reject_percent` of its answers may be refused, or it is paused by
    the desk itself. These are changed by two people. The pause is one person's act; who paused it says who ends it:
    the LP its own, two people any other.
    """

    lp = models.OneToOneField(Counterparty, on_delete=models.PROTECT, related_name="lp_terms")
    unsettled_cap = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    pause_window = models.PositiveSmallIntegerField(null=True, blank=True)
    minimum_response_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    maximum_reject_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    pause_reason = models.TextField(blank=True, default="", db_default="")

    class Meta:
        verbose_name_plural = "LP terms"
        constraints = [
            models.CheckConstraint(
                condition=Q(unsettled_cap__isnull=True) | Q(unsettled_cap__gt=0), name="lp_terms_cap_sane"
            ),
            models.CheckConstraint(
                condition=Q(
                    pause_window__isnull=True,
                    minimum_response_percent__isnull=True,
                    maximum_reject_percent__isnull=True,
                )
                | Q(pause_window__gte=5, pause_window__lte=1000)
                & (Q(minimum_response_percent__isnull=False) | Q(maximum_reject_percent__isnull=False)),
                name="lp_terms_pause_window_for_a_rate",
            ),
            models.CheckConstraint(
                condition=(Q(minimum_response_percent__isnull=True) | Q(minimum_response_percent__lte=100))
                & (Q(maximum_reject_percent__isnull=True) | Q(maximum_reject_percent__lte=100)),
                name="lp_terms_rates_are_percent",
            ),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, paused_by__isnull=True, pause_reason="")
                | Q(paused_at__isnull=False) & ~Q(pause_reason=""),
                name="lp_terms_paused_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lp_id}"


class MarketState(models.Model):
    """Whether the whole desk trades; without its one row, it does. One person pauses it, two let it go on."""

    ONE: ClassVar[int] = 1
    REF: ClassVar[str] = "market"

    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.TextField(blank=True, default="", db_default="")

    class Meta:
        verbose_name_plural = "market state"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="market_state_one"),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, paused_by__isnull=True, reason="")
                | Q(paused_at__isnull=False, paused_by__isnull=False) & ~Q(reason=""),
                name="market_paused_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.REF

    @property
    def ref(self) -> str:
        """What its audit events are recorded under."""
        return self.REF
