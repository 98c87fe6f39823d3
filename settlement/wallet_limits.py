"""
What a wallet may pay at most, at once and in a day: `WALLET_LIMITS`, a JSON list (docs/wallets.md). Pure.

They bound what a mistake or somebody inside can move. They are in the installation and not in the database, so that
whoever rules the desk's pages alone does not rule them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from settlement import addresses
from trading.lib.money import USDT, Money

PLAIN = re.compile(r"[1-9][0-9]{0,11}(\.[0-9]{1,6})?", re.ASCII)
KNOWN = {"chain", "largest", "daily"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Minor units of USDT: of one payment, and of all payments of a wallet within 24 hours."""

    largest: int
    daily: int


def of(chain: str) -> Limits | None:
    """Say what each wallet of a chain may pay; nothing where nothing is limited."""
    return configured().get(chain)


def configured() -> dict[str, Limits]:
    """
    The limits of the settings, by chain.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    return build(settings.WALLET_LIMITS)


def build(rows: Sequence[Mapping[str, object]]) -> dict[str, Limits]:
    """
    The limits of such a list, by chain.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    found: dict[str, Limits] = {}
    for row in rows:
        chain = str(row.get("chain", ""))
        if set(row) != KNOWN or chain not in addresses.CHAINS or chain in found:
            raise _wrong(chain, "a row names `chain`, `largest` and `daily`, and each chain once")
        largest, daily = (_minor(chain, row, field) for field in ("largest", "daily"))
        if daily < largest:
            raise _wrong(chain, "`daily` is `largest` at least")
        found[chain] = Limits(largest, daily)
    return found


def _minor(chain: str, row: Mapping[str, object], field: str) -> int:
    written = row[field]
    if not isinstance(written, str) or not PLAIN.fullmatch(written):
        raise _wrong(chain, f"`{field}` is an amount of USDT: a text of plain digits")
    return Money(Decimal(written), USDT).minor


def _wrong(chain: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"WALLET_LIMITS, {chain or 'a row without a chain'}: {why}.")
