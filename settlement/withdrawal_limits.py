"""The limits of withdrawals and what a payment on chain costs the client, as they hold now: one row, the newest."""

from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from settlement.addresses import CHAINS
from settlement.models import WithdrawalPolicy
from trading.lib.money import USDT
from users.own_acts.base import plain

SUBJECT = "WITHDRAWALS"
FEE = "fee_"
LIMITS: dict[str, str | Promise] = {
    "largest": _("The largest withdrawal (units of its asset)"),
    "daily": _("A client's withdrawals within 24 hours (units of the asset)"),
}
FIELDS: dict[str, str | Promise] = LIMITS | {f"{FEE}{chain}": _("Network fee (USDT)") for chain in sorted(CHAINS)}


def current() -> WithdrawalPolicy:
    """Read the newest version; the schema brings the first. One query."""
    return WithdrawalPolicy.objects.latest("version")


def words_of(field: str) -> str:
    """What a field is called, with the chain a fee is for."""
    chain = field.removeprefix(FEE)
    return str(FIELDS[field]) if chain == field else f"{FIELDS[field]} · {chain}"


def values_of(policy: WithdrawalPolicy) -> dict[str, object]:
    """Write a version as details and evidence have it: plain digits."""
    values: dict[str, object] = {"largest": plain(policy.largest), "daily": plain(policy.daily)}
    return values | {f"{FEE}{chain}": plain(network_fee(policy, chain)) for chain in sorted(CHAINS)}


def network_fee(policy: WithdrawalPolicy, chain: str) -> Decimal:
    """The fee on top of a withdrawal, in USDT; chains without one are free."""
    return Decimal(policy.fees.get(chain, "0")).quantize(USDT.step)
