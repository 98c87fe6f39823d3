"""What every wallet promises, whatever its chain: the same tests on the simulated chain and on a real node."""

from collections.abc import Callable

import pytest

from settlement import operations
from settlement.models import Settlement, Transfer, TransferAttempt, Wallet
from settlement.wallets.base import Broadcast, CannotSign, Payment
from tests import factories, jobs
from tests.factories import Market
from tests.settlement.books import assert_books_are_right, steps
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from tests.wallets import tron
from tests.wallets.stages import MINOR, EvmStage, SimulatedStage, Stage, TronStage
from trading.lib import clock

CHAINS = ("simulated", "evm", "tron")
COUNTING = ("simulated", "evm")  # the transactions of an address
type Staged = Callable[[], Stage]


@pytest.fixture(params=CHAINS)
def stage(request: pytest.FixtureRequest, time: MovingClock) -> Stage:
    """A wallet with money on each chain in turn."""
    if request.param == "evm":
        return EvmStage(request.getfixturevalue("wallet"), request.getfixturevalue("node"))
    if request.param == "tron":
        return TronStage(request.getfixturevalue("tron_wallet"), request.getfixturevalue("network"))
    usdt = request.getfixturevalue("usdt")
    wallet = operations.open_wallet(name="hot", chain="simulated", address="sim-hot", asset=usdt, now=clock.now())
    return SimulatedStage(wallet, time)


# --- bytes -----------------------------------------------------------------------------------


def test_same_payment_on_same_terms_is_the_same_bytes(stage: Stage) -> None:
    to_address = stage.recipient()
    payment, terms = Payment(to_address, MINOR, 0), stage.look(to_address).terms

    first, second = stage.port.sign(payment, terms), stage.port.sign(payment, terms)

    assert first == second
    assert stage.port.sign(Payment(to_address, MINOR, 1), terms).tx_hash != first.tx_hash


def test_bytes_say_what_they_pay(stage: Stage) -> None:
    payment, signed = stage.signed(nonce=7)

    assert stage.port.decode(signed.raw) == payment


@pytest.mark.parametrize("at", [0, 40, -1])
def test_changed_bytes_are_no_payment_of_the_wallet(stage: Stage, at: int) -> None:
    payment, signed = stage.signed()
    changed = bytearray(signed.raw)
    changed[at] ^= 1

    try:
        read = stage.port.decode(bytes(changed))
    except ValueError:
        return
    pytest.fail(f"{read} was read from changed bytes of {payment}")


def test_bytes_of_another_wallet_are_refused(stage: Stage) -> None:
    _payment, signed = stage.signed()
    stage.wallet.address = "0x" + "11" * 20

    with pytest.raises(ValueError, match="another wallet"):
        stage.port.decode(signed.raw)


# --- sending and following -------------------------------------------------------------------


def test_payment_is_sent_mined_and_final(stage: Stage) -> None:
    payment, signed = stage.signed()
    assert stage.port.nonce() == 0
    before = stage.port.balance()
    assert stage.port.receipt(signed.tx_hash) is None

    assert stage.port.broadcast(signed.raw).outcome == Broadcast.ACCEPTED
    assert stage.port.receipt(signed.tx_hash) is None  # no block has it yet

    stage.mine()
    mined = stage.port.receipt(signed.tx_hash)
    assert mined is not None
    assert (mined.pays, mined.fault, mined.confirmations, mined.is_final) == (payment, "", 1, False)
    assert mined.tx_hash == signed.tx_hash

    stage.mine(2)
    final = stage.port.receipt(signed.tx_hash)
    assert final is not None
    assert (final.confirmations, final.is_final, final.block_number) == (3, True, mined.block_number)
    assert stage.paid(payment.to_address) == [MINOR]
    assert stage.port.nonce() == (1 if stage.counts else 0)
    assert stage.port.balance() == before - MINOR


@pytest.mark.parametrize("blocks", [0, 1, 5])
def test_same_bytes_again_are_known_and_pay_once(stage: Stage, blocks: int) -> None:
    payment, signed = stage.signed()
    stage.port.broadcast(signed.raw)
    if blocks:
        stage.mine(blocks)

    assert stage.port.broadcast(signed.raw).outcome == Broadcast.KNOWN

    stage.mine(5)
    assert stage.paid(payment.to_address) == [MINOR]


@pytest.mark.parametrize("stage", COUNTING, indirect=True)
def test_nonce_taken_by_another_payment_is_refused_once_that_is_final(stage: Stage) -> None:
    stage.port.broadcast(stage.signed(nonce=0)[1].raw)
    stage.mine(5)
    late, signed = stage.signed(nonce=0)

    assert stage.port.broadcast(signed.raw).outcome == Broadcast.REFUSED

    stage.mine(5)
    assert stage.paid(late.to_address) == []


def test_lost_bytes_can_be_sent_again(stage: Stage) -> None:
    payment, signed = stage.signed()
    stage.port.broadcast(signed.raw)
    stage.lose(signed.tx_hash)
    assert stage.port.receipt(signed.tx_hash) is None

    assert stage.port.broadcast(signed.raw).outcome == Broadcast.ACCEPTED

    stage.mine(3)
    assert stage.paid(payment.to_address) == [MINOR]


def test_reorganised_payment_is_not_mined_any_more(stage: Stage) -> None:
    payment, signed = stage.signed()
    stage.port.broadcast(signed.raw)
    stage.mine()
    stage.reorg(signed.tx_hash)

    assert stage.port.receipt(signed.tx_hash) is None
    assert stage.paid(payment.to_address) == []

    assert stage.port.broadcast(signed.raw).outcome == Broadcast.ACCEPTED
    stage.mine(3)
    assert stage.paid(payment.to_address) == [MINOR]


def test_nothing_is_dearer_that_is_mined(stage: Stage) -> None:
    _payment, signed = stage.signed()
    stage.port.broadcast(signed.raw)
    stage.mine()

    assert stage.port.dearer(signed.raw) is None


# --- the whole way ---------------------------------------------------------------------------


@pytest.fixture(params=CHAINS)
def trading(request: pytest.FixtureRequest, db: None, time: MovingClock) -> tuple[Market, Stage]:
    """A market whose client has an address on each chain in turn."""
    market = factories.market()
    if request.param == "simulated":
        return market, SimulatedStage(market.wallet, time)
    if request.param == "tron":
        network, address = request.getfixturevalue("network"), request.getfixturevalue("tron_address")
        market.address = tron.destination(market)
        return market, TronStage(tron.open_wallet(network, address, market.usdt), network)
    node, address = request.getfixturevalue("node"), request.getfixturevalue("started_node")[1]
    market.address = nodes.destination(market)
    return market, EvmStage(nodes.open_wallet(address, market.usdt), node)


def live(stage: Stage, *, rounds: int = 15) -> None:
    """Run the money jobs by the real worker, a block each round, until none is left."""
    for _ in range(rounds):
        jobs.hurry()
        jobs.run_all(queues=["money"])
        if not jobs.names(queue_name="money"):
            return
        stage.mine()
    pytest.fail(f"still waiting: {jobs.names(queue_name='money')}")


def test_trades_settle_on_chain_once_each(trading: tuple[Market, Stage]) -> None:
    market, stage = trading
    settlements = [factories.fill(market, to=market.address).settlement for _ in range(2)]

    live(stage)

    assert [steps(settlement) for settlement in settlements] == [["approved", "paying", "settled"]] * 2
    assert stage.paid(market.address.address) == [10_847_163_466] * 2
    assert sorted(Transfer.objects.values_list("nonce", "status")) == [(0, "final"), (1, "final")]
    assert set(TransferAttempt.objects.values_list("status", flat=True)) == {"mined"}
    assert_books_are_right()


@pytest.mark.parametrize("trading", COUNTING, indirect=True)
def test_wallet_whose_nonce_moved_without_us_is_paused(trading: tuple[Market, Stage]) -> None:
    market, stage = trading
    stage.port.broadcast(stage.signed(nonce=0)[1].raw)  # nobody here made that
    stage.mine()
    settlement = factories.fill(market, to=market.address).settlement

    jobs.run_all(queues=["money"])

    settlement.refresh_from_db()
    assert (settlement.status, settlement.reason) == ("blocked", "no_wallet")
    assert Wallet.objects.get(pk=stage.wallet.pk).paused_at is not None
    assert stage.paid(market.address.address) == []
    assert not Transfer.objects.exists()
    assert Settlement.objects.get(pk=settlement.pk).status == Settlement.Status.BLOCKED


def test_wallet_that_was_not_looked_at_signs_nothing_on_a_chain_that_charges(wallet: Wallet) -> None:
    stage = EvmStage(wallet, None)  # type: ignore[arg-type]

    with pytest.raises(CannotSign, match="not looked at"):
        stage.port.sign(Payment(stage.recipient(), MINOR, 0), {})
