"""Other limits of what the wallets may pay."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import wallet_limits as limits
from settlement.models import WalletPolicy
from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, amount_of, grouped

PLACES = 6
HIGHEST = Decimal(10) ** 12


class SameWalletLimits(Conflict):
    """What is proposed holds already."""

    code = "same_wallet_policy"
    text = lazy("These limits hold already.")


class ChangeWalletPolicy(Act):
    """
    Other limits: ``{"largest_ethereum": "100000", "daily_ethereum": "500000", "largest_tron": "0", …}``.

    Both for every chain of the desk; texts of plain digits, both 0 where nothing is limited.
    """

    name, title, subject_type = "wallet_policy.change", lazy("Change limits of wallets"), "wallet_policy"
    fields: ClassVar[dict[str, str | Promise]] = limits.FIELDS

    def state(self, subject_ref: str) -> dict[str, object]:
        """The limits as they are."""
        if subject_ref != limits.SUBJECT:
            raise NotFound
        return limits.values_of(limits.current())

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Amounts within their bounds, a day's at least a payment's, and something that changes."""
        now = self.state(subject_ref)
        _limits(payload)
        if now == dict(payload):
            raise SameWalletLimits

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Each limit, now and after."""
        now = self.state(subject_ref)
        return [
            Line(limits.words_of(name), grouped(now[name]), grouped(payload.get(name, "–"))) for name in limits.FIELDS
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write the next version down."""
        self.check(request.subject_ref, request.payload)
        before = limits.current()
        made = WalletPolicy.objects.create(version=before.version + 1, made_at=now, limits=_limits(request.payload))
        change = acts.carried(request, before=limits.values_of(before), after=limits.values_of(made))
        audit.record("wallet_policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("The limits of the wallets are changed.")


def _limits(payload: Payload) -> dict[str, dict[str, str]]:
    if set(payload) != set(limits.FIELDS):
        raise BadPayload(field="terms")
    amounts = {name: amount_of(payload, name, places=PLACES) for name in limits.FIELDS}
    for name, amount in amounts.items():
        largest = amounts[name.replace(limits.DAILY, limits.LARGEST)]
        is_sane = amount >= largest if largest else amount == 0  # nothing is limited by half
        if not is_sane or amount >= HIGHEST:
            raise BadPayload(field=name)
    return limits.limits_in(dict(payload))
