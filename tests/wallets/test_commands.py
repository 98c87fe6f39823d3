"""`manage.py wallet_new` and `wallet_check`."""

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from settlement import tasks
from settlement.models import Asset, Deposit, PayoutAddress, Wallet
from tests.factories import Market
from tests.settlement.books import events
from tests.wallets.node import NAME, Node, somebody
from trading.lib import clock


def output_of(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.fixture
def folders(node: Node, usdt: Asset, tmp_path: Path, settings: Any) -> Path:
    settings.WALLET_KEYS, settings.WALLET_PASSPHRASES = str(tmp_path / "keys"), str(tmp_path / "passphrases")
    return tmp_path


def test_new_wallet_is_in_the_books_and_has_a_key(folders: Path, node: Node) -> None:
    said = output_of("wallet_new", "hot-1", "--chain", "ethereum")

    wallet = Wallet.objects.get(name="hot-1")
    assert wallet.address in said
    assert (wallet.chain, wallet.next_nonce, wallet.paused_at) == ("ethereum", 0, None)
    assert events("wallet.opened") == 1
    assert (folders / "passphrases" / "hot-1.txt").read_text().strip() not in said
    node.fund(wallet.address, 0)
    assert "key          opens · ok" in output_of("wallet_check", "hot-1")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("Hot 1", "--chain", "ethereum"), "no name"),
        (("hot-1", "--chain", "tron"), "names tron"),
    ],
)
def test_what_makes_no_sense_makes_no_key(folders: Path, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        output_of("wallet_new", *words)

    assert not Wallet.objects.exists()
    assert not (folders / "keys").exists()


def test_name_and_files_are_used_once(folders: Path) -> None:
    (folders / "keys").mkdir()
    (folders / "keys" / "hot-1.json").write_text("another key")
    with pytest.raises(CommandError, match="never written over"):
        output_of("wallet_new", "hot-1", "--chain", "ethereum")
    assert not Wallet.objects.exists()


def test_sound_wallet_is_shown_with_what_it_has(wallet: Wallet) -> None:
    said = output_of("wallet_check")

    assert "FAULT" not in said
    for words in ("chain 31337", "code as pinned", "10,000,000", "0 on chain, next here 0", "coins", "opens"):
        assert words in said


def test_each_fault_is_told_and_the_command_fails(wallet: Wallet, node: Node, settings: Any) -> None:
    node.do("pause()")
    node.call("anvil_setBalance", wallet.address, "0x1")
    node.call("anvil_setNonce", wallet.address, "0x5")
    settings.WALLET_KEYS = ""
    out = StringIO()

    with pytest.raises(CommandError, match="4 faults"):
        call_command("wallet_check", NAME, stdout=out)

    for fault in ("token_paused", "fewer than 20 transfers", "moved without us", "does not sign"):
        assert f"FAULT {fault}" in out.getvalue() or fault in out.getvalue()
    wallet.refresh_from_db()
    assert wallet.paused_at is None  # it looks, and changes nothing


@pytest.mark.parametrize("sender", ["client", "stranger"])
def test_usdt_from_outside_is_sent_in_the_sandbox_and_seen_by_the_watcher(
    market: Market, node: Node, hot: Wallet, sender: str
) -> None:
    tasks.watch(timestamp=0)
    options = [] if sender == "client" else ["--sender", somebody()]

    said = output_of("sandbox_deposit", "1500.25", "--wallet", hot.name, *options)

    node.mine(4)
    tasks.watch(timestamp=0)
    deposit = Deposit.objects.get()
    assert deposit.tx_hash in said
    assert (deposit.status, deposit.amount) == ("credited" if sender == "client" else "suspense", Decimal("1500.25"))


def test_usdt_goes_to_the_first_wallet_that_a_client_can_send_to(market: Market, hot: Wallet) -> None:
    assert Wallet.objects.order_by("pk").first() != hot
    PayoutAddress.objects.exclude(chain=hot.chain).update(revoked_at=clock.now())

    assert f"to {hot.name}: 0x" in output_of("sandbox_deposit", "5")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("1.0000001",), "no amount"),
        (("much",), "no amount"),
        (("0",), "more than nothing"),
        (("5", "--wallet", "nowhere"), "no such wallet"),
        (("5", "--client", "CPY-NOBODY"), "no client has"),
    ],
)
def test_what_cannot_be_sent_is_not_sent(market: Market, hot: Wallet, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        output_of("sandbox_deposit", *words)


def test_nothing_is_sent_outside_the_sandbox(settings: Any) -> None:
    settings.IS_SANDBOX = False
    with pytest.raises(CommandError, match="Only in the sandbox"):
        output_of("sandbox_deposit", "5")
