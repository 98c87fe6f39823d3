"""Of the rounds that compared chains and books and found everything in order, one a day is kept after a while."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from settlement import operations
from settlement.models import Reconciliation
from settlement.operations.pausing import WalletSubject
from tests.probes import refused, sql
from trading.lib import clock
from users import audit
from users.models import AuditEvent

DIFFERS = [{"check": "wallet", "ref": "w", "what": "differs", "wallet": "w", "halts": True}]


def round_of(
    days_ago: int, minute: int, *, is_books: bool = False, differences: Sequence[Any] = (), unseen: Sequence[str] = ()
) -> str:
    """Written as if it had been then."""
    at = (clock.now() - timedelta(days=days_ago)).replace(hour=12, minute=minute)
    counts = 0 if is_books else None
    return Reconciliation.objects.create(
        begun_at=at,
        ended_at=at,
        accounts=counts,
        journals=counts,
        entries=counts,
        differences=list(differences),
        unseen=list(unseen),
    ).ref


@pytest.fixture
def rounds(db: None) -> tuple[list[str], list[str]]:
    """Those that stay, and those that go."""
    stay, go = [], []
    for days_ago in (50, 49):
        for is_books in (False, True):
            stay.append(round_of(days_ago, 0, is_books=is_books))
            go += [round_of(days_ago, minute, is_books=is_books) for minute in (1, 2)]
    stay.append(round_of(49, 3, differences=DIFFERS))
    stay.append(round_of(49, 4, unseen=["w: its chain does not answer"]))
    stay += [round_of(1, minute, is_books=is_books) for is_books in (False, True) for minute in (0, 1)]
    return stay, go


def test_one_a_day_stays_and_whatever_differed(rounds: tuple[list[str], list[str]]) -> None:
    stay, go = rounds

    assert operations.prune_reconciliations(now=clock.now()) == len(go)

    assert set(Reconciliation.objects.values_list("ref", flat=True)) == set(stay)
    assert AuditEvent.objects.get(name="reconciliation.pruned").after["removed"] == len(go)
    assert operations.prune_reconciliations(now=clock.now()) == 0
    assert AuditEvent.objects.filter(name="reconciliation.pruned").count() == 1


def test_round_that_opened_a_wallet_stays(rounds: tuple[list[str], list[str]]) -> None:
    proof = rounds[1][0]
    with transaction.atomic():
        change = audit.Change(after={"reconciliation": proof})
        audit.record("wallet.resumed", actor=None, subject=WalletSubject("w"), at=clock.now(), change=change)

    operations.prune_reconciliations(now=clock.now())

    assert Reconciliation.objects.filter(ref=proof).exists()


def test_nobody_removes_one_by_another_way_nor_a_recent_one(rounds: tuple[list[str], list[str]]) -> None:
    with refused("permission denied|never changed"):
        sql("delete from settlement_reconciliation where ref = %s", rounds[1][0])
    with refused("permission denied|never changed"):
        sql("update settlement_reconciliation set differences = '[]'")
    assert sql("select settlement_prune_reconciliations('1 hour', 1000)") == len(rounds[1])
    assert set(Reconciliation.objects.values_list("ref", flat=True)) == set(rounds[0])
