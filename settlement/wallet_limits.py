"""
What a wallet may pay at most, at once and in a day, as it holds now: one row, the newest.

They bound what a mistake or somebody inside can move, so two people change them.
"""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from settlement.addresses import CHAINS
from settlement.models import WalletPolicy
from trading.lib.money import USDT, Money

SUBJECT = "WALLETS"
LARGEST, DAILY = "largest", "daily"
WORDS: dict[str, str | Promise] = {
    LARGEST: _("One payment of a wallet at most (USDT; 0: not limited)"),
    DAILY: _("A wallet's payments within 24 hours (USDT; 0: not limited)"),
}
FIELDS: dict[str, str | Promise] = {
    f"{limit}_{chain}": words for chain in sorted(CHAINS) for limit, words in WORDS.items()
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Minor units of USDT: of one payment, and of all payments of a wallet within 24 hours."""

    largest: int
    daily: int


def current() -> WalletPolicy:
    """Read the newest version; the schema brings the first. One query."""
    return WalletPolicy.objects.latest("version")


def of(chain: str) -> Limits | None:
    """Say what each wallet of a chain may pay; nothing where nothing is limited. One query."""
    found = current().limits.get(chain)
    return Limits(_minor(found[LARGEST]), _minor(found[DAILY])) if found else None


def words_of(field: str) -> str:
    """What a field is called, with the chain it is for."""
    return f"{FIELDS[field]} · {field.partition('_')[2]}"


def values_of(policy: WalletPolicy) -> dict[str, object]:
    """Write a version as details and evidence have it: plain digits, 0 where nothing is limited."""
    return {field: policy.limits.get(chain, {}).get(limit, "0") for field, limit, chain in _split()}


def limits_in(values: dict[str, str]) -> dict[str, dict[str, str]]:
    """Write details as a version keeps them: by chain, those without a limit left out."""
    found: dict[str, dict[str, str]] = {}
    for field, limit, chain in _split():
        if Decimal(values[field]):
            found.setdefault(chain, {})[limit] = values[field]
    return found


def _split() -> list[tuple[str, str, str]]:
    return [(field, *field.split("_", 1)) for field in FIELDS]  # type: ignore[misc]  # two parts


def _minor(written: str) -> int:
    return Money(Decimal(written), USDT).minor
