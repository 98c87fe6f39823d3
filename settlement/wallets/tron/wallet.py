"""
A wallet on a TRON network: calls of the token's `transfer`.

TRON has no nonces. A payment's own number is written into its bytes, so that two payments never have the same id;
nothing on chain excludes two of them. What keeps a payment single is that its bytes can be in no block after their time
is over (`ContractCall.expiration`), and that new ones are not signed before that is proved (`is_void`; ADR 18).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from settlement import tron_chains
from settlement.addresses import tron_address, tron_body
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
from settlement.wallets.keys import KeyFiles
from settlement.wallets.tron import arriving, reading
from settlement.wallets.tron.nodes import HEAD, SECONDS, SOLID, Node, Nodes, asking
from settlement.wallets.tron.token import FAILED, Token, read_transfer_call, transfer_call, transferred
from settlement.wallets.tron.transaction import (
    REF_BLOCK_BYTES,
    REF_HASH_BYTES,
    ContractCall,
    read_call,
    read_signed,
    signed,
    transaction_id,
)

USUAL_ENERGY = 130_000  # a transfer of USDT to an address that has none
SPARE = (5, 4)  # energy over the estimate: a busy contract's surcharge may grow meanwhile
USUAL_BYTES = 350  # of a signed transfer, and what a node counts for its result
DAY = 24 * 3600 * SECONDS  # no transaction lives longer
SUN = 10**6  # of one coin
STANDINGS = 5  # a block comes every three seconds
OURS = 10**7  # numbers of payments; others' transactions are not dated like that
SURE = 5 * 60 * SECONDS  # solidified past the time of bytes by so much: machines behind one address may be apart
FEWEST_WITNESSES = 2
TAKEN_BEFORE = "DUP_TRANSACTION_ERROR"
SUCCESS = "SUCCESS"
NO_KEY, NO_ENERGY, FEES_TOO_HIGH, NOT_ACTIVATED = "no_key", "no_energy", "fees_too_high", "wallet_not_activated"
BALANCE_LOW, WOULD_FAIL = "chain_balance_low", "transfer_would_fail"
REVERTED, WRONG_LOG = "reverted", "wrong_log"
FAULTS = {"OUT_OF_ENERGY": "out_of_energy", "OUT_OF_TIME": "out_of_time"}


class TronWallet(WalletPort):
    """Signs with the key of its keystore; speaks to the nodes of its network."""

    blocks_at_once = 50  # each is a question to every node

    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.chain = tron_chains.configured()[wallet.chain]
        self.nodes = Nodes(self.chain)
        self.address = wallet.address

    def look(self, *, to_address: str = "", amount_minor: int = 0, reserved_minor: int = 0) -> Look:
        """The key opens, the token is the pinned one, its switches let the payment pass, and it can be paid for."""
        try:
            self._key()
        except CannotSign:
            return Look(NO_KEY)
        with asking():
            node = self.nodes.first()
            token = Token(node, self.chain, self.address)
            if obstacle := token.fault() or token.obstacle(to_address):
                return Look(obstacle)
            if token.balance(self.address) < amount_minor + reserved_minor:
                return Look(BALANCE_LOW)
            energy = token.energy_of_transfer(to_address, amount_minor) if to_address else USUAL_ENERGY
            return Look(WOULD_FAIL) if energy is None else self._on_terms(node, energy * SPARE[0] // SPARE[1])

    def _on_terms(self, node: Node, energy: int) -> Look:
        """The last solidified block is what the bytes name: no reorganisation takes it away."""
        burning = Burning(node, self.address)
        if not burning.is_activated:
            return Look(NOT_ACTIVATED)
        fee_limit = energy * burning.energy_price  # a node counts staked energy in it too
        if fee_limit > self.chain.max_fee:
            return Look(FEES_TOO_HIGH)
        if burning.coins < burning.cost(energy, self.chain.most_in_flight):
            return Look(NO_ENERGY)
        block = node.block(of=SOLID)
        terms = {
            "ref_block": block.number % 2 ** (8 * REF_BLOCK_BYTES),
            "ref_hash": int.from_bytes(block.ref_hash, "big"),
            "expiration": block.timestamp + self.chain.expires_seconds * SECONDS,
            "fee_limit": fee_limit,
        }
        return Look(terms=terms)

    def nonce(self) -> int:
        """The network counts no transactions of an address: never more than were signed here."""
        return 0

    def sign(self, payment: Payment, terms: Terms) -> Signed:
        """Locally; the payment's number is in the time of day that the bytes bear, which nothing on chain reads."""
        if not terms:
            raise CannotSign(f"wallet {self.wallet.name} was not looked at, so nobody knows what the chain charges")
        call = ContractCall(
            owner=tron_body(self.address),
            contract=tron_body(self.chain.token),
            data=transfer_call(payment.to_address, payment.amount_minor),
            ref_block=terms["ref_block"].to_bytes(REF_BLOCK_BYTES, "big"),
            ref_hash=terms["ref_hash"].to_bytes(REF_HASH_BYTES, "big"),
            expiration=terms["expiration"],
            timestamp=terms["expiration"] - DAY + payment.nonce,
            fee_limit=terms["fee_limit"],
        )
        raw_data = call.raw_data()
        return Signed(signed(raw_data, self._key()), transaction_id(raw_data))

    def _key(self) -> bytes:
        account = KeyFiles.of(self.wallet.name).account()
        if (found := address_of(str(account.address))) != self.address:
            raise CannotSign(f"the keystore of wallet {self.wallet.name} is of {found}")
        return bytes(account.key)

    def decode(self, raw: bytes) -> Payment:
        """The whole of the transaction is compared: signature, sender, token, data; it has nothing else in it."""
        raw_data, signer = read_signed(raw)
        if tron_address(signer) != self.address:
            raise ValueError("another wallet signed this")
        call = read_call(raw_data)
        if call.owner != signer or call.contract != tron_body(self.chain.token):
            raise ValueError("it pays for another wallet, or calls another contract")
        to_address, amount_minor = read_transfer_call(call.data)
        return Payment(to_address, amount_minor, _number(call.timestamp, call.expiration))

    def broadcast(self, raw: bytes) -> Answer:
        """To every node that can be believed, the stored bytes as they are; taken when one takes them."""
        said, is_taken, is_known = [], False, False
        try:
            for node in self.nodes.believed():
                try:
                    with asking():
                        told = node.ask("wallet/broadcasthex", transaction=raw.hex())
                except Unreachable as error:
                    said.append(str(error))
                    continue
                is_taken = is_taken or told.get("result") is True
                is_known = is_known or told.get("code") == TAKEN_BEFORE
                said.append(": ".join(filter(None, [str(told.get("code", "")), str(told.get("message", ""))])))
            if is_taken:
                return Answer(Broadcast.ACCEPTED)
            return Answer(self._became_of(raw, is_known=is_known), " / ".join(said))
        except Unreachable as error:
            return Answer(Broadcast.UNKNOWN, " / ".join([*said, str(error)]))

    def _became_of(self, raw: bytes, *, is_known: bool) -> Broadcast:
        """No node took it. Nodes go on saying for an hour that they had it, so it is asked first whether it is over."""
        raw_data, _signer = read_signed(raw)
        transaction = transaction_id(raw_data)
        if self._is_lost(Signed(raw, transaction)):
            return Broadcast.EXPIRED
        if is_known or not self.nodes.all_say(lambda node: not node.has_seen(transaction)):
            return Broadcast.KNOWN
        return Broadcast.UNKNOWN

    def receipt(self, tx_hash: str) -> Receipt | None:
        """As the first node's newest blocks have it; final when every node that can be believed calls it solidified."""
        with asking():
            node = self.nodes.first()
            found = node.info(tx_hash)
            if not found:
                return None
            block, result, pays = self._told(found)
            if pays:
                sent = node.ask(f"{HEAD}/gettransactionbyid", value=tx_hash)["raw_data"]
                nonce = _number(sent.get("timestamp", 0), sent["expiration"])
                pays = Payment(pays.to_address, pays.amount_minor, nonce)
            return Receipt(
                tx_hash=tx_hash,
                block_number=block,
                confirmations=max(node.block().number - block + 1, 1),
                is_final=self.nodes.all_say(lambda each: self._is_final(each, tx_hash, found)),
                pays=pays,
                fault="" if pays else FAULTS.get(result, WRONG_LOG if result == SUCCESS else REVERTED),
                sender=self.address if pays else "",
                has_failed=result != SUCCESS,
                fee=int(found.get("fee", 0)),
            )

    def _is_final(self, node: Node, tx_hash: str, found: Mapping[str, Any]) -> bool:
        same = node.info(tx_hash, of=SOLID)
        return bool(same) and self._told(same) == self._told(found)

    def _told(self, info: Mapping[str, Any]) -> tuple[int, str, Payment | None]:
        """What nodes must agree on: the block, how it went, what it moved. One that calls nothing succeeds."""
        result = str(info["receipt"].get("result", SUCCESS))
        if info.get("result") == FAILED and result == SUCCESS:
            result = FAILED
        is_done = result == SUCCESS
        moved = transferred(info.get("log", []), self.chain, self.address, nonce=0) if is_done else None
        return int(info["blockNumber"]), result, moved

    def is_unseen(self, tx_hash: str) -> bool:
        """No node has it in a block, solidified or not."""
        return self.nodes.all_say(lambda node: not node.has_seen(tx_hash))

    def dearer(self, raw: bytes) -> Terms | None:  # noqa: ARG002 - the network has one price
        """Nothing excludes the old bytes when new ones are signed, so nothing is ever replaced."""
        return None

    def balance(self) -> int:
        """As the first node's head has it."""
        with asking():
            return Token(self.nodes.first(), self.chain, self.address).balance(self.address)

    def standing(self) -> Standing:
        """
        As the first node's head has it. Of older blocks a node tells nothing: it is asked until none came between.

        :raises Unreachable: no node to ask, or its head moves too fast.
        """
        with asking():
            node = self.nodes.first()
            for _ in range(STANDINGS):
                height = node.block().number
                balance = Token(node, self.chain, self.address).balance(self.address)
                burning = Burning(node, self.address)
                if node.block().number == height:
                    return Standing(height, balance, 0, Decimal(burning.coins) / SUN, burning.transfers())
        raise Unreachable("the head moves faster than it is read")

    def final_height(self) -> int:
        """What every node that can be believed calls solidified."""
        return reading.final_height(self.nodes)

    def outgoing(self, first: int, last: int) -> list[Outgoing]:
        """By the token's logs, on the first node."""
        return reading.outgoing(self.nodes, self.chain, self.address, (first, last))

    def incoming(self, first: int, last: int) -> int:
        """Likewise."""
        return reading.incoming(self.nodes, self.chain, self.address, (first, last))

    def horizon(self) -> Horizon:
        """Final is what every node that can be believed calls solidified."""
        return arriving.horizon(self.nodes, self.chain, self.address)

    def arrivals(self, first: int, last: int) -> list[Arrival]:
        """By what the transactions of each block did."""
        return arriving.arrivals(self.nodes, self.chain, self.address, first, last)

    def is_void(self, nonce: int, attempts: Sequence[Signed]) -> bool:  # noqa: ARG002 - the network has no nonces
        """Whether the time of all the bytes is over, and no block has any of them."""
        return all(self._is_lost(attempt) for attempt in attempts)

    def _is_lost(self, attempt: Signed) -> bool:
        """
        Whether at least two nodes prove it, and none that can be believed contradicts.

        Each by itself, in this order: its solidified blocks are past the time, it keeps the history since the block
        that the bytes name, and it has seen them nowhere.
        """
        call = read_call(read_signed(attempt.raw)[0])

        def proves(node: Node) -> bool:
            solid = node.block(of=SOLID)
            if solid.timestamp < call.expiration + SURE:
                return False
            return node.remembers(call.ref_block, call.ref_hash, solid) and not node.has_seen(attempt.tx_hash)

        with asking():
            return len(self.nodes.believed()) >= FEWEST_WITNESSES and self.nodes.all_say(proves)


class Burning:
    """What an address pays for a transaction with: energy, bandwidth, and coins to burn for what is missing."""

    def __init__(self, node: Node, address: str) -> None:
        body = tron_body(address).hex()
        account = node.ask("wallet/getaccount", address=body)
        self.is_activated = bool(account)
        self.coins = int(account.get("balance", 0))
        self._has = node.ask("wallet/getaccountresource", address=body) if account else {}
        prices = node.ask("wallet/getchainparameters")["chainParameter"]
        price_of = {one["key"]: int(one.get("value", 0)) for one in prices}
        self.energy_price, self._byte_price = price_of["getEnergyFee"], price_of["getTransactionFee"]

    def cost(self, energy: int, transfers: int) -> int:
        """What so many transfers burn, in sun. Bandwidth is taken whole out of what is free or staked, or paid for."""
        size = USUAL_BYTES * transfers
        is_carried = max(self._left("freeNet"), self._left("Net")) >= size
        missing = max(energy * transfers - self._left("Energy"), 0)
        return missing * self.energy_price + (0 if is_carried else size * self._byte_price)

    def transfers(self) -> int:
        """How many usual transfers it pays for: out of its energy, then out of its coins."""
        left, coins = self._left("Energy"), self.coins
        with_coins = coins // max(USUAL_ENERGY * self.energy_price + USUAL_BYTES * self._byte_price, 1)
        return int(left // USUAL_ENERGY + with_coins)

    def _left(self, what: str) -> int:
        return int(self._has.get(f"{what}Limit", 0)) - int(self._has.get(f"{what}Used", 0))


def address_of(evm_address: str) -> str:
    """The TRON address of the key that has an EVM address: the same 20 bytes."""
    return tron_address(bytes.fromhex("41" + evm_address.removeprefix("0x")))


def _number(timestamp: int, expiration: int) -> int:
    """A payment's number by the times its bytes bear; 0 for bytes that were not made here."""
    number = timestamp - expiration + DAY
    return number if 0 <= number < OURS else 0
