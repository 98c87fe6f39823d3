"""The limits of settlement, of withdrawals and of the wallets, each a row of versions that two people carry."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class SettlementPolicy(models.Model):
    """
    One version of the settlement's limits. A newer version replaces it; no version ever changes.

    Version 1 comes with the schema; every later one is carried by two (`settlement_policy.change`).
    `release_threshold` is USDT; a trade of that much or more is released by two people. What is not settled within
    `sla_minutes` is late; a settlement keeps the deadline it was born with.
    """

    append_only: ClassVar[bool] = True

    version = models.PositiveIntegerField(unique=True)
    release_threshold = models.DecimalField(max_digits=24, decimal_places=6)
    backlog_batch = models.PositiveSmallIntegerField()
    most_waiting = models.PositiveIntegerField()
    oldest_hours = models.PositiveSmallIntegerField()
    sla_minutes = models.PositiveIntegerField(default=15, db_default=15)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "settlement policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(release_threshold__gt=0, backlog_batch__gt=0, most_waiting__gt=0, oldest_hours__gt=0),
                name="settlement_policy_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class WithdrawalPolicy(models.Model):
    """
    One version of the limits of withdrawals and of what a payment on chain costs. No version ever changes.

    Version 1 comes with the schema; every later one is carried by two (`withdrawal_policy.change`). `largest` and
    `daily` are units of the withdrawal's own asset; `fees` is USDT by chain, in plain digits.
    """

    append_only: ClassVar[bool] = True

    version = models.PositiveIntegerField(unique=True)
    largest = models.DecimalField(max_digits=24, decimal_places=6)
    daily = models.DecimalField(max_digits=24, decimal_places=6)
    fees = models.JSONField()
    made_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "withdrawal policies"
        constraints = [
            models.CheckConstraint(condition=Q(largest__gt=0, daily__gte=F("largest")), name="withdrawal_policy_sane"),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class WalletPolicy(models.Model):
    """
    One version of what the wallets may pay at most. A newer version replaces it; no version ever changes.

    Version 1 comes with the schema; every later one is carried by two (`wallet_policy.change`). `limits` has by chain
    what is `largest` at once and `daily` within 24 hours: USDT in plain digits. A chain that it lacks is not limited.
    """

    append_only: ClassVar[bool] = True

    version = models.PositiveIntegerField(unique=True)
    limits = models.JSONField()
    made_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "wallet policies"

    def __str__(self) -> str:
        return f"v{self.version}"
