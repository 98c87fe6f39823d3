"""The worker killed with `kill -9` while it pays on TRON: what left is paid once, what left too late never is."""

import sys
from pathlib import Path

import pytest

from settlement.models import Settlement, Transfer
from tests import factories
from tests.factories import Market
from tests.settlement.books import steps
from tests.wallets import rig as rigs
from tests.wallets import tron
from tests.wallets.paying import PAID
from tests.wallets.rig import Rig
from tests.wallets.tron import Scene

pytestmark = pytest.mark.processes
OVER = 3600 + 5 * 60


def status_of(settlement: Settlement) -> str:
    return Settlement.objects.values_list("status", flat=True).get(pk=settlement.pk)


def test_killed_worker_pays_once_what_it_sent_and_never_what_it_sent_too_late(
    db: None, network: Scene, tron_address: str, wallet_folder: Path
) -> None:
    """Row 4 of the crash matrix, and row 18 after a row 3 that nobody mended for an hour; one process for both."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the rig reads /proc")
    market: Market = factories.market()
    market.address = tron.destination(market)
    wallet = tron.open_wallet(network, tron_address, market.usdt)
    with rigs.started(tron.environment(wallet_folder, *network.urls)) as process:
        rig = Rig(process, network)
        sent = factories.fill(market, to=market.address).settlement
        rig.die_at("sent")
        first = Transfer.objects.get(settlement=sent)
        assert (status_of(sent), first.status) == ("paying", "signed")
        rig.work_until(lambda: status_of(sent) == "settled")

        late = factories.fill(market, to=market.address).settlement
        rig.die_at("committed")
        second = Transfer.objects.get(settlement=late)
        assert (status_of(late), second.status) == ("paying", "signed")
        network.pass_time(OVER)
        rig.work_until(lambda: status_of(late) == "needs_review")

    second.refresh_from_db()
    assert (second.status, second.reason) == ("needs_review", "expired_unseen")
    assert network.paid(wallet.address, first.to_address) == [PAID]
    assert set(network.sent) == {first.attempts.get().tx_hash}  # the very bytes that were stored
    assert (first.attempts.count(), second.attempts.count()) == (1, 1)
    assert steps(sent) == ["approved", "paying", "settled"]
    wallet.account.balance.refresh_from_db()
    assert wallet.account.balance.held == PAID  # until people decide
