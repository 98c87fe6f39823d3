"""Pairs, and each client's terms on them."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from settlement.models import Asset
from trading.lib.money import Unit
from users.models import Counterparty


class Pair(models.Model):
    """USDT against one fiat currency. `tick` is the step of a price; times to live are policy."""

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
    def tick(self) -> Decimal:
        """The smallest step of a price."""
        return Decimal(1).scaleb(-self.price_scale)

    @property
    def quote_unit(self) -> Unit:
        """The fiat currency as a unit. Needs `quote_asset` loaded."""
        return self.quote_asset.unit


class TradingTerms(models.Model):
    """What one client may trade on one pair, and at which mark-up. Amounts are USDT."""

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
