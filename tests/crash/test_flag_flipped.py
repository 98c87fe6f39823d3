"""The flag turned off by one process while eight others claim: nothing is claimed once that has committed."""

from collections import Counter
from contextlib import ExitStack

import pytest

from settlement.models import Settlement, Transfer
from tests import factories
from tests.crash.running import shell, wait_for
from tests.factories.many import quoted
from tests.probes import sql
from users.models import AuditEvent

CLAIMERS, TRADES, CLAIMED_FIRST = 8, 240, 20
START, FLIP_NOW = 98, 99  # advisory locks: whoever is loaded waits for one of them
BOOT_SECONDS = 300  # nine processes load the desk

READY = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("set lock_timeout = 0")
    cursor.execute("select pg_advisory_lock_shared({lock})")
    cursor.execute("reset lock_timeout")
"""
CLAIM = """
from settlement import tasks
for number in {mine}:
    tasks.pay(settlement_id=number)
"""
FLIP = """
from settlement.operations import turn_flag_off
from trading.lib import clock
from users.models import User
turn_flag_off(actor=User.objects.get(username="olga"), reason="Wallet under investigation.", now=clock.now())
"""
CLAIMS = ["settlement.paying", "settlement.settled"]


def claims() -> int:
    return AuditEvent.objects.filter(name__in=CLAIMS).count()


def ready(*locks: int) -> int:
    """How many processes wait for these."""
    count = "select count(*) from pg_locks where locktype = 'advisory' and objid = any(%s::oid[]) and not granted"
    return int(sql(count, list(locks)))


@pytest.mark.processes
def test_nothing_is_claimed_after_another_process_turned_it_off(db: None) -> None:
    market = factories.market()
    factories.user("ops", username="olga")
    half = TRADES // 2
    for quote in quoted(market, half) + quoted(market, half, to=market.address):
        factories.accept(quote, market.tara)
    trades = list(Settlement.objects.filter(status="approved").order_by("?").values_list("pk", flat=True))
    assert len(trades) == TRADES

    with ExitStack() as running:
        sql("select pg_advisory_lock(%s), pg_advisory_lock(%s)", START, FLIP_NOW)
        claimers = [
            running.enter_context(shell(READY.format(lock=START) + CLAIM.format(mine=trades[each::CLAIMERS])))
            for each in range(CLAIMERS)
        ]
        flip = running.enter_context(shell(READY.format(lock=FLIP_NOW) + FLIP))
        wait_for(lambda: ready(START, FLIP_NOW) == CLAIMERS + 1, seconds=BOOT_SECONDS)
        sql("select pg_advisory_unlock(%s)", START)
        wait_for(lambda: claims() >= CLAIMED_FIRST)
        sql("select pg_advisory_unlock(%s)", FLIP_NOW)
        assert flip.wait(BOOT_SECONDS) == 0
        assert [claimer.wait(BOOT_SECONDS) for claimer in claimers] == [0] * CLAIMERS

    off = AuditEvent.objects.get(name="flag.turned_off")
    before = AuditEvent.objects.filter(name__in=CLAIMS, pk__lt=off.pk).count()
    states = Counter(Settlement.objects.values_list("status", "reason"))
    assert AuditEvent.objects.filter(name__in=CLAIMS, pk__gt=off.pk).count() == 0
    assert before >= CLAIMED_FIRST
    assert states[("flagged_off", "auto_settlement_off")] == TRADES - before > 0
    assert states[("paying", "signed")] + states[("settled", "delivered")] == before
    assert Transfer.objects.count() == states[("paying", "signed")]
    assert not AuditEvent.objects.filter(name="settlement.flagged_off", pk__lt=off.pk).exists()
