"""Settlements that wait for their client's money go on as soon as it is there."""

from datetime import datetime

from settlement import autosettle, legs
from settlement.models import Balance, Settlement
from settlement.operations.opening import next_status
from trading.lib import jobs
from trading.lib.operations import operation
from users import audit
from users.models import Counterparty

WAITING = Settlement.Status.AWAITING_FUNDS


def wake(client: Counterparty) -> None:
    """Ask for `fund_waiting`: the client has more than before. Assumes the transaction that gave it."""
    jobs.defer("settlement.fund_waiting", client_id=client.pk, lock=client.ref)


@operation
def fund_waiting(*, client_id: int, now: datetime) -> int:
    """
    Let go on what the client's balances cover by now, oldest first in each asset; the answer is how many.

    A younger, smaller one never goes before an older one that still waits: money comes to it first.
    """
    client = Counterparty.objects.select_for_update().get(pk=client_id)
    rows = Settlement.objects.filter(client=client, status=WAITING).select_related("client", "quote_asset")
    waiting = list(rows.select_for_update(of=("self",)).order_by("pk"))
    if not waiting:
        return 0
    gate = autosettle.read()
    given = {settlement.pk: legs.given(settlement) for settlement in waiting}
    free = _free({account for account, _minor in given.values()}, list(given.values()))
    funded = 0
    for settlement in waiting:
        account, minor = given[settlement.pk]
        free[account] -= minor
        if free[account] < 0:
            continue  # and nothing younger in this asset: what is missing for this one is missing for them
        status, why = next_status(settlement, gate, is_covered=True)
        goes_on = status == Settlement.Status.APPROVED
        settlement.move(status, at=now, reason="funded" if goes_on else why, detail="")
        change = audit.Change(before={"status": WAITING}, after={"status": status}, reason="funded")
        audit.record("settlement.funded", actor=None, subject=settlement, at=now, change=change)
        if goes_on:
            jobs.defer("settlement.pay", settlement_id=settlement.pk, lock=settlement.ref)
        funded += 1
    return funded


def _free(accounts: set[str], waiting: list[tuple[str, int]]) -> dict[str, int]:
    """What each account has for those that wait: all that is posted, less what others hold of it."""
    free = {}
    balances = Balance.objects.filter(account__code__in=accounts).select_related("account").order_by("account_id")
    for balance in balances:  # whatever takes of them locks the client first
        code = balance.account.code
        theirs = sum(minor for account, minor in waiting if account == code)
        free[code] = int(balance.posted) - (int(balance.held) - theirs)
    return free
