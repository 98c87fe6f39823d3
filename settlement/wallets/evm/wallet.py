"""
A wallet on an EVM chain: EIP-1559 transactions that call the token's `transfer`.

A node's error text decides nothing: what became of bytes is read from receipts and from the account's nonce at a depth
that is final.
"""

from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_typing import ChecksumAddress, HexStr
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception
from web3.types import TxParams, TxReceipt

from settlement import chains
from settlement.models import Wallet
from settlement.wallets.base import (
    Answer,
    Arrival,
    Broadcast,
    CannotSign,
    Horizon,
    Look,
    Outgoing,
    Payment,
    Receipt,
    Signed,
    Standing,
    Terms,
    Unreachable,
    WalletPort,
)
from settlement.wallets.evm import arriving, reading
from settlement.wallets.evm.nodes import Nodes, asking, words_of
from settlement.wallets.evm.token import Token, read_transfer_call, transfer_call, transferred
from settlement.wallets.keys import KeyFiles

EIP1559 = 2
USUAL_GAS = 100_000  # a transfer of USDT to a new address takes about 65,000
EMPTY_GAS = 21_000  # what a transaction takes that does nothing
SPARE = (5, 4)  # gas over the estimate: Tether's fee switch may be flipped meanwhile
DEARER = (9, 8)  # nodes take a replacement from a tenth on (geth's txpool.pricebump)
ROOM = 2  # a first payment offers half the largest tip at most: a replacement has to offer more
BLOCKS_LOOKED_AT = 5
MEDIAN = 50.0
NO_KEY, NO_GAS, FEES_TOO_HIGH = "no_key", "no_gas", "fees_too_high"
BALANCE_LOW, WOULD_FAIL = "chain_balance_low", "transfer_would_fail"
REVERTED, OUT_OF_GAS, WRONG_LOG = "reverted", "out_of_gas", "wrong_log"


class EvmWallet(WalletPort):
    """Signs with the key of its keystore; speaks to the nodes of its chain."""

    reads_transfers = True
    sees_arrivals = True

    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.chain = chains.configured()[wallet.chain]
        self.nodes = Nodes(self.chain)
        self.address: ChecksumAddress = to_checksum_address(wallet.address)

    def look(self, *, to_address: str = "", amount_minor: int = 0, reserved_minor: int = 0) -> Look:
        """The key opens, the token is the pinned one, its switches let the payment pass, and it can be paid for."""
        try:
            key = KeyFiles.of(self.wallet.name).account()
        except CannotSign:
            return Look(NO_KEY)
        if key.address != self.address:
            return Look(NO_KEY)
        with asking():
            node = self.nodes.first()
            token = Token(node, self.chain)
            obstacle = token.fault() or token.obstacle(self.address, to_address)
            if obstacle:
                return Look(obstacle)
            if token.balance(self.address) < amount_minor + reserved_minor:
                return Look(BALANCE_LOW)
            return self._on_terms(node, to_address, amount_minor)

    def _on_terms(self, node: Web3, to_address: str, amount_minor: int) -> Look:
        max_fee, tip = self._fees(node, most_tip=max(self.chain.max_tip // ROOM, 1))
        if max_fee > self.chain.max_fee:
            return Look(FEES_TOO_HIGH)
        gas = USUAL_GAS
        if to_address:
            call: TxParams = {**self._call(to_address, amount_minor), "from": self.address}
            try:
                gas = node.eth.estimate_gas(call) * SPARE[0] // SPARE[1]
            except ContractLogicError:
                return Look(WOULD_FAIL)
        if node.eth.get_balance(self.address) < gas * max_fee:
            return Look(NO_GAS)
        return Look(terms={"gas": gas, "max_fee": max_fee, "tip": tip})

    def _fees(self, node: Web3, *, most_tip: int) -> tuple[int, int]:
        """
        What to offer per gas at most, and the tip in it.

        Twice the next base fee lasts through six full blocks; less where the cap is below that and still enough.
        """
        history = node.eth.fee_history(BLOCKS_LOOKED_AT, "latest", [MEDIAN])
        base = history["baseFeePerGas"][-1]
        tips = sorted(int(block[0]) for block in history["reward"] if block[0])
        tip = min(tips[len(tips) // 2] if tips else chains.GWEI, most_tip)
        return max(min(2 * base + tip, self.chain.max_fee), base + tip), tip

    def nonce(self) -> int:
        """As the first node's head has it."""
        with asking():
            return self.nodes.first().eth.get_transaction_count(self.address, "latest")

    def sign(self, payment: Payment, terms: Terms) -> Signed:
        """Locally; RFC 6979 makes the same signature of the same payment on the same terms."""
        data = "0x" + transfer_call(payment.to_address, payment.amount_minor).hex()
        return self._signed(self.chain.token, data, payment.nonce, terms)

    def empty_terms(self) -> Terms | None:
        """As dear as a payment that is made now."""
        with asking():
            node = self.nodes.first()
            max_fee, tip = self._fees(node, most_tip=max(self.chain.max_tip // ROOM, 1))
            coins = node.eth.get_balance(self.address)
        is_possible = max_fee <= self.chain.max_fee and coins >= EMPTY_GAS * max_fee
        return {"gas": EMPTY_GAS, "max_fee": max_fee, "tip": tip} if is_possible else None

    def empty(self, nonce: int, terms: Terms) -> Signed:
        """Nothing, to itself."""
        return self._signed(self.address, "0x", nonce, terms)

    def reads_empty(self, raw: bytes) -> int:
        """Nothing, to itself, without a call."""
        fields = self._own_fields(raw)
        if "0x" + bytes(fields["to"]).hex() != self.address.lower() or fields["value"] or bytes(fields["data"]):
            raise ValueError("it moves something, or calls somebody")
        return int(fields["nonce"])

    def _signed(self, to: str, data: str, nonce: int, terms: Terms) -> Signed:
        if not terms:
            raise CannotSign(f"wallet {self.wallet.name} was not looked at, so nobody knows what the chain charges")
        key = KeyFiles.of(self.wallet.name).account()
        if key.address != self.address:
            raise CannotSign(f"the keystore of wallet {self.wallet.name} is of {key.address}")
        signed = key.sign_transaction(
            {
                "to": HexStr(to),
                "data": HexStr(data),
                "type": EIP1559,
                "chainId": self.chain.chain_id,
                "nonce": nonce,
                "value": 0,
                "gas": terms["gas"],
                "maxFeePerGas": terms["max_fee"],
                "maxPriorityFeePerGas": terms["tip"],
            }
        )
        return Signed(bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex())

    def decode(self, raw: bytes) -> Payment:
        """The whole of the transaction is compared: sender, chain, token, value, data."""
        fields = self._own_fields(raw)
        if "0x" + bytes(fields["to"]).hex() != self.chain.token.lower() or fields["value"] != 0:
            raise ValueError("it calls another contract, or moves the chain's own coin")
        to_address, amount_minor = read_transfer_call(bytes(fields["data"]))
        return Payment(to_address, amount_minor, fields["nonce"])

    def _own_fields(self, raw: bytes) -> dict[str, Any]:
        fields = _fields(raw)
        if str(Account.recover_transaction(raw)) != self.address:
            raise ValueError("another wallet signed this")
        if fields["type"] != EIP1559 or fields["chainId"] != self.chain.chain_id:
            raise ValueError("it is of another chain, or of another type")
        return fields

    def broadcast(self, raw: bytes) -> Answer:
        """To every node that can be believed; taken when one takes it."""
        said, is_taken = [], False
        try:
            for node in self.nodes.believed():
                try:
                    node.eth.send_raw_transaction(HexBytes(raw))
                except (RequestException, Web3Exception, ValueError) as error:
                    said.append(words_of(error))
                else:
                    is_taken = True
            if is_taken:
                return Answer(Broadcast.ACCEPTED)
            return Answer(self._became_of(raw), " / ".join(said))
        except Unreachable as error:
            return Answer(Broadcast.UNKNOWN, " / ".join([*said, str(error)]))

    def _became_of(self, raw: bytes) -> Broadcast:
        """No node took it. The nonce first: what is mined between the two questions is found by the second."""
        tx_hash = HexBytes(keccak(raw))
        is_past = self.is_spent(int(_fields(raw)["nonce"]))
        if not self.nodes.all_say(lambda node: not _knows(node, tx_hash)):
            return Broadcast.KNOWN
        return Broadcast.REFUSED if is_past else Broadcast.UNKNOWN

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Only in a block that is on the chain now; final only when every node that can be believed agrees."""
        with asking():
            node = self.nodes.first()
            found = _mined(node, tx_hash)
            if found is None:
                return None
            number = found["blockNumber"]
            sent = node.eth.get_transaction(HexStr(tx_hash))
            pays = transferred(found["logs"], self.chain, self.address, sent["nonce"]) if found["status"] else None
            return Receipt(
                tx_hash=tx_hash,
                block_number=number,
                confirmations=max(node.eth.block_number - number + 1, 1),
                is_final=self.nodes.all_say(lambda each: self._is_final(each, tx_hash, found)),
                pays=pays,
                fault="" if pays else _fault(found, sent["gas"]),
                sender=self.address if pays else "",
                has_failed=not found["status"],
                fee=found["gasUsed"] * found["effectiveGasPrice"],
            )

    def _is_final(self, node: Web3, tx_hash: str, found: TxReceipt) -> bool:
        same = _mined(node, tx_hash)
        if same is None or self._told(same) != self._told(found):
            return False
        return found["blockNumber"] <= self.nodes.final_height(node)

    def _told(self, receipt: TxReceipt) -> tuple[object, ...]:
        """What nodes must agree on: the block, whether it succeeded, what it moved."""
        moved = transferred(receipt["logs"], self.chain, self.address, nonce=0)
        return receipt["blockHash"], receipt["status"], moved

    def dearer(self, raw: bytes) -> Terms | None:
        """Both fees by an eighth, or what is usual now where that is more; only for the nonce that is next."""
        fields = _fields(raw)
        with asking():
            node = self.nodes.first()
            if node.eth.get_transaction_count(self.address, "latest") != fields["nonce"]:
                return None
            usual_fee, usual_tip = self._fees(node, most_tip=self.chain.max_tip)
        least_fee, least_tip = _raised(fields["maxFeePerGas"]), _raised(fields["maxPriorityFeePerGas"])
        if least_fee > self.chain.max_fee or least_tip > self.chain.max_tip:
            return None
        max_fee = min(max(least_fee, usual_fee), self.chain.max_fee)
        return {"gas": fields["gas"], "max_fee": max_fee, "tip": min(max(least_tip, usual_tip), max_fee)}

    def balance(self) -> int:
        """As the first node's head has it."""
        with asking():
            return Token(self.nodes.first(), self.chain).balance(self.address)

    def is_spent(self, nonce: int) -> bool:
        """By the number of the address's transactions at each node's highest final block."""

        def has_passed(node: Web3) -> bool:
            height = self.nodes.final_height(node)
            return bool(node.eth.get_transaction_count(self.address, height) > nonce)

        return self.nodes.all_say(has_passed)

    def is_unseen(self, tx_hash: str) -> bool:
        """No node has a receipt whose block is on the chain."""
        return self.nodes.all_say(lambda node: _mined(node, tx_hash) is None)

    def standing(self) -> Standing:
        """As the first node's head has it."""
        return reading.standing(self.nodes, self.chain, self.address)

    def final_height(self) -> int:
        """As the first node has it."""
        with asking():
            return self.nodes.final_height(self.nodes.first())

    def outgoing(self, first: int, last: int) -> list[Outgoing]:
        """By the token's logs."""
        return reading.outgoing(self.nodes, self.chain, self.address, (first, last))

    def incoming(self, first: int, last: int) -> int:
        """By the token's logs."""
        return reading.incoming(self.nodes, self.chain, self.address, (first, last))

    def horizon(self) -> Horizon:
        """Over all nodes that can be believed."""
        return arriving.horizon(self.nodes, self.chain)

    def arrivals(self, first: int, last: int) -> list[Arrival]:
        """By the token's logs, of every node that can be believed."""
        return arriving.arrivals(self.nodes, self.chain, self.address, first, last)

    def _call(self, to_address: str, amount_minor: int) -> TxParams:
        data = HexStr("0x" + transfer_call(to_address, amount_minor).hex())
        return {"to": to_checksum_address(self.chain.token), "data": data}


def _fields(raw: bytes) -> dict[str, Any]:
    try:
        return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    except Exception as error:
        raise ValueError(f"the bytes are no transaction: {error}") from error


def _raised(fee: int) -> int:
    return -(-fee * DEARER[0] // DEARER[1])


def _mined(node: Web3, tx_hash: str) -> TxReceipt | None:
    """The receipt, if its block is the one the chain has at that height."""
    try:
        found = node.eth.get_transaction_receipt(HexStr(tx_hash))
    except TransactionNotFound:
        return None
    block = node.eth.get_block(found["blockNumber"])
    return found if block["hash"] == found["blockHash"] else None


def _knows(node: Web3, tx_hash: HexBytes) -> bool:
    try:
        node.eth.get_transaction(tx_hash)
    except TransactionNotFound:
        return False
    return True


def _fault(found: TxReceipt, gas: int) -> str:
    if found["status"]:
        return WRONG_LOG
    return OUT_OF_GAS if found["gasUsed"] >= gas else REVERTED
