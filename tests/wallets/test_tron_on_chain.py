"""From an accepted trade to USDT on TRON when the network or its nodes misbehave: never twice, never silently."""

from typing import Any

import pytest

from settlement import operations, tasks
from settlement.models import PaymentCheck, Settlement, Transfer, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Payment
from tests import factories, jobs
from tests.factories import Market
from tests.settlement.books import assert_books_are_right, reason, steps
from tests.settlement.conftest import MovingClock
from tests.wallets import tron
from tests.wallets.paying import PAID, follow, sent
from tests.wallets.tron import Scene, settings_row
from trading.lib import clock

HOUR = 3600
SURE = 5 * 60


@pytest.fixture
def tron_market(db: None, network: Scene, time: MovingClock) -> Market:
    """A client with an address on the network."""
    made = factories.market()
    made.address = tron.destination(made)
    return made


@pytest.fixture
def payer(tron_market: Market, network: Scene, tron_address: str) -> Wallet:
    return tron.open_wallet(network, tron_address, tron_market.usdt)


@pytest.fixture
def paying(tron_market: Market, payer: Wallet) -> Settlement:
    """Accepted, to be paid on the network."""
    return factories.fill(tron_market, to=tron_market.address).settlement


def paid(network: Scene, transfer: Transfer) -> list[int]:
    return network.paid(transfer.wallet.address, transfer.to_address)


def finish(network: Scene, transfer: Transfer) -> None:
    """Mine, follow, and see that it was paid once and the books are right."""
    for _ in range(5):
        network.mine()
        if follow(transfer)[0] == "final":
            break
    assert transfer.settlement is not None
    assert steps(transfer.settlement)[-1] == "settled"
    assert paid(network, transfer) == [PAID]
    assert_books_are_right()


def is_void(settlement: Settlement) -> tuple[str, str]:
    check = operations.ask_void(ref=settlement.ref, actor=factories.user("ops"), now=clock.now())
    tasks.check_payment(check_id=check.pk)
    check.refresh_from_db()
    return check.status, check.reason


def again(transfer: Transfer) -> tuple[str, str]:
    """Send it once more."""
    tasks.broadcast(transfer_id=transfer.pk)
    transfer.refresh_from_db()
    return transfer.status, transfer.reason


# --- the broadcast ---------------------------------------------------------------------------


def test_lost_answers_to_a_broadcast_pay_once(paying: Settlement, network: Scene) -> None:
    network.first.loses["wallet/broadcasthex"] = 1
    network.second.loses["wallet/broadcasthex"] = 1

    transfer = sent(paying)
    assert (transfer.status, transfer.attempts.get().answer[:7]) == ("signed", "unknown")
    assert again(transfer)[0] == "broadcast"
    assert transfer.attempts.get().answer.startswith("known: DUP_TRANSACTION_ERROR")

    finish(network, transfer)
    assert transfer.attempts.count() == 1


def test_dropped_and_reorganised_payment_is_sent_again_as_it_was(
    paying: Settlement, network: Scene, time: MovingClock
) -> None:
    transfer = sent(paying)
    network.lose(transfer.attempts.get().tx_hash)
    time.advance(31)
    follow(transfer)
    assert jobs.names(task_name="settlement.broadcast") == ["settlement.broadcast"]
    again(transfer)
    network.mine()
    assert follow(transfer)[0] == "mined"
    network.reorg()
    assert follow(transfer) == ("broadcast", "reorg")
    again(transfer)

    finish(network, transfer)
    assert transfer.attempts.count() == 1


def test_it_is_final_when_every_node_has_solidified_the_same(paying: Settlement, network: Scene) -> None:
    transfer = sent(paying)
    network.second.lag = 2
    network.mine(3)
    assert follow(transfer)[0] == "mined"

    network.second.lag = 0
    assert follow(transfer)[0] == "final"


def test_no_more_are_on_their_way_than_the_wallet_can_surely_pay_for(
    paying: Settlement, network: Scene, tron_market: Market, settings: Any
) -> None:
    settings.TRON_CHAINS = [settings_row(*network.urls, most_in_flight=1)]
    sent(paying)
    second = factories.fill(tron_market, to=tron_market.address).settlement

    tasks.pay(settlement_id=second.pk)

    assert (reason(second)[0], Transfer.objects.count()) == ("approved", 1)


# --- row 18: expired unseen ------------------------------------------------------------------


def expired(settlement: Settlement, network: Scene, *, seconds: int = HOUR + SURE) -> Transfer:
    """Signed, and kept from every node until its time was over."""
    tasks.pay(settlement_id=settlement.pk)
    network.pass_time(seconds)
    return Transfer.objects.select_related("wallet", "settlement").get()


def test_payment_that_expired_unseen_is_reviewed_and_made_again_by_two_people(
    paying: Settlement, network: Scene
) -> None:
    first = expired(paying, network)

    assert again(first) == ("needs_review", "expired_unseen")
    assert reason(paying) == ("needs_review", "expired_unseen")
    jobs.run_all(queues=["money"])  # nothing is signed or sent by itself
    assert (first.attempts.count(), network.waiting) == (1, {})

    assert is_void(paying) == ("verified", "")
    factories.carry("settlement.resend", paying.ref, check=PaymentCheck.objects.get().ref)
    tasks.sign_again(settlement_id=paying.pk)
    second = Transfer.objects.select_related("wallet", "settlement").latest("generation")
    assert (second.nonce, second.attempts.get().tx_hash != first.attempts.get().tx_hash) == (1, True)
    again(second)

    finish(network, second)
    first.refresh_from_db()
    assert (first.status, first.attempts.get().status) == ("abandoned", "expired")
    port = port_of(second.wallet)
    port.broadcast(bytes(first.attempts.get().raw))
    network.mine(5)
    assert paid(network, second) == [PAID]


@pytest.mark.parametrize("seconds", [HOUR - 60, HOUR + SURE - 60])
def test_time_that_is_not_surely_over_proves_nothing(paying: Settlement, network: Scene, seconds: int) -> None:
    transfer = expired(paying, network, seconds=seconds)

    status = again(transfer)[0]
    assert status == ("broadcast" if seconds < HOUR else "signed")

    operations.record_mismatch(transfer_id=transfer.pk, reason="looked_at", now=clock.now())
    assert is_void(paying) == ("refused", "may_still_happen")


def test_absence_is_believed_of_two_nodes_that_keep_their_history(
    paying: Settlement, network: Scene, settings: Any
) -> None:
    transfer = expired(paying, network)
    network.second.keeps_history = False
    assert again(transfer)[0] == "signed"

    network.second.keeps_history = True
    settings.TRON_CHAINS = [settings_row(network.first.url, "http://127.0.0.1:9")]
    assert again(transfer)[0] == "signed"

    settings.TRON_CHAINS = [settings_row(*network.urls)]
    network.second.lag = 5  # its solidified blocks are not past the time
    assert again(transfer)[0] == "signed"

    network.second.lag = 0
    assert again(transfer) == ("needs_review", "expired_unseen")


def test_payment_that_one_node_has_is_not_void(paying: Settlement, network: Scene) -> None:
    """The broadcast was taken and nobody heard; one node's blocks have it, the other one knows of nothing."""
    network.first.loses["wallet/broadcasthex"] = network.second.loses["wallet/broadcasthex"] = 1
    transfer = sent(paying)
    network.mine()
    network.pass_time(HOUR + SURE)
    attempt = transfer.attempts.get()
    network.first.forgets.add(attempt.tx_hash)

    assert again(transfer)[0] == "broadcast"

    network.first.forgets.clear()
    assert follow(transfer)[0] == "final"
    assert attempt.tx_hash in network.infos
    assert paid(network, transfer) == [PAID]


# --- row 18: mined, and not what was meant ---------------------------------------------------


def test_energy_that_does_not_suffice_is_reviewed_with_the_reason(paying: Settlement, network: Scene) -> None:
    def stingy(wallet: Wallet, transfer: Transfer) -> object:
        port = port_of(wallet)
        terms = port.look(to_address=transfer.to_address, amount_minor=int(transfer.amount_minor)).terms
        payment = Payment(transfer.to_address, int(transfer.amount_minor), transfer.nonce)
        return port.sign(payment, {**terms, "fee_limit": 1_000_000})

    operations.pay(settlement_id=paying.pk, signer=stingy, now=clock.now())  # type: ignore[arg-type]
    transfer = Transfer.objects.select_related("wallet").get()
    again(transfer)
    network.mine()

    assert follow(transfer) == ("needs_review", "out_of_energy")
    assert reason(paying) == ("needs_review", "out_of_energy")
    assert paid(network, transfer) == []
    assert is_void(paying) == ("refused", "not_final")
    network.mine(3)
    assert is_void(paying) == ("verified", "")


def test_switch_flipped_between_signing_and_block_is_reviewed(paying: Settlement, network: Scene) -> None:
    transfer = sent(paying)
    network.node.do("pause()")
    network.mine(3)

    assert follow(transfer) == ("needs_review", "reverted")
    assert is_void(paying) == ("verified", "")


def test_another_log_than_was_meant_is_no_payment(paying: Settlement, network: Scene) -> None:
    transfer = sent(paying)
    network.node.do("setParams(uint256,uint256)", 10, 40)
    network.mine(3)

    assert follow(transfer) == ("needs_review", "wrong_log")
    assert is_void(paying) == ("refused", "another_payment")
