"""What an EVM wallet sees before it signs: each thing that would go wrong on chain stops it, and mends by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from settlement import chains
from settlement.models import Wallet
from settlement.wallets import port_of
from settlement.wallets.base import CannotSign, Payment, Unreachable
from settlement.wallets.keys import KeyFiles, make_key
from tests.settlement.conftest import MovingClock
from tests.wallets.node import NAME, Node, somebody, write_key
from tests.wallets.proxy import Proxy
from trading.sandbox import chain

MINOR = 5_000_000
type Settings = Any


def seen(wallet: Wallet, *, to_address: str = "", minor: int = MINOR, reserved: int = 0) -> str:
    look = port_of(wallet).look(to_address=to_address or somebody(), amount_minor=minor, reserved_minor=reserved)
    assert bool(look.terms) == (look.obstacle == "")
    return look.obstacle


def test_usual_payment_has_terms_within_the_cap(wallet: Wallet, node: Node) -> None:
    terms = port_of(wallet).look(to_address=somebody(), amount_minor=MINOR).terms

    cap = chains.configured()[wallet.chain].max_fee
    assert 50_000 < terms["gas"] < 100_000
    assert 0 < terms["tip"] <= terms["max_fee"] <= cap


def switch(signature: str, *words: str | int) -> Callable[[Node, Wallet], None]:
    def flip(node: Node, wallet: Wallet) -> None:
        node.do(signature, *(wallet.address if word == "wallet" else word for word in words))

    return flip


def no_coins(node: Node, wallet: Wallet) -> None:
    node.call("anvil_setBalance", wallet.address, hex(10**9))


def dear_gas(node: Node, wallet: Wallet) -> None:
    node.base_fee(300 * chains.GWEI)
    node.mine()


def other_code(node: Node, wallet: Wallet) -> None:
    code = node.call("eth_getCode", chain.TOKEN, "latest")
    node.call("anvil_setCode", chain.TOKEN, code + "00")


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (switch("pause()"), "token_paused"),
        (switch("addBlackList(address)", "wallet"), "wallet_blacklisted"),
        (switch("setParams(uint256,uint256)", 10, 40), "token_takes_fee"),
        (no_coins, "no_gas"),
        (dear_gas, "fees_too_high"),
        (other_code, "token_code_differs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_fail_on_chain_is_seen_before(
    wallet: Wallet, node: Node, change: Callable[[Node, Wallet], None], obstacle: str
) -> None:
    change(node, wallet)

    assert seen(wallet) == obstacle
    assert port_of(wallet).look().obstacle == obstacle  # whatever is paid: what resumes the blocked asks so


def test_recipient_on_the_blacklist_is_not_paid(wallet: Wallet, node: Node) -> None:
    to_address = somebody()
    node.do("addBlackList(address)", to_address)

    assert seen(wallet, to_address=to_address) == "address_blacklisted"
    assert seen(wallet) == ""


def test_payments_on_their_way_are_left_in_the_wallet(wallet: Wallet, node: Node) -> None:
    held = node.balance(wallet.address)

    assert seen(wallet, minor=held) == ""
    assert seen(wallet, minor=held - 10, reserved=11) == "chain_balance_low"


def test_other_decimals_than_pinned_are_seen(wallet: Wallet, settings: Settings) -> None:
    settings.EVM_CHAINS = [{**settings.EVM_CHAINS[0], "decimals": 18}]

    assert seen(wallet) == "token_decimals_differ"


# --- nodes -----------------------------------------------------------------------------------


def with_nodes(settings: Settings, *urls: str, **more: object) -> None:
    settings.EVM_CHAINS = [{**settings.EVM_CHAINS[0], "nodes": list(urls), **more}]


def test_node_of_another_chain_is_not_believed(wallet: Wallet, settings: Settings) -> None:
    settings.EVM_CHAINS = [{**settings.EVM_CHAINS[0], "chain_id": 1}]

    with pytest.raises(Unreachable, match="is on chain 31337, not 1"):
        seen(wallet)


def test_old_head_is_not_believed(wallet: Wallet, node: Node, settings: Settings, time: MovingClock) -> None:
    with_nodes(settings, node.url, head_seconds=3600)
    assert seen(wallet) == ""
    time.advance(4000)

    with pytest.raises(Unreachable, match=r"head 4\d\d\d s old"):
        seen(wallet)


def test_second_node_answers_when_the_first_does_not(wallet: Wallet, node: Node, settings: Settings) -> None:
    with_nodes(settings, "http://127.0.0.1:9", node.url)
    assert seen(wallet) == ""

    with_nodes(settings, "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="node 1 does not answer") as told:
        seen(wallet)
    assert "127.0.0.1:9" not in str(told.value)  # addresses of nodes hold keys


def test_payment_is_final_when_both_nodes_say_so(wallet: Wallet, node: Node, settings: Settings) -> None:
    with Proxy(node.url) as second:
        with_nodes(settings, node.url, second.url)
        port = port_of(wallet)
        to_address = somebody()
        terms = port.look(to_address=to_address, amount_minor=MINOR).terms
        signed = port.sign(_payment(to_address), terms)
        port.broadcast(signed.raw)
        node.mine(5)
        second.answers["eth_getTransactionReceipt"] = None  # it has not heard of it

        doubted = port_of(wallet).receipt(signed.tx_hash)
        second.answers.clear()
        agreed = port_of(wallet).receipt(signed.tx_hash)

    assert doubted is not None
    assert agreed is not None
    assert (doubted.confirmations, doubted.is_final) == (5, False)
    assert (agreed.confirmations, agreed.is_final) == (5, True)


def _payment(to_address: str) -> Payment:
    return Payment(to_address, MINOR, 0)


def test_what_a_payment_depends_on_is_asked_in_two_requests(wallet: Wallet, node: Node, settings: Settings) -> None:
    with Proxy(node.url) as proxy:
        with_nodes(settings, proxy.url)

        assert seen(wallet) == ""

        assert proxy.requests == 2  # whether the node is to be believed, and all the rest


def test_receipts_of_many_are_asked_in_three_requests(wallet: Wallet, node: Node, settings: Settings) -> None:
    with Proxy(node.url) as proxy:
        with_nodes(settings, proxy.url)
        to_address = somebody()
        terms = port_of(wallet).look(to_address=to_address, amount_minor=MINOR).terms
        signed = [port_of(wallet).sign(Payment(to_address, MINOR, nonce), terms) for nonce in range(3)]
        assert [answer.outcome for answer in port_of(wallet).send([each.raw for each in signed])] == ["accepted"] * 3
        node.mine(3)
        hashes = [each.tx_hash for each in signed] + [f"0x{number:064x}" for number in range(1, 20)]
        proxy.requests = 0

        found = port_of(wallet).receipts(hashes)

        assert proxy.requests == 3
        assert [(found[each.tx_hash].pays, found[each.tx_hash].is_final) for each in signed] == [
            (Payment(to_address, MINOR, nonce), True) for nonce in range(3)
        ]
        assert found.keys() == {each.tx_hash for each in signed}


def test_each_of_several_sent_has_its_own_answer(wallet: Wallet, node: Node) -> None:
    port, to_address = port_of(wallet), somebody()
    terms = port.look(to_address=to_address, amount_minor=MINOR).terms
    first, second = (port.sign(Payment(to_address, MINOR, nonce), terms) for nonce in range(2))
    port.broadcast(first.raw)

    answers = port.send([first.raw, second.raw, port.sign(Payment(to_address, MINOR, 1), {**terms, "tip": 1}).raw])

    assert [answer.outcome for answer in answers] == ["known", "accepted", "unknown"]
    node.mine(3)
    assert node.paid(wallet.address, to_address) == [MINOR, MINOR]


def test_node_that_takes_one_question_at_a_time_is_not_believed(wallet: Wallet, node: Node, settings: Settings) -> None:
    with Proxy(node.url) as proxy:
        with_nodes(settings, proxy.url)
        proxy.takes_batches = False

        with pytest.raises(Unreachable, match="2 questions were not answered one by one"):
            seen(wallet)


# --- keys ------------------------------------------------------------------------------------


def test_process_without_keys_signs_nothing(wallet: Wallet, settings: Settings) -> None:
    settings.WALLET_KEYS = ""

    assert seen(wallet) == "no_key"
    with pytest.raises(CannotSign, match="does not sign"):
        port_of(wallet).sign(_payment(somebody()), {"gas": 1, "max_fee": 1, "tip": 1})


def test_key_of_another_address_signs_nothing(wallet: Wallet, settings: Settings, tmp_path: Path) -> None:
    settings.WALLET_KEYS = settings.WALLET_PASSPHRASES = str(tmp_path)
    other = write_key(KeyFiles.of(NAME))

    assert seen(wallet) == "no_key"
    with pytest.raises(CannotSign, match=f"of {other}"):
        port_of(wallet).sign(_payment(somebody()), {"gas": 1, "max_fee": 1, "tip": 1})


def test_key_that_everybody_can_read_or_nobody_can_open_signs_nothing(tmp_path: Path) -> None:
    open_files = KeyFiles(tmp_path / "a.json", tmp_path / "a.txt")
    write_key(open_files)
    open_files.keystore.chmod(0o604)
    with pytest.raises(CannotSign, match="open to everybody"):
        open_files.account()

    locked = KeyFiles(tmp_path / "b.json", tmp_path / "b.txt")
    write_key(locked)
    locked.passphrase.write_text("another")
    with pytest.raises(CannotSign, match="does not open"):
        locked.account()


def test_made_key_opens_is_private_and_is_never_written_over(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys" / "new.json", tmp_path / "words" / "new.txt")
    address = make_key(files)

    assert files.account().address == files.address() == address
    assert [path.stat().st_mode & 0o777 for path in (files.keystore, files.passphrase)] == [0o600, 0o600]
    assert files.account() is files.account()  # decrypted once
    assert files.passphrase.read_text().strip() not in files.keystore.read_text()
    with pytest.raises(FileExistsError):
        make_key(files)
