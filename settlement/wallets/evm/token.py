"""
The USDT contract: what a transfer looks like, and what Tether's own switches are set to.

Tether's `transfer` returns nothing (https://etherscan.io/address/0xdac17f958d2ee523a2206206994597c13d831ec7#code), so
neither its return value nor a receipt's status proves a payment: only the `Transfer` log does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3

from settlement.chains import EvmChain
from settlement.wallets.base import Payment
from settlement.wallets.evm.nodes import LATEST, Question, Told, ask

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


def transferred(logs: Iterable[Mapping[str, Any]], chain: EvmChain, sender: str, nonce: int) -> Payment | None:
    """What a transaction moved by its logs, as a node writes them: one `Transfer`, out of the wallet; else nothing."""
    told = [(log["address"], [_bytes(topic) for topic in log["topics"]], _bytes(log["data"])) for log in logs]
    moves = [
        (topics, data)
        for address, topics, data in told
        if str(address).lower() == chain.token.lower() and topics and topics[0] == TRANSFER_LOG
    ]
    if len(moves) != 1:
        return None
    topics, data = moves[0]
    if len(topics) != len(("log", "from", "to")) or topics[1] != word(sender) or len(data) != WORD:
        return None
    to_address = str(to_checksum_address("0x" + topics[2][-ADDRESS:].hex()))
    return Payment(to_address, int.from_bytes(data, "big"), nonce)


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.removeprefix("0x"))


@dataclass(frozen=True, slots=True)
class Token:
    """
    The contract on one node, as its newest block has it.

    `fault` says why it is not the pinned one, `obstacle` which of Tether's switches is in the way of the sender, "" for
    nothing; a token without such a switch has it off. `balance` is what the sender has, in minor units.
    """

    fault: str
    obstacle: str
    balance: int

    @classmethod
    def on(cls, node: Web3, chain: EvmChain, sender: str, to_address: str = "") -> "Token":
        """As a node has it: one request."""
        return cls.read(chain, ask(node, cls.questions(chain, sender, to_address)))

    @staticmethod
    def questions(chain: EvmChain, sender: str, to_address: str) -> list[Question]:
        """What has to be asked; `read` takes the answers."""
        getters = [
            ("decimals()", ""),
            ("paused()", ""),
            ("isBlackListed(address)", sender),
            ("isBlackListed(address)", to_address or sender),
            ("basisPointsRate()", ""),
            ("maximumFee()", ""),
            ("balanceOf(address)", sender),
        ]
        return [("eth_getCode", [chain.token, LATEST]), *(_getter(chain, *getter) for getter in getters)]

    @classmethod
    def read(cls, chain: EvmChain, told: Sequence[Told]) -> "Token":
        """From the answers to `questions`, in their order."""
        code, getters = _bytes(told[0].value()), [_number(each) for each in told[1:]]
        decimals, paused, from_blacklisted, to_blacklisted, rate, most, balance = getters
        fault = "" if decimals == chain.decimals else "token_decimals_differ"
        if "0x" + bytes(keccak(code)).hex() != chain.code_hash:
            fault = "token_code_differs"
        in_the_way = {
            "token_paused": paused,
            "wallet_blacklisted": from_blacklisted,
            "address_blacklisted": to_blacklisted,
            "token_takes_fee": rate and most,
        }
        return cls(fault, next((name for name, is_on in in_the_way.items() if is_on), ""), balance)


def _getter(chain: EvmChain, signature: str, address: str) -> Question:
    data = selector(signature) + (word(address) if address else b"")
    return ("eth_call", [{"to": chain.token, "data": "0x" + data.hex()}, LATEST])


def _number(told: Told) -> int:
    """The number a getter gave; 0 when the token has no such getter."""
    return 0 if told.is_reverted else int.from_bytes(_bytes(told.value()), "big")
