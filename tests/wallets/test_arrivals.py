"""USDT that comes to a wallet on a real node: seen, credited once when it is final, or in suspense; never twice."""

import pytest

from settlement import operations, reconciliation, tasks, verification, watching
from settlement.models import ArrivalWatch, Balance, Deposit, Journal, Wallet
from settlement.reconciliation.chain import compared
from settlement.wallets import port_of
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.books import assert_books_are_right, books, events
from tests.wallets import node as nodes
from tests.wallets.node import Node
from tests.wallets.proxy import Proxy
from trading.lib import clock
from trading.sandbox import chain

MINOR = 250_000_000
FINAL = 3


class Sender:
    """Somebody with USDT and no key here: the node sends for it."""

    def __init__(self, node: Node) -> None:
        self.node, self.address = node, nodes.somebody()
        node.fund(self.address, 10 * MINOR)
        node.call("anvil_impersonateAccount", self.address)

    def send(self, to_address: str, minor: int = MINOR, *, token: str = chain.TOKEN, mine: bool = True) -> str:
        """The transaction's hash."""
        data = chain.calldata("transfer(address,uint256)", to_address, minor)
        tx_hash = self.node.call(
            "eth_sendTransaction", {"from": self.address, "to": token, "data": data, "gas": hex(200_000)}
        )
        if mine:
            self.node.mine()
        return str(tx_hash)


@pytest.fixture
def cedar(market: Market, hot: Wallet, node: Node) -> Sender:
    """The client's own address, registered; the wallet is watched from now on."""
    sender = Sender(node)
    factories.address(market.client, sender.address, chain=chain.NAME)
    look()
    return sender


def look() -> None:
    """What the job does every minute."""
    tasks.watch(timestamp=0)


def only() -> Deposit:
    return Deposit.objects.select_related("client").get()


def state(deposit: Deposit | None = None) -> tuple[str, str]:
    found = deposit or only()
    found.refresh_from_db()
    return found.status, found.reason


def balance(market: Market) -> int:
    return int(Balance.objects.get(account__code=f"client:{market.client.ref}:USDT").posted)


def assert_all_agrees() -> None:
    assert_books_are_right()
    assert [str(one) for one in reconciliation.differences()] == []
    assert [one.what for one in verification.check()] == []


def test_what_came_from_a_clients_address_is_credited_once_it_is_final(
    market: Market, hot: Wallet, node: Node, cedar: Sender
) -> None:
    before, tx_hash = balance(market), cedar.send(hot.address)

    look()
    assert (state(), balance(market)) == (("seen", ""), before)
    assert compared(hot).differences == []
    node.mine(FINAL - 1)
    jobs.clear()
    look()
    look()

    deposit = only()
    assert (state(), deposit.client, balance(market)) == (("credited", ""), market.client, before + MINOR)
    assert (deposit.tx_hash, deposit.sender, deposit.position) == (tx_hash, cedar.address, 0)
    assert jobs.names(queue_name="money") == ["settlement.fund_waiting"]
    assert Journal.objects.filter(kind="deposit", subject=deposit.ref).count() == 1
    assert (events("deposit.seen"), events("deposit.credited")) == (1, 1)
    assert_all_agrees()


def test_what_nobody_can_be_credited_with_waits_for_two_people(
    market: Market, hot: Wallet, node: Node, cedar: Sender
) -> None:
    stranger, dealer = Sender(node), Sender(node)
    factories.address(market.meridian, dealer.address, chain=chain.NAME)
    both = factories.address(factories.counterparty("client"), cedar.address, chain=chain.NAME)
    dust = stranger.send(hot.address, 999_999)
    for sender in (stranger, dealer, cedar):
        sender.send(hot.address)
    node.mine(FINAL)
    look()

    reasons = dict(Deposit.objects.values_list("sender", "reason").exclude(tx_hash=dust))
    assert reasons == {
        stranger.address: "unknown_sender",
        dealer.address: "sender_of_lp",
        cedar.address: "sender_of_several",
    }
    assert Deposit.objects.get(tx_hash=dust).reason == "below_minimum"
    assert books()["suspense:USDT"] == -(3 * MINOR + 999_999)
    assert both.counterparty_id != market.client.pk

    known = Deposit.objects.get(sender=stranger.address, reason="unknown_sender")
    details = {"client": market.client.ref, "amount": "250.000000", "transaction": known.tx_hash}
    factories.carry("deposit.confirm", known.ref, **details)
    back = Deposit.objects.get(sender=cedar.address)
    factories.carry("deposit.return", back.ref, return_reference="0x" + "ab" * 32)

    assert (state(known)[0], state(back)[0]) == ("credited", "returned")
    assert books()["suspense:USDT"] == -(MINOR + 999_999)
    assert_all_agrees()


def test_what_is_no_deposit(market: Market, hot: Wallet, node: Node, cedar: Sender) -> None:
    second = nodes.open_second(node, market.usdt)
    look()
    before = balance(market)
    fake = _another_token(node, cedar)
    cedar.send(hot.address, token=fake)
    cedar.send(hot.address, 0)
    cedar.send(hot.address, 10**15)  # more than it has: it fails
    node.call("anvil_impersonateAccount", second.address)
    own = Sender.__new__(Sender)
    own.node, own.address = node, second.address
    own.send(hot.address)
    node.mine(FINAL)
    look()

    assert (only().sender, state(), balance(market)) == (second.address, ("left_out", "own_wallet"), before)


def _another_token(node: Node, sender: Sender) -> str:
    """The same contract at another address; the sender has some."""
    code = node.call("eth_getCode", chain.TOKEN, "latest")
    address = nodes.somebody()
    node.call("anvil_setCode", address, code)
    slots = [hex(number) for number in range(12)]
    for slot in slots:  # whatever the layout: an owner, a supply
        node.call("anvil_setStorageAt", address, slot, node.call("eth_getStorageAt", chain.TOKEN, slot, "latest"))
    node.do("issue(uint256)", 10**12, to=address)
    node.do("transfer(address,uint256)", sender.address, 2 * MINOR, to=address)
    return address


def test_a_reorganisation_before_it_is_final_credits_nothing(
    market: Market, hot: Wallet, node: Node, cedar: Sender
) -> None:
    before = balance(market)
    cedar.send(hot.address)
    look()
    first = only()
    node.reorg(1)
    node.mine(FINAL + 1)
    look()
    assert (state(first), balance(market)) == (("gone", "reorganised"), before)

    again = cedar.send(hot.address)
    node.mine(FINAL)
    look()
    assert (Deposit.objects.get(tx_hash=again).status, balance(market)) == ("credited", before + MINOR)
    assert_all_agrees()


def test_a_node_that_lies_or_lags_credits_nothing(
    market: Market, hot: Wallet, node: Node, cedar: Sender, settings: pytest.FixtureRequest
) -> None:
    before = balance(market)
    with Proxy(node.url) as other:
        row = chain.settings_row(node.url, other.url, head_seconds=nodes.NEVER_OLD)
        settings.EVM_CHAINS = [row]  # type: ignore[attr-defined]
        cedar.send(hot.address)
        node.mine(FINAL)
        other.answers["eth_getLogs"] = []
        look()
        assert (state(), balance(market)) == (("seen", ""), before)
        with refused("MN11"):
            sql("update settlement_deposit set status = 'credited', credited_at = now(), final_at = now()")

        del other.answers["eth_getLogs"]
        other.answers["eth_blockNumber"] = hex(node.head() - FINAL)
        look()
        assert state() == ("seen", "")
        other.answers.clear()
        other.loses["eth_getLogs"] = 10**6
        look()
        assert (state(), balance(market)) == (("seen", ""), before)
        other.loses.clear()
        look()
        assert (state(), balance(market)) == (("credited", ""), before + MINOR)

        log = node.call("eth_getLogs", {"fromBlock": "0x0", "address": chain.TOKEN})[-1]
        block = node.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - the node's own parameter
        forged = log | {"transactionHash": "0x" + "77" * 32, "blockNumber": block["number"], "blockHash": block["hash"]}
        other.answers["eth_getLogs"] = [forged]
        node.mine(2 * FINAL)
        look()
        look()
        assert (Deposit.objects.get(tx_hash="0x" + "77" * 32).status, balance(market)) == ("seen", before + MINOR)
        del other.answers["eth_getLogs"]
        look()
        assert Deposit.objects.get(tx_hash="0x" + "77" * 32).status == "gone"
        nodes.hang_up()


def test_watchers_at_once_credit_once(market: Market, hot: Wallet, node: Node, cedar: Sender) -> None:
    before = balance(market)
    for _ in range(3):
        cedar.send(hot.address)
    node.mine(FINAL)

    at_once([lambda: watching.watch_wallet(hot, port_of(hot)) for _ in range(3)])

    assert set(Deposit.objects.values_list("status", flat=True)) == {"credited"}
    assert (Deposit.objects.count(), balance(market)) == (3, before + 3 * MINOR)
    assert Journal.objects.filter(kind="deposit").exclude(key__contains="opening").count() >= 3
    assert_all_agrees()


def test_what_came_before_anybody_watched_is_nobodys(market: Market, hot: Wallet, node: Node) -> None:
    Sender(node).send(hot.address)
    look()
    node.mine(FINAL)
    look()

    assert not Deposit.objects.exists()
    assert ArrivalWatch.objects.get(wallet=hot).first > 0


def test_what_an_lp_paid_is_booked_once(market: Market, hot: Wallet, node: Node, cedar: Sender) -> None:
    """Seen first or booked first: the same money."""
    assert cedar.address
    dealer = Sender(node)
    for is_seen_first in (True, False):
        factories.fill(market, side="buy")
        owed = operations.request_lp_payment(
            netting=operations.Netting(market.meridian.ref, "USDT", "in", way=hot.name),
            actor=factories.user("ops"),
            key=factories.unique("key"),
            now=clock.now(),
        )
        tx_hash = dealer.send(hot.address)
        node.mine(FINAL)
        if is_seen_first:
            look()
            assert Deposit.objects.get(tx_hash=tx_hash).status == "suspense"
        factories.carry("lp_payment.receive", owed.ref, amount="250.000000", currency="USDT", reference=tx_hash)
        look()
        assert state(Deposit.objects.get(tx_hash=tx_hash)) == ("left_out", "lp_payment")
    assert "suspense:USDT" not in books()
    assert [str(one) for one in reconciliation.differences()] == []
