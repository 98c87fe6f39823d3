"""What accounts stood at, added up by day, so that no page sums the whole past."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from settlement.models.ledger import Entry, LedgerAccount
from trading.lib.fields import Xid8Field


class DaySum(models.Model):
    """
    What was entered in one layer of an account on one day (UTC), of the entries up to the fold mark: minor units.

    `settlement_fold()` adds to it; nobody writes it. `reconcile` compares it with the entries.
    """

    kept_by_triggers: ClassVar[bool] = True

    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="day_sums", db_index=False)
    layer = models.CharField(max_length=1, choices=Entry.Layer.choices)
    day = models.DateField()
    amount = models.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "layer", "day"], name="day_sum_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.layer} {self.day}: {self.amount}"


class FoldMark(models.Model):
    """
    How far the entries are added up: the only row says up to which id, and what may be added up next.

    An id is drawn before its entry is committed. So the highest one is noted first, with the transaction that will come
    next; once every transaction before that one is over, nothing up to the noted id can appear any more.
    """

    kept_by_triggers: ClassVar[bool] = True

    upto = models.BigIntegerField()
    noted_id = models.BigIntegerField()
    noted_xid = Xid8Field()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="fold_mark_only_one")]

    def __str__(self) -> str:
        return f"up to {self.upto}"


class LpSide(models.Model):
    """
    One side of an LP's account, debits or credits, and how far the other side has paid it: minor units.

    Of its entries up to `upto`, `total` is the sum. Those up to `paid_id` are paid whole, the oldest first; they are
    `paid` together. `settlement_follow_lps()` keeps it; nobody writes it. `reconcile` compares it with the entries.
    """

    kept_by_triggers: ClassVar[bool] = True

    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="sides", db_index=False)
    side = models.CharField(max_length=1, choices=LedgerAccount.Normal.choices)
    upto = models.BigIntegerField()
    total = models.DecimalField(max_digits=38, decimal_places=0)
    paid_id = models.BigIntegerField()
    paid = models.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "side"], name="lp_side_once"),
            models.CheckConstraint(
                condition=Q(paid_id__lte=F("upto"), paid__lte=F("total")), name="lp_side_paid_of_what_is_there"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.side}: {self.paid} of {self.total}"
