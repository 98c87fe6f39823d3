"""TRON's bytes as others write them: tronpy, and nodes of the main network. How they were made stands beside them."""

import json
from pathlib import Path
from typing import Any

import pytest

from settlement.addresses import tron_address, tron_body
from settlement.wallets.tron.token import read_transfer_call, transfer_call
from settlement.wallets.tron.transaction import ContractCall, read_call, read_signed, signed, transaction_id

VECTORS = json.loads((Path(__file__).parent / "tron_vectors.json").read_text())


def call_of(vector: dict[str, Any]) -> ContractCall:
    block = bytes.fromhex(vector["ref_block_id"])
    return ContractCall(
        owner=tron_body(vector["owner"]),
        contract=tron_body(vector["token"]),
        data=transfer_call(vector["to"], vector["amount_minor"]),
        ref_block=block[6:8],
        ref_hash=block[8:16],
        expiration=vector["expiration"],
        timestamp=vector["timestamp"],
        fee_limit=vector["fee_limit"],
    )


@pytest.mark.parametrize("vector", VECTORS["made"])
def test_bytes_id_and_signature_are_those_that_tronpy_makes(vector: dict[str, Any]) -> None:
    raw_data = call_of(vector).raw_data()

    assert raw_data.hex() == vector["raw_data"]
    assert transaction_id(raw_data) == vector["txid"]
    assert signed(raw_data, bytes.fromhex(vector["key"])).hex() == vector["transaction"]


@pytest.mark.parametrize("vector", VECTORS["made"])
def test_what_tronpy_made_is_read_back(vector: dict[str, Any]) -> None:
    raw_data, signer = read_signed(bytes.fromhex(vector["transaction"]))

    assert tron_address(signer) == vector["owner"]
    assert read_call(raw_data) == call_of(vector)
    assert read_transfer_call(read_call(raw_data).data) == (vector["to"], vector["amount_minor"])


@pytest.mark.parametrize("vector", VECTORS["seen"])
def test_what_the_main_network_has_is_read_and_written_alike(vector: dict[str, Any]) -> None:
    raw_data = bytes.fromhex(vector["raw_data"])
    call = read_call(raw_data)

    assert transaction_id(call.raw_data()) == vector["txid"]
    assert (call.owner.hex(), call.fee_limit) == (vector["owner_body"], vector["fee_limit"])
    assert (call.ref_block.hex(), call.ref_hash.hex()) == (vector["ref_block"], vector["ref_hash"])
    assert tron_address(call.contract) == "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def test_signature_of_the_main_network_is_of_its_owner() -> None:
    vector = VECTORS["seen"][0]
    raw_data, signature = bytes.fromhex(vector["raw_data"]), bytes.fromhex(vector["signature"])
    whole = b"\x0a" + bytes([0x80 | len(raw_data) & 0x7F, len(raw_data) >> 7]) + raw_data + b"\x12\x41" + signature

    assert read_signed(whole) == (raw_data, bytes.fromhex(vector["owner_body"]))


def test_anything_more_or_less_is_no_payment() -> None:
    vector = VECTORS["made"][0]
    whole, raw_data = bytes.fromhex(vector["transaction"]), bytes.fromhex(vector["raw_data"])
    memo, votes = bytes.fromhex("5203616263"), bytes.fromhex("1801")

    for changed in (whole[:-1], whole + memo, whole + votes, whole[:10], b"", b"\x08\x01"):
        with pytest.raises(ValueError, match=r"bytes|signature"):
            read_signed(changed)
    for changed in (raw_data + memo, raw_data + votes, raw_data[:-1], raw_data.replace(b"\x08\x1f", b"\x08\x1e"), b""):
        with pytest.raises(ValueError, match="bytes"):
            read_call(changed)


def test_data_of_the_older_form_are_no_transfer_of_ours() -> None:
    """Some wallets write the address with its 0x41 in front: the contract takes that, and nothing here signs it."""
    data = read_call(bytes.fromhex(VECTORS["seen"][0]["raw_data"])).data

    with pytest.raises(ValueError, match="no transfer"):
        read_transfer_call(data)
