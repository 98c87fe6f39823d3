"""Other limits of what the wallets may pay."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import wallet_limits as limits
from settlement.models import WalletPolicy
from settlement.own_acts.limits import ChangeLimits, Limits
from trading.lib.errors import Conflict
from users import audit
from users.acts import Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, amount_of

PLACES = 6
HIGHEST = Decimal(10) ** 12


class SameWalletLimits(Conflict):
    """What is proposed holds already."""

    code = "same_wallet_policy"
    text = lazy("These limits hold already.")


class ChangeWalletPolicy(ChangeLimits):
    """
    Other limits: ``{"largest_ethereum": "100000", "daily_ethereum": "500000", "largest_tron": "0", …}``.

    Both for every chain of the desk; texts of plain digits, both 0 where nothing is limited.
    """

    name, title, subject_type = "wallet_policy.change", lazy("Change limits of wallets"), "wallet_policy"
    fields: ClassVar[dict[str, str | Promise]] = limits.FIELDS
    terms: ClassVar[Limits] = limits
    policy: ClassVar[type[Model]] = WalletPolicy
    same: ClassVar[type[Conflict]] = SameWalletLimits

    def words_of(self, name: str) -> str:
        """What a limit is called, with its chain."""
        return limits.words_of(name)

    def columns(self, payload: Payload) -> dict[str, Any]:
        """Amounts within their bounds, a day's at least a payment's."""
        amounts = {name: amount_of(payload, name, places=PLACES) for name in limits.FIELDS}
        for name, amount in amounts.items():
            largest = amounts[name.replace(limits.DAILY, limits.LARGEST)]
            is_sane = amount >= largest if largest else amount == 0  # nothing is limited by half
            if not is_sane or amount >= HIGHEST:
                raise BadPayload(field=name)
        return {"limits": limits.limits_in(dict(payload))}

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write the next version down."""
        change = self.write(request, now=now)
        audit.record("wallet_policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("The limits of the wallets are changed.")
