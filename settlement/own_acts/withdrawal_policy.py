"""Other limits of withdrawals, other network fees."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import withdrawal_limits as limits
from settlement.models import WithdrawalPolicy
from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, amount_of, grouped

PLACES = 6
HIGHEST, HIGHEST_FEE = Decimal(10) ** 12, Decimal(1000)


class SameLimits(Conflict):
    """What is proposed holds already."""

    code = "same_withdrawal_policy"
    text = lazy("These limits and fees hold already.")


class ChangeWithdrawalPolicy(Act):
    """
    Other limits and fees: ``{"largest": "1000000", "daily": "3000000", "fee_tron": "1", "fee_ethereum": "4", …}``.

    One fee for every chain of the desk; texts of plain digits. What is asked for already keeps its fee.
    """

    name, title, subject_type = "withdrawal_policy.change", lazy("Change withdrawal limits"), "withdrawal_policy"
    fields: ClassVar[dict[str, str | Promise]] = limits.FIELDS

    def state(self, subject_ref: str) -> dict[str, object]:
        """The limits and fees as they are."""
        if subject_ref != limits.SUBJECT:
            raise NotFound
        return limits.values_of(limits.current())

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Amounts within their bounds, and something that changes."""
        now = self.state(subject_ref)
        _values(payload)
        if now == dict(payload):
            raise SameLimits

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Each limit and fee, now and after."""
        now = self.state(subject_ref)
        return [
            Line(limits.words_of(name), grouped(now[name]), grouped(payload.get(name, "–"))) for name in limits.FIELDS
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write the next version down."""
        self.check(request.subject_ref, request.payload)
        before = limits.current()
        made = WithdrawalPolicy.objects.create(version=before.version + 1, made_at=now, **_values(request.payload))
        change = acts.carried(request, before=limits.values_of(before), after=limits.values_of(made))
        audit.record("withdrawal_policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("The limits and fees of withdrawals are changed.")


def _values(payload: Payload) -> dict[str, Any]:
    if set(payload) != set(limits.FIELDS):
        raise BadPayload(field="terms")
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
