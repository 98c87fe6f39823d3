"""
The TRC-20 USDT contract: what a transfer looks like, and what Tether's own switches are set to.

The contract of the main network (https://tronscan.org/#/contract/TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t) is Tether's own:
neither what `transfer` returns nor a receipt's result proves a payment, only its log does. Inside the virtual machine
an address has the last 20 of its 21 bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from Crypto.Hash import keccak

from settlement.addresses import TRON_BYTES, TRON_PREFIX, tron_address, tron_body
from settlement.tron_chains import TronChain
from settlement.wallets.base import Payment
from settlement.wallets.tron.nodes import Node, Refused

WORD = 32
ADDRESS = TRON_BYTES - 1
SELECTOR = 4
TRANSFER = "transfer(address,uint256)"
FAILED = "FAILED"


def digest(content: bytes) -> bytes:
    """Keccak-256, which TRON's virtual machine uses as Ethereum's does."""
    return keccak.new(digest_bits=256, data=content).digest()


TRANSFER_LOG = digest(b"Transfer(address,address,uint256)")


def word(address: str) -> bytes:
    """An address as a word of a call or a topic."""
    return tron_body(address)[1:].rjust(WORD, b"\0")


def transfer_words(to_address: str, amount_minor: int) -> bytes:
    """What a transfer is given."""
    return word(to_address) + amount_minor.to_bytes(WORD, "big")


def transfer_call(to_address: str, amount_minor: int) -> bytes:
    """The data of a transfer."""
    return digest(TRANSFER.encode())[:SELECTOR] + transfer_words(to_address, amount_minor)


def read_transfer_call(data: bytes) -> tuple[str, int]:
    """
    To whom and how much the data of a call transfers.

    :raises ValueError: it is no transfer, or has anything more or less in it.
    """
    to_address = _address(data[SELECTOR + WORD - ADDRESS : SELECTOR + WORD])
    amount_minor = int.from_bytes(data[SELECTOR + WORD :], "big")
    if len(data) != SELECTOR + 2 * WORD or transfer_call(to_address, amount_minor) != data:
        raise ValueError("the data are no transfer of a token")
    return to_address, amount_minor


def transferred(logs: Iterable[Mapping[str, Any]], chain: TronChain, sender: str, nonce: int) -> Payment | None:
    """What a transaction moved by its logs: exactly one `Transfer` of the token, out of the wallet; else nothing."""
    token = tron_body(chain.token)[1:].hex()
    moves = [log for log in logs if log["address"] == token and log.get("topics", [""])[0] == TRANSFER_LOG.hex()]
    if len(moves) != 1:
        return None
    topics, data = [bytes.fromhex(topic) for topic in moves[0]["topics"]], bytes.fromhex(moves[0].get("data", ""))
    if len(topics) != len(("log", "from", "to")) or topics[1] != word(sender) or len(data) != WORD:
        return None
    return Payment(_address(topics[2][-ADDRESS:]), int.from_bytes(data, "big"), nonce)


class Token:
    """The contract on one node, as a wallet's address calls it."""

    def __init__(self, node: Node, chain: TronChain, caller: str) -> None:
        self.node, self.chain, self.caller = node, chain, caller

    def fault(self) -> str:
        """Why it is not the token that was pinned; "" when it is."""
        found = self.node.ask("wallet/getcontractinfo", value=tron_body(self.chain.token).hex())
        if "0x" + digest(bytes.fromhex(found.get("runtimecode", ""))).hex() != self.chain.code_hash:
            return "token_code_differs"
        return "" if self._number("decimals()") == self.chain.decimals else "token_decimals_differ"

    def obstacle(self, to_address: str = "") -> str:
        """Which of Tether's switches is in the way; "" when none is. A token without such a switch has it off."""
        if self._number("paused()"):
            return "token_paused"
        if self._number("deprecated()"):
            return "token_deprecated"
        if self._number("isBlackListed(address)", self.caller):
            return "wallet_blacklisted"
        if to_address and self._number("isBlackListed(address)", to_address):
            return "address_blacklisted"
        return "token_takes_fee" if self._number("basisPointsRate()") and self._number("maximumFee()") else ""

    def balance(self, address: str) -> int:
        """Minor units."""
        return self._number("balanceOf(address)", address)

    def energy_of_transfer(self, to_address: str, amount_minor: int) -> int | None:
        """How much energy a transfer would take, the contract's surcharge in it; nothing when it would fail."""
        found = self._call(TRANSFER, transfer_words(to_address, amount_minor))
        return None if found is None else int(found["energy_used"])

    def _number(self, signature: str, address: str = "") -> int:
        """The number a getter gives; 0 when the token has no such getter."""
        found = self._call(signature, word(address) if address else b"")
        return int(found["constant_result"][0], 16) if found else 0

    def _call(self, signature: str, words: bytes) -> dict[str, Any] | None:
        """What a call would do, without doing it; nothing when it would fail."""
        found = self.node.ask(
            "wallet/triggerconstantcontract",
            owner_address=tron_body(self.caller).hex(),
            contract_address=tron_body(self.chain.token).hex(),
            function_selector=signature,
            parameter=words.hex(),
        )
        result = found["result"]
        if result.get("code"):
            raise Refused(str(result["code"]))
        has_failed = any(one.get("ret") == FAILED for one in found.get("transaction", {}).get("ret", []))
        return None if has_failed or result.get("message") else found


def _address(last_bytes: bytes) -> str:
    return tron_address(bytes([TRON_PREFIX]) + last_bytes)
