"""From an accepted trade to USDT on a real node, when the chain or its node misbehaves: never twice, never silently."""

from collections.abc import Callable

import pytest

from settlement import operations, tasks
from settlement.models import Settlement, Transfer, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Payment
from tests import factories, jobs
from tests.factories import Market
from tests.settlement.books import reason, steps
from tests.settlement.conftest import MovingClock
from tests.wallets import node as nodes
from tests.wallets.node import GWEI, Node
from tests.wallets.paying import finish, follow, paid, sent
from tests.wallets.proxy import Proxy
from trading.lib import clock
from trading.sandbox import chain

# --- blocked, and mended ---------------------------------------------------------------------


MENDED: list[tuple[str, Callable[[Node, Wallet], object], Callable[[Node, Wallet], object]]] = [
    ("token_paused", lambda node, _hot: node.do("pause()"), lambda node, _hot: node.do("unpause()")),
    (
        "wallet_blacklisted",
        lambda node, hot: node.do("addBlackList(address)", hot.address),
        lambda node, hot: node.do("removeBlackList(address)", hot.address),
    ),
    (
        "no_gas",
        lambda node, hot: node.call("anvil_setBalance", hot.address, "0x1"),
        lambda node, hot: node.call("anvil_setBalance", hot.address, hex(10**20)),
    ),
    (
        "token_takes_fee",
        lambda node, _hot: node.do("setParams(uint256,uint256)", 10, 40),
        lambda node, _hot: node.do("setParams(uint256,uint256)", 0, 0),
    ),
]


@pytest.mark.parametrize(("why", "change", "mend"), MENDED, ids=[one[0] for one in MENDED])
def test_payment_that_would_fail_is_blocked_and_goes_on_when_it_is_mended(
    settlement: Settlement, node: Node, why: str, change: Callable[..., object], mend: Callable[..., object]
) -> None:
    hot = Wallet.objects.get(chain="ethereum")
    change(node, hot)
    tasks.pay(settlement_id=settlement.pk)
    assert reason(settlement) == ("blocked", why)

    tasks.resume_blocked(timestamp=0)
    assert steps(settlement) == ["approved", "blocked"]  # no step without a reason to take it

    mend(node, hot)
    tasks.resume_blocked(timestamp=0)
    finish(node, sent(settlement))
    assert steps(settlement) == ["approved", "blocked", "approved", "paying", "settled"]


def test_no_node_to_ask_blocks_and_signs_nothing(
    settlement: Settlement, settings: pytest.FixtureRequest, hot: Wallet
) -> None:
    row = chain.settings_row("http://127.0.0.1:9")
    settings.EVM_CHAINS = [row]  # type: ignore[attr-defined]

    tasks.pay(settlement_id=settlement.pk)

    assert reason(settlement) == ("blocked", "chain_unreachable")
    hot.refresh_from_db()
    assert (hot.next_nonce, hot.paused_at) == (0, None)


def test_chain_that_is_not_set_up_blocks(settlement: Settlement, settings: pytest.FixtureRequest) -> None:
    settings.EVM_CHAINS = []  # type: ignore[attr-defined]

    tasks.pay(settlement_id=settlement.pk)

    assert reason(settlement) == ("blocked", "chain_not_configured")


def test_silence_while_following_leads_to_asking_again(
    settlement: Settlement, node: Node, settings: pytest.FixtureRequest
) -> None:
    transfer = sent(settlement)
    node.mine(5)
    configured = settings.EVM_CHAINS  # type: ignore[attr-defined]
    settings.EVM_CHAINS = [chain.settings_row("http://127.0.0.1:9")]  # type: ignore[attr-defined]

    assert follow(transfer)[0] == "broadcast"
    assert jobs.names(queue_name="money") == ["settlement.track"]

    settings.EVM_CHAINS = configured  # type: ignore[attr-defined]
    finish(node, transfer)


# --- the broadcast ---------------------------------------------------------------------------


def test_lost_answer_to_a_broadcast_pays_once(
    settlement: Settlement, node: Node, settings: pytest.FixtureRequest
) -> None:
    with Proxy(node.url) as proxy:
        settings.EVM_CHAINS = [  # type: ignore[attr-defined]
            chain.settings_row(proxy.url, head_seconds=nodes.NEVER_OLD)
        ]
        proxy.loses["eth_sendRawTransaction"] = 1
        transfer = sent(settlement)
        assert transfer.status == "broadcast"  # the node was asked, and has it
        assert transfer.attempts.get().answer.startswith("known: ")
        finish(node, transfer)
        nodes.hang_up()


def test_lost_answer_and_a_node_that_forgot_sends_the_same_bytes(
    settlement: Settlement, node: Node, settings: pytest.FixtureRequest
) -> None:
    with Proxy(node.url) as proxy:
        settings.EVM_CHAINS = [  # type: ignore[attr-defined]
            chain.settings_row(proxy.url, head_seconds=nodes.NEVER_OLD)
        ]
        proxy.loses["eth_sendRawTransaction"] = 1
        proxy.answers["eth_getTransactionByHash"] = None
        transfer = sent(settlement)
        assert (transfer.status, transfer.attempts.get().answer[:7]) == ("signed", "unknown")
        proxy.answers.clear()
        tasks.broadcast(transfer_id=transfer.pk)
        finish(node, transfer)
        nodes.hang_up()
    assert transfer.attempts.count() == 1


def test_bytes_of_another_payment_are_not_sent(settlement: Settlement, node: Node, market: Market) -> None:
    def thief(wallet: Wallet, transfer: Transfer) -> object:
        terms = port_of(wallet).look(to_address=nodes.somebody(), amount_minor=1).terms
        return port_of(wallet).sign(Payment(nodes.somebody(), int(transfer.amount_minor), transfer.nonce), terms)

    operations.pay(settlement_id=settlement.pk, signer=thief, now=clock.now())  # type: ignore[arg-type]
    transfer = Transfer.objects.get()
    tasks.broadcast(transfer_id=transfer.pk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.reason) == ("needs_review", "signed_bytes_differ")
    assert node.waiting() == 0


def test_nonce_used_by_somebody_else_is_reviewed_and_never_signed_again(
    settlement: Settlement, node: Node, hot: Wallet
) -> None:
    tasks.pay(settlement_id=settlement.pk)
    transfer = Transfer.objects.select_related("wallet").get()
    port, to_address = port_of(hot), nodes.somebody()
    terms = port.look(to_address=to_address, amount_minor=1).terms
    port.broadcast(port.sign(Payment(to_address, 1, transfer.nonce), terms).raw)
    node.mine(5)

    tasks.broadcast(transfer_id=transfer.pk)

    transfer.refresh_from_db()
    hot.refresh_from_db()
    assert (transfer.status, transfer.reason) == ("needs_review", "node_refused")
    assert hot.paused_at is not None
    assert transfer.attempts.count() == 1
    assert paid(node, transfer) == []


# --- mined, and not what was meant -----------------------------------------------------------


def first_in_block(node: Node, signature: str, *words: int) -> None:
    """Have the token's owner call it in the next block, before everybody else."""
    fees = {"maxPriorityFeePerGas": hex(90 * GWEI), "maxFeePerGas": hex(99 * GWEI)}
    call = {"from": node.owner(), "to": chain.TOKEN, "data": chain.calldata(signature, *words), **fees}
    node.call("eth_sendTransaction", call)


def pause(node: Node) -> None:
    first_in_block(node, "pause()")


def take_fee(node: Node) -> None:
    first_in_block(node, "setParams(uint256,uint256)", 10, 40)


FLIPPED = [(pause, "reverted", ("verified", "")), (take_fee, "wrong_log", ("refused", "another_payment"))]


@pytest.mark.parametrize(("change", "why", "is_void"), FLIPPED)
def test_switch_flipped_between_signing_and_block_is_reviewed(
    settlement: Settlement, node: Node, change: Callable[[Node], None], why: str, is_void: tuple[str, str]
) -> None:
    """What failed may be paid again; what moved other money than was meant may not."""
    transfer = sent(settlement)
    change(node)
    node.mine(3)

    assert follow(transfer) == ("needs_review", why)
    assert reason(settlement) == ("needs_review", why)
    assert jobs.names(queue_name="money") == []
    node.mine(5)
    check = operations.ask_void(ref=settlement.ref, actor=factories.user("ops"), now=clock.now())
    tasks.check_payment(check_id=check.pk)
    check.refresh_from_db()
    assert (check.status, check.reason) == is_void


def test_gas_that_does_not_suffice_is_reviewed(settlement: Settlement, node: Node, hot: Wallet) -> None:
    def stingy(wallet: Wallet, transfer: Transfer) -> object:
        port = port_of(wallet)
        terms = port.look(to_address=transfer.to_address, amount_minor=int(transfer.amount_minor)).terms
        payment = Payment(transfer.to_address, int(transfer.amount_minor), transfer.nonce)
        return port.sign(payment, {**terms, "gas": 30_000})

    operations.pay(settlement_id=settlement.pk, signer=stingy, now=clock.now())  # type: ignore[arg-type]
    transfer = Transfer.objects.select_related("wallet").get()
    tasks.broadcast(transfer_id=transfer.pk)
    node.mine()

    assert follow(transfer) == ("needs_review", "out_of_gas")
    assert paid(node, transfer) == []


# --- dropped, reorganised, stuck -------------------------------------------------------------


def test_dropped_payment_is_sent_again_as_it_was(settlement: Settlement, node: Node, time: MovingClock) -> None:
    transfer = sent(settlement)
    node.drop(transfer.attempts.get().tx_hash)
    time.advance(31)

    follow(transfer)
    assert jobs.names(task_name="settlement.broadcast") == ["settlement.broadcast"]
    tasks.broadcast(transfer_id=transfer.pk)

    finish(node, transfer)
    assert transfer.attempts.count() == 1


def test_reorganised_payment_is_sent_again_as_it_was(settlement: Settlement, node: Node, time: MovingClock) -> None:
    transfer = sent(settlement)
    node.mine()
    assert follow(transfer)[0] == "mined"
    node.reorg(1)

    assert follow(transfer) == ("broadcast", "reorg")
    time.advance(31)
    follow(transfer)
    tasks.broadcast(transfer_id=transfer.pk)

    finish(node, transfer)
    assert transfer.attempts.count() == 1
