"""
TRON's transactions as bytes: the few protobuf fields that a call of a contract takes, written and read here.

The messages are `Transaction` and `TriggerSmartContract` of https://github.com/tronprotocol/protocol. Fields are
written in the order of their numbers, each once, those that are zero left out: what protobuf libraries write, byte by
byte (`tests/wallets/test_tron_bytes.py`). An id is the SHA-256 of the unsigned part, so no signature changes it.
"""

import hashlib
from dataclasses import dataclass

from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from settlement.addresses import TRON_BYTES, TRON_PREFIX

TRIGGER_SMART_CONTRACT = 31
TYPE_URL = b"type.googleapis.com/protocol.TriggerSmartContract"
VARINT, LENGTH = 0, 2  # wire types
MORE = 0x80  # another byte of the number follows
REF_BLOCK_BYTES, REF_HASH_BYTES, SIGNATURE_BYTES = 2, 8, 65


@dataclass(frozen=True, slots=True)
class ContractCall:
    """
    The unsigned part of a transaction that calls a contract and moves no coin. Times in milliseconds, the fee in sun.

    It can be in a block only while the one before it is younger than `expiration`, on a chain that has the block with
    `ref_hash` (bytes 8 to 15 of its id) under a number that ends in `ref_block`.
    """

    owner: bytes
    contract: bytes
    data: bytes
    ref_block: bytes
    ref_hash: bytes
    expiration: int
    timestamp: int
    fee_limit: int

    def raw_data(self) -> bytes:
        """As protobuf has it."""
        trigger = _bytes(1, self.owner) + _bytes(2, self.contract) + _bytes(4, self.data)
        contract = _number(1, TRIGGER_SMART_CONTRACT) + _bytes(2, _bytes(1, TYPE_URL) + _bytes(2, trigger))
        block = _bytes(1, self.ref_block) + _bytes(4, self.ref_hash) + _number(8, self.expiration)
        return block + _bytes(11, contract) + _number(14, self.timestamp) + _number(18, self.fee_limit)


def read_call(raw_data: bytes) -> ContractCall:
    """
    What an unsigned part says.

    :raises ValueError: it is no call of a contract, or has anything more in it.
    """
    outer = _Fields(raw_data)
    contract = _Fields(outer.content(11))
    trigger = _Fields(_Fields(contract.content(2)).content(2))
    call = ContractCall(
        owner=trigger.content(1),
        contract=trigger.content(2),
        data=trigger.content(4),
        ref_block=outer.content(1),
        ref_hash=outer.content(4),
        expiration=outer.number(8),
        timestamp=outer.number(14),
        fee_limit=outer.number(18),
    )
    sizes = [len(part) for part in (call.owner, call.contract, call.ref_block, call.ref_hash)]
    if sizes != [TRON_BYTES, TRON_BYTES, REF_BLOCK_BYTES, REF_HASH_BYTES] or call.raw_data() != raw_data:
        raise ValueError("the bytes are no plain call of a contract")
    return call


def transaction_id(raw_data: bytes) -> str:
    """The id it has on chain."""
    return hashlib.sha256(raw_data).hexdigest()


def signed(raw_data: bytes, key: bytes) -> bytes:
    """The whole transaction; the same key makes the same one (RFC 6979)."""
    digest = hashlib.sha256(raw_data).digest()
    return _bytes(1, raw_data) + _bytes(2, PrivateKey(key).sign_msg_hash(digest).to_bytes())


def read_signed(raw: bytes) -> tuple[bytes, bytes]:
    """
    The unsigned part of a whole transaction, and the 21 bytes of the address whose key signed it.

    :raises ValueError: it is no transaction with one signature, or has anything more in it.
    """
    fields = _Fields(raw)
    raw_data, signature = fields.content(1), fields.content(2)
    if len(signature) != SIGNATURE_BYTES or _bytes(1, raw_data) + _bytes(2, signature) != raw:
        raise ValueError("the bytes are no transaction with one signature")
    try:
        key = Signature(signature).recover_public_key_from_msg_hash(hashlib.sha256(raw_data).digest())
    except (BadSignature, ValidationError) as error:
        raise ValueError(f"the signature is none: {error}") from error
    return raw_data, bytes([TRON_PREFIX]) + key.to_canonical_address()


def _varint(number: int) -> bytes:
    written = bytearray()
    while number >= MORE:
        written.append(number % MORE | MORE)
        number //= MORE
    written.append(number)
    return bytes(written)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(number) if number else b""


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | LENGTH) + _varint(len(content)) + content if content else b""


class _Fields:
    """A message's fields by number; the last where one is repeated."""

    def __init__(self, message: bytes) -> None:
        self._message, self._at = message, 0
        self._numbers: dict[int, int] = {}
        self._contents: dict[int, bytes] = {}
        while self._at < len(message):
            tag = self._varint()
            if tag & 7 == VARINT:
                self._numbers[tag >> 3] = self._varint()
            elif tag & 7 == LENGTH:
                self._contents[tag >> 3] = self._take(self._varint())
            else:
                raise ValueError("the bytes are no message: another type of field")

    def number(self, field: int) -> int:
        """A number; 0 when it is left out."""
        return self._numbers.get(field, 0)

    def content(self, field: int) -> bytes:
        """Bytes; none when they are left out."""
        return self._contents.get(field, b"")

    def _take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._message):
            raise ValueError("the bytes end in the middle of a field")
        return self._message[self._at - size : self._at]

    def _varint(self) -> int:
        number, factor = 0, 1
        while (byte := self._take(1)[0]) >= MORE:
            number += byte % MORE * factor
            factor *= MORE
        return number + byte * factor
