"""Other limits of withdrawals, other network fees."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import withdrawal_limits as limits
from settlement.models import WithdrawalPolicy
from settlement.own_acts.limits import ChangeLimits, Limits
from trading.lib.errors import Conflict
from users import audit
from users.acts import Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, amount_of

PLACES = 6
HIGHEST, HIGHEST_FEE = Decimal(10) ** 12, Decimal(1000)


class SameLimits(Conflict):
    """What is proposed holds already."""

    code = "same_withdrawal_policy"
    text = lazy("These limits and fees hold already.")


class ChangeWithdrawalPolicy(ChangeLimits):
    """
    Other limits and fees: ``{"largest": "1000000", "daily": "3000000", "fee_tron": "1", "fee_ethereum": "4", …}``.

    One fee for every chain of the desk; texts of plain digits. What is asked for already keeps its fee.
    """

    name, title, subject_type = "withdrawal_policy.change", lazy("Change withdrawal limits"), "withdrawal_policy"
    fields: ClassVar[dict[str, str | Promise]] = limits.FIELDS
    terms: ClassVar[Limits] = limits
    policy: ClassVar[type[Model]] = WithdrawalPolicy
    same: ClassVar[type[Conflict]] = SameLimits

    def words_of(self, name: str) -> str:
        """What a limit or fee is called, a fee with its chain."""
        return limits.words_of(name)

    def columns(self, payload: Payload) -> dict[str, Any]:
        """Amounts and fees within their bounds."""
        amounts = {name: amount_of(payload, name, places=PLACES) for name in limits.FIELDS}
        largest, daily = amounts.pop("largest"), amounts.pop("daily")
        if not 0 < largest < HIGHEST:
            raise BadPayload(field="largest")
        if not largest <= daily < HIGHEST:
            raise BadPayload(field="daily")
        for name, fee in amounts.items():
            if fee > HIGHEST_FEE:
                raise BadPayload(field=name)
        fees = {name.removeprefix(limits.FEE): payload[name] for name in amounts}
        return {"largest": largest, "daily": daily, "fees": fees}

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write the next version down."""
        change = self.write(request, now=now)
        audit.record("withdrawal_policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("The limits and fees of withdrawals are changed.")
