"""
A wallet on an EVM chain: EIP-1559 transactions that call the token's `transfer`.

A node's error text decides nothing: what became of bytes is read from receipts and from the account's nonce at a depth
that is final.
"""

from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_typing import ChecksumAddress, HexStr
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3Exception

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
from settlement.wallets.evm.nodes import LATEST, Nodes, Question, Told, ask, asking, words_of
from settlement.wallets.evm.receipts import receipts, see
from settlement.wallets.evm.token import Token, read_transfer_call, transfer_call
from settlement.wallets.keys import KeyFiles

EIP1559 = 2
USUAL_GAS = 100_000  # a transfer of USDT to a new address takes about 65,000
EMPTY_GAS = 21_000  # what a transaction takes that does nothing
SPARE = (5, 4)  # gas over the estimate: Tether's fee switch may be flipped meanwhile
DEARER = (9, 8)  # nodes take a replacement from a tenth on (geth's txpool.pricebump)
ROOM = 2  # a first payment offers half the largest tip at most: a replacement has to offer more
BLOCKS_LOOKED_AT = 5
MEDIAN = 50.0
FEE_HISTORY: Question = ("eth_feeHistory", [hex(BLOCKS_LOOKED_AT), LATEST, [MEDIAN]])
NO_KEY, NO_GAS, FEES_TOO_HIGH = "no_key", "no_gas", "fees_too_high"
BALANCE_LOW, WOULD_FAIL = "chain_balance_low", "transfer_would_fail"


class EvmWallet(WalletPort):
    """Signs with the key of its keystore; speaks to the nodes of its chain."""

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
            of_token = Token.questions(self.chain, self.address, to_address)
            told = ask(self.nodes.first(), [*of_token, *self._of_terms(to_address, amount_minor)])
            token = Token.read(self.chain, told[: len(of_token)])
            if token.fault or token.obstacle:
                return Look(token.fault or token.obstacle)
            if token.balance < amount_minor + reserved_minor:
                return Look(BALANCE_LOW)
            return self._on_terms(told[len(of_token) :])

    def _of_terms(self, to_address: str, amount_minor: int) -> list[Question]:
        """What a payment costs, what there is to pay for it, and where it is known what it pays, its gas."""
        questions: list[Question] = [FEE_HISTORY, ("eth_getBalance", [self.address, LATEST])]
        if to_address:
            data = "0x" + transfer_call(to_address, amount_minor).hex()
            call = {"from": self.address, "to": self.chain.token, "data": data}
            questions.append(("eth_estimateGas", [call]))
        return questions

    def _on_terms(self, told: Sequence[Told]) -> Look:
        history, coins, *estimated = told
        max_fee, tip = self._fees(history, most_tip=max(self.chain.max_tip // ROOM, 1))
        if max_fee > self.chain.max_fee:
            return Look(FEES_TOO_HIGH)
        if any(each.is_reverted for each in estimated):
            return Look(WOULD_FAIL)
        gas = estimated[0].number() * SPARE[0] // SPARE[1] if estimated else USUAL_GAS
        if coins.number() < gas * max_fee:
            return Look(NO_GAS)
        return Look(terms={"gas": gas, "max_fee": max_fee, "tip": tip})

    def _fees(self, told: Told, *, most_tip: int) -> tuple[int, int]:
        """
        What to offer per gas at most, and the tip in it.

        Twice the next base fee lasts through six full blocks; less where the cap is below that and still enough.
        """
        history = told.value()
        base = int(history["baseFeePerGas"][-1], 16)
        tips = sorted(tip for block in history["reward"] if (tip := int(block[0], 16)))
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
            history, coins = ask(self.nodes.first(), self._of_terms("", 0))
            max_fee, tip = self._fees(history, most_tip=max(self.chain.max_tip // ROOM, 1))
            is_possible = max_fee <= self.chain.max_fee and coins.number() >= EMPTY_GAS * max_fee
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
        return self.send([raw])[0]

    def send(self, raws: Sequence[bytes]) -> list[Answer]:
        """Each node is handed all of them at once."""
        questions: list[Question] = [("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws]
        try:
            told = [_handed(node, questions) for node in self.nodes.believed()]
        except Unreachable as error:
            return [Answer(Broadcast.UNKNOWN, str(error)) for _ in raws]
        return [self._answer(raw, answers) for raw, *answers in zip(raws, *told, strict=True)]

    def _answer(self, raw: bytes, told: Sequence[Told]) -> Answer:
        if any(one.error is None for one in told):
            return Answer(Broadcast.ACCEPTED)
        said = [one.words for one in told]
        try:
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
        return self.receipts([tx_hash]).get(tx_hash)

    def receipts(self, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
        """All of them in two requests to each node."""
        return receipts(self.nodes, self.chain, self.address, tx_hashes)

    def dearer(self, raw: bytes) -> Terms | None:
        """Both fees by an eighth, or what is usual now where that is more; only for the nonce that is next."""
        fields = _fields(raw)
        with asking():
            used, history = ask(self.nodes.first(), [("eth_getTransactionCount", [self.address, LATEST]), FEE_HISTORY])
            if used.number() != fields["nonce"]:
                return None
            usual_fee, usual_tip = self._fees(history, most_tip=self.chain.max_tip)
        least_fee, least_tip = _raised(fields["maxFeePerGas"]), _raised(fields["maxPriorityFeePerGas"])
        if least_fee > self.chain.max_fee or least_tip > self.chain.max_tip:
            return None
        max_fee = min(max(least_fee, usual_fee), self.chain.max_fee)
        return {"gas": fields["gas"], "max_fee": max_fee, "tip": min(max(least_tip, usual_tip), max_fee)}

    def balance(self) -> int:
        """As the first node's head has it."""
        with asking():
            return Token.on(self.nodes.first(), self.chain, self.address).balance

    def is_spent(self, nonce: int) -> bool:
        """By the number of the address's transactions at each node's highest final block."""

        def has_passed(node: Web3) -> bool:
            height = self.nodes.final_height(node)
            return bool(node.eth.get_transaction_count(self.address, height) > nonce)

        return self.nodes.all_say(has_passed)

    def is_unseen(self, tx_hash: str) -> bool:
        """No node has a receipt whose block is on the chain."""
        return self.nodes.all_say(lambda node: not see(node, self.chain, [tx_hash]).receipts)

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


def _fields(raw: bytes) -> dict[str, Any]:
    try:
        return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    except Exception as error:
        raise ValueError(f"the bytes are no transaction: {error}") from error


def _raised(fee: int) -> int:
    return -(-fee * DEARER[0] // DEARER[1])


def _knows(node: Web3, tx_hash: HexBytes) -> bool:
    try:
        node.eth.get_transaction(tx_hash)
    except TransactionNotFound:
        return False
    return True


def _handed(node: Web3, questions: Sequence[Question]) -> list[Told]:
    """What a node says to what it is handed; where it cannot be asked, nobody knows what it has of it."""
    try:
        return ask(node, questions)
    except (RequestException, Web3Exception, ValueError) as error:
        return [Told(error={"message": words_of(error)}) for _ in questions]
