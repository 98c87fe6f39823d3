"""
The USDT contract: what a transfer looks like, and what Tether's own switches are set to.

Tether's `transfer` returns nothing (https://etherscan.io/address/0xdac17f958d2ee523a2206206994597c13d831ec7#code), so
neither its return value nor a receipt's status proves a payment: only the `Transfer` log does.
"""

from collections.abc import Iterable

from eth_typing import ChecksumAddress, HexStr
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3.exceptions import ContractLogicError
from web3.types import LogReceipt, TxParams

from settlement.chains import EvmChain
from settlement.wallets.base import Payment

WORD = 32
ADDRESS = 20
SELECTOR = 4


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return bytes(keccak(text=signature))[:SELECTOR]


TRANSFER = selector("transfer(address,uint256)")
TRANSFER_LOG = bytes(keccak(text="Transfer(address,address,uint256)"))


def word(address: str) -> bytes:
    """An address as a word of a call or a topic."""
    return bytes(WORD - ADDRESS) + bytes.fromhex(address.removeprefix("0x"))


def transfer_call(to_address: str, amount_minor: int) -> bytes:
    """The data of a transfer."""
    return TRANSFER + word(to_address) + amount_minor.to_bytes(WORD, "big")


def read_transfer_call(data: bytes) -> tuple[str, int]:
    """
    To whom and how much the data of a call transfers.

    :raises ValueError: it is no transfer, or has anything more or less in it.
    """
    to_address = "0x" + data[SELECTOR + WORD - ADDRESS : SELECTOR + WORD].hex()
    amount_minor = int.from_bytes(data[SELECTOR + WORD :], "big")
    if len(data) != SELECTOR + 2 * WORD or transfer_call(to_address, amount_minor) != data:
        raise ValueError("the data are no transfer of a token")
    return str(to_checksum_address(to_address)), amount_minor


def transferred(logs: Iterable[LogReceipt], chain: EvmChain, sender: str, nonce: int) -> Payment | None:
    """What a transaction moved by its logs: exactly one `Transfer` of the token, out of the wallet; else nothing."""
    moves = [
        log
        for log in logs
        if log["address"] == chain.token and log["topics"] and bytes(log["topics"][0]) == TRANSFER_LOG
    ]
    if len(moves) != 1:
        return None
    topics, data = [bytes(topic) for topic in moves[0]["topics"]], bytes(moves[0]["data"])
    if len(topics) != len(("log", "from", "to")) or topics[1] != word(sender) or len(data) != WORD:
        return None
    to_address = str(to_checksum_address("0x" + topics[2][-ADDRESS:].hex()))
    return Payment(to_address, int.from_bytes(data, "big"), nonce)


class Token:
    """The contract on one node."""

    def __init__(self, node: Web3, chain: EvmChain) -> None:
        self.node, self.chain = node, chain

    def fault(self) -> str:
        """Why it is not the token that was pinned; "" when it is."""
        code = bytes(self.node.eth.get_code(_checked(self.chain.token)))
        if "0x" + bytes(keccak(code)).hex() != self.chain.code_hash:
            return "token_code_differs"
        return "" if self._number("decimals()") == self.chain.decimals else "token_decimals_differ"

    def obstacle(self, sender: str, to_address: str = "") -> str:
        """Which of Tether's switches is in the way; "" when none is. A token without such a switch has it off."""
        if self._number("paused()"):
            return "token_paused"
        if self._number("isBlackListed(address)", sender):
            return "wallet_blacklisted"
        if to_address and self._number("isBlackListed(address)", to_address):
            return "address_blacklisted"
        return "token_takes_fee" if self._number("basisPointsRate()") and self._number("maximumFee()") else ""

    def balance(self, address: str) -> int:
        """Minor units."""
        return self._number("balanceOf(address)", address) or 0

    def _number(self, signature: str, address: str = "") -> int:
        """The number a getter gives; 0 when the token has no such getter."""
        data = selector(signature) + (word(address) if address else b"")
        call: TxParams = {"to": _checked(self.chain.token), "data": HexStr("0x" + data.hex())}
        try:
            return int.from_bytes(self.node.eth.call(call), "big")
        except ContractLogicError:
            return 0


def _checked(address: str) -> ChecksumAddress:
    return to_checksum_address(address)
