"""Reference rates: what sources say a pair is worth, and what the desk makes of it."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rfq.models.market import Pair


class RateTick(models.Model):
    """
    One mid of one source, as it came in. Deleted after some days.

    `quoted_at` is the source's own time of it, `seen_at` ours.
    """

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="rate_ticks")
    source = models.CharField(max_length=32)
    mid = models.DecimalField(max_digits=24, decimal_places=10)
    quoted_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["pair", "-seen_at"], name="rate_tick_latest"),
            models.Index(fields=["seen_at"], name="rate_tick_age"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(mid__gt=0), name="rate_tick_positive"),
            models.CheckConstraint(condition=Q(quoted_at__lte=models.F("seen_at")), name="rate_tick_not_ahead"),
        ]

    def __str__(self) -> str:
        return f"{self.pair_id} {self.source} {self.mid}"


class RateSource(models.Model):
    """How a source fares: when it was last asked, when it last answered, what is wrong."""

    name = models.CharField(max_length=32, unique=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class ReferenceRate(models.Model):
    """
    What one round made of a pair: a mid, or why there is none. Deleted after some days.

    It may be used before `valid_until`: until then at least the policy's minimum of its sources is fresh.
    """

    class Status(models.TextChoices):
        """Whether there is a mid, or why not."""

        OK = "ok", _("Good")
        STALE = "stale", _("Stale")
        MISSING = "missing", _("Missing")
        DISAGREEING = "disagreeing", _("Sources disagree")
        ABSURD = "absurd", _("Too far from the last")

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, related_name="reference_rates")
    status = models.CharField(max_length=12, choices=Status.choices)
    mid = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    sources = models.JSONField(default=list)
    taken_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["pair", "-taken_at"], name="reference_latest"),
            models.Index(fields=["taken_at"], name="reference_age"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="ok", mid__gt=0, valid_until__isnull=False)
                | (~Q(status="ok") & Q(mid__isnull=True, valid_until__isnull=True)),
                name="reference_mid_if_ok",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pair_id} {self.mid or self.status}"

    def status_at(self, now: datetime) -> str:
        """What it is worth now: a good one is stale once its time is over."""
        is_over = self.valid_until is not None and self.valid_until <= now
        return self.Status.STALE if is_over else self.status


class ReferencePolicy(models.Model):
    """
    When a pair's reference is believed, and how far from it a quote may be.

    - `band_bps`: how far from the reference an LP's price may be.
    - `max_age_seconds`: how old a source's mid may be.
    - `max_disagreement_bps`: how far apart the sources may be.
    - `max_jump_bps`: how far from the last good reference a new one may be, unless all sources say so for
      `confirming_rounds` rounds one after another.
    - `minimum_sources`: how many must agree.
    """

    pair = models.OneToOneField(Pair, on_delete=models.PROTECT, related_name="reference_policy")
    band_bps = models.DecimalField(max_digits=7, decimal_places=2, default=200, db_default=200)
    max_age_seconds = models.PositiveIntegerField(default=30, db_default=30)
    max_disagreement_bps = models.DecimalField(max_digits=7, decimal_places=2, default=100, db_default=100)
    max_jump_bps = models.DecimalField(max_digits=7, decimal_places=2, default=300, db_default=300)
    confirming_rounds = models.PositiveSmallIntegerField(default=6, db_default=6)
    minimum_sources = models.PositiveSmallIntegerField(default=2, db_default=2)

    class Meta:
        verbose_name_plural = "reference policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    band_bps__gt=0,
                    band_bps__lte=5000,
                    max_disagreement_bps__gt=0,
                    max_disagreement_bps__lte=5000,
                    max_jump_bps__gt=0,
                    max_jump_bps__lte=5000,
                ),
                name="reference_policy_bps_sane",
            ),
            models.CheckConstraint(
                condition=Q(max_age_seconds__gte=5, max_age_seconds__lte=3600), name="reference_policy_age_sane"
            ),
            models.CheckConstraint(
                condition=Q(minimum_sources__gte=2, minimum_sources__lte=20), name="reference_policy_two_sources"
            ),
            models.CheckConstraint(
                condition=Q(confirming_rounds__gte=2, confirming_rounds__lte=720),
                name="reference_policy_rounds_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pair_id}"


class ReferenceState(models.Model):
    """
    Where a pair's reference stands: the latest round, the last good one, and a jump that is being confirmed.

    Its row is the lock under which a round is judged.
    """

    pair = models.OneToOneField(Pair, on_delete=models.PROTECT, related_name="reference_state")
    latest = models.ForeignKey(ReferenceRate, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    last_good = models.ForeignKey(ReferenceRate, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    claimed_mid = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    confirmations = models.PositiveSmallIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.pair_id}"

    @property
    def ref(self) -> str:
        """What its audit events are recorded under. Needs `pair` loaded."""
        return self.pair.code
