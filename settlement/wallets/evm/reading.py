"""What a chain has of a wallet, for comparing it with the books: as one block has it, and by the token's logs."""

from decimal import Decimal

from eth_typing import ChecksumAddress, HexStr
from eth_utils.address import to_checksum_address
from web3.types import FilterParams, LogReceipt, TxParams

from settlement.chains import EvmChain
from settlement.wallets.base import Outgoing, Standing
from settlement.wallets.evm.nodes import Nodes, asking
from settlement.wallets.evm.token import ADDRESS, TRANSFER_LOG, WORD, selector, word

WEI = 10**18  # of one coin
GAS_OF_PAYMENT = 100_000
TOPICS = len(("log", "from", "to"))
SENT, RECEIVED = 1, 2  # where a log names the wallet

type Span = tuple[int, int]


def standing(nodes: Nodes, chain: EvmChain, address: ChecksumAddress) -> Standing:
    """Everything as the first node's head has it."""
    with asking():
        node = nodes.first()
        height = node.eth.block_number
        data = HexStr("0x" + (selector("balanceOf(address)") + word(address)).hex())
        call: TxParams = {"to": to_checksum_address(chain.token), "data": data}
        balance = int.from_bytes(node.eth.call(call, height), "big")
        nonce = node.eth.get_transaction_count(address, height)
        wei = int(node.eth.get_balance(address, height))
        return Standing(
            height, balance, nonce, Decimal(wei) / WEI, wei // max(GAS_OF_PAYMENT * int(node.eth.gas_price), 1)
        )


def outgoing(nodes: Nodes, chain: EvmChain, address: ChecksumAddress, span: Span) -> list[Outgoing]:
    """What left the address. A transfer of nothing is left out: `transferFrom` lets anybody make one of anybody."""
    found = [_read(log) for log in _logs(nodes, chain, address, span, SENT)]
    return [one for one in found if one.amount_minor]


def incoming(nodes: Nodes, chain: EvmChain, address: ChecksumAddress, span: Span) -> int:
    """What came to the address."""
    return sum(_read(log).amount_minor for log in _logs(nodes, chain, address, span, RECEIVED))


def _logs(nodes: Nodes, chain: EvmChain, address: ChecksumAddress, span: Span, place: int) -> list[LogReceipt]:
    topics: list[HexStr | None] = [HexStr("0x" + TRANSFER_LOG.hex()), None, None]  # None stands for any
    topics[place] = HexStr("0x" + word(address).hex())
    wanted: FilterParams = {
        "address": to_checksum_address(chain.token),
        "fromBlock": span[0],
        "toBlock": span[1],
        "topics": topics,
    }
    with asking():
        found = nodes.first().eth.get_logs(wanted)
    return [log for log in found if len(log["topics"]) == TOPICS and len(log["data"]) == WORD]


def _read(log: LogReceipt) -> Outgoing:
    to_address = to_checksum_address("0x" + bytes(log["topics"][RECEIVED])[-ADDRESS:].hex())
    return Outgoing(
        tx_hash="0x" + bytes(log["transactionHash"]).hex(),
        log_index=log["logIndex"],
        block_number=log["blockNumber"],
        to_address=str(to_address),
        amount_minor=int.from_bytes(bytes(log["data"]), "big"),
    )
