"""What the desk holds for clients, and what it owes LPs. One query each, or two."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from settlement import standings
from settlement.models import LedgerAccount
from settlement.standings import Standing
from trading.lib.money import Money, Unit
from users.models import Counterparty

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """A client's balance in one currency; `credit` is how far it may fall below nothing."""

    unit: Unit
    posted: Decimal
    held: Decimal
    credit: Decimal

    @property
    def available(self) -> Decimal:
        """What can be traded or withdrawn without credit: nothing while it is negative."""
        return max(self.posted - self.held, ZERO)

    @property
    def credit_used(self) -> Decimal:
        """How much of the credit line is taken."""
        return max(self.held - self.posted, ZERO)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say about it."""
        return not (self.posted or self.held or self.credit)


@dataclass(frozen=True, slots=True)
class Owed:
    """What stands with an LP in one currency: what the desk owes it, or (negative) what it owes the desk."""

    unit: Unit
    amount: Decimal


def of_client(client: Counterparty) -> list[Holding]:
    """A client's balances, by currency."""
    return of_clients([client])[client.pk]


def of_clients(clients: Sequence[Counterparty]) -> dict[int, list[Holding]]:
    """The balances of each, by currency."""
    found: dict[int, list[Holding]] = {client.pk: [] for client in clients}
    accounts = LedgerAccount.objects.filter(counterparty__in=found, kind=LedgerAccount.Kind.CLIENT, is_cached=True)
    for account in accounts.select_related("asset", "balance").order_by("asset__code"):
        found[account.counterparty_id or 0].append(_holding(account))
    return found


def of_lp(lp: Counterparty) -> list[Owed]:
    """What has accrued with an LP, by currency."""
    return of_lps([lp])[lp.pk]


def of_lps(lps: Sequence[Counterparty]) -> dict[int, list[Owed]]:
    """What has accrued with each, by currency."""
    found: dict[int, list[Owed]] = {lp.pk: [] for lp in lps}
    rows = LedgerAccount.objects.filter(counterparty__in=found, kind=LedgerAccount.Kind.LP)
    accounts = list(rows.select_related("asset").order_by("asset__code"))
    now = standings.of_accounts([row.pk for row in accounts])
    for row in accounts:
        amount = -Money.from_minor(now.get(row.pk, Standing()).posted, row.asset.unit).amount
        found[row.counterparty_id or 0].append(Owed(row.asset.unit, amount))
    return found


def _holding(account: LedgerAccount) -> Holding:
    unit, balance = account.asset.unit, account.balance
    amounts = (Money.from_minor(number, unit).amount for number in (balance.posted, balance.held, balance.credit))
    return Holding(unit, *amounts)
