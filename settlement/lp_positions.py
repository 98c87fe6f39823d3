"""Reads about what stands between the desk and its LPs, and the payments that settle it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from settlement import standings
from settlement.models import Asset, BankAccount, LpPayment, PayoutAddress, Transfer, Wallet
from settlement.money import APPROVED, OF_ACCOUNTS, OF_ADDRESSES, Page, one_of, page_of
from trading.lib.errors import NotFound
from trading.lib.money import USDT
from users.models import Counterparty, User
from users.queries.scopes import within

OLD_AFTER, LATE_AFTER = timedelta(days=1), timedelta(days=3)
TABS: Mapping[str, Sequence[str]] = {
    "": ("requested", "approved", "sent", "paying", "needs_review"),
    "confirmed": ("confirmed",),
    "over": ("returned", "declined"),
}

# The balance of every LP account that is not even, and since when it is so.
POSITIONS = f"""
with {standings.NOW},
uneven as materialized (
    select account.id, account.asset_id, account.counterparty_id, standing.amount as minor
    from settlement_ledgeraccount as account
    join standing on standing.account_id = account.id and standing.layer = 'P'
    where account.kind = 'lp' and account.counterparty_id = any(%s) and standing.amount <> 0
)
select uneven.counterparty_id, uneven.asset_id, -uneven.minor / power(10::numeric, asset.scale),
    settlement_uneven_since(uneven.id, uneven.minor) as since
from uneven join settlement_asset as asset on asset.code = uneven.asset_id
order by since
"""  # noqa: S608 - of words of this app alone


@dataclass(frozen=True, slots=True)
class Position:
    """What one side owes the other in one asset: the desk when `amount` is above nothing, else the LP."""

    lp: Counterparty
    asset: Asset
    amount: Decimal
    since: datetime
    under_way: Decimal
    urgency: str

    @property
    def direction(self) -> str:
        """Who pays."""
        return LpPayment.Direction.OUT if self.amount > 0 else LpPayment.Direction.IN

    @property
    def owed(self) -> Decimal:
        """How much, whoever owes it."""
        return abs(self.amount)

    @property
    def left(self) -> Decimal:
        """What nothing under way pays yet."""
        return max(self.owed - self.under_way, Decimal(0))


def positions(*, reader: User, now: datetime) -> list[Position]:
    """Read every position of the LPs the reader serves, the oldest first. Four queries."""
    lps = {lp.pk: lp for lp in Counterparty.objects.filter(within(reader, "pk"), kind=Counterparty.Kind.LP)}
    assets = {asset.code: asset for asset in Asset.objects.all()}
    live = LpPayment.objects.filter(lp__in=lps, status__in=("requested", "approved", "paying", "needs_review"))
    live = live.exclude(Exists(Transfer.objects.filter(lp_payment=OuterRef("pk"), final_at__isnull=False)))
    sums = live.values_list("lp", "asset", "direction").annotate(total=Sum("amount")).order_by()
    under_way = {(lp, asset, direction): total for lp, asset, direction, total in sums}
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS, [list(lps)])
        rows = cursor.fetchall()
    found = []
    for lp, code, amount, since in rows:
        direction = LpPayment.Direction.OUT if amount > 0 else LpPayment.Direction.IN
        age = now - since
        urgency = "late" if age > LATE_AFTER else "warn" if age > OLD_AFTER else ""
        moving = under_way.get((lp, code, direction), Decimal(0))
        found.append(Position(lps[lp], assets[code], round(amount, assets[code].scale), since, moving, urgency))
    return found


def payments(tab: str, *, reader: User, before: str = "") -> Page:
    """Read payments with the LPs the reader serves. One query, two with `before`."""
    return page_of(payments_in(tab, reader=reader), before)


def payments_in(tab: str, *, reader: User) -> QuerySet[LpPayment]:
    """The payments of a tab, with the LPs the reader serves."""
    rows = LpPayment.objects.filter(within(reader, "lp"), status__in=TABS[tab])
    return rows.select_related("lp", "asset")


def payment(ref: str, *, reader: User) -> LpPayment:
    """
    Read one payment. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    related = ("lp", "asset", "account", "address", "wallet", "requested_by")
    return one_of(LpPayment.objects.filter(within(reader, "lp"), ref=ref).select_related(*related))


def of_lp(lp: Counterparty) -> QuerySet[LpPayment]:
    """The LP's payments, as it may see them: what the desk is to pay it, once two have approved it. One query."""
    ripe = Q(direction=LpPayment.Direction.IN) | ~Q(status__in=("requested", "declined"))
    return LpPayment.objects.filter(ripe, lp=lp).select_related("asset", "account", "address", "wallet")


def lp_and_asset(ref: str, currency: str, *, reader: User) -> tuple[Counterparty, Asset]:
    """
    Read an LP the reader serves, and an asset. Two queries.

    :raises NotFound: there is no such LP or asset, or not for this reader.
    """
    lp = one_of(Counterparty.objects.filter(within(reader, "pk"), ref=ref, kind=Counterparty.Kind.LP))
    return lp, one_of(Asset.objects.filter(code=currency))


def ways(lp: Counterparty, asset: Asset, direction: str, *, now: datetime) -> list[tuple[str, str]]:
    """List where such a payment may go: refs or names, and their words. Fiat that comes needs no choice. One query."""
    if direction == LpPayment.Direction.IN:
        if asset.code != USDT.code:
            return []
        wallets = Wallet.objects.filter(paused_at=None).order_by("pk")
        return [(one.name, f"{one.name} · {one.chain}: {one.address}") for one in wallets]
    if asset.code == USDT.code:
        addresses = PayoutAddress.objects.filter(OF_ADDRESSES[APPROVED], counterparty=lp, usable_from__lte=now)
        return [(one.ref, f"{one.label or one.ref} · {one.chain}: {one.address}") for one in addresses.order_by("pk")]
    accounts = BankAccount.objects.filter(OF_ACCOUNTS[APPROVED], counterparty=lp, currency=asset)
    return [(one.ref, f"{one.words} · {one.number}") for one in accounts.order_by("pk")]


def require_direction(direction: str) -> str:
    """
    One of the two.

    :raises NotFound: neither.
    """
    if direction not in LpPayment.Direction.values:
        raise NotFound
    return direction
