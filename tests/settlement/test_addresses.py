"""What may be an address or a bank account at all."""

import pytest

from settlement import addresses, banks
from trading.lib.errors import DeskError

# https://eips.ethereum.org/EIPS/eip-55, test cases
CHECKSUMMED = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
USDT_ON_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def test_checksummed_addresses_pass() -> None:
    for address in CHECKSUMMED:
        assert addresses.require_valid("ethereum", f" {address} ") == address
    assert addresses.require_valid("tron", USDT_ON_TRON) == USDT_ON_TRON


WRONG = [
    ("ethereum", CHECKSUMMED[4].lower(), "bad_address"),
    ("ethereum", CHECKSUMMED[4].replace("aA", "AA"), "bad_address"),
    ("ethereum", CHECKSUMMED[4][:-1], "bad_address"),
    ("ethereum", CHECKSUMMED[4].replace("0x", ""), "bad_address"),
    ("ethereum", USDT_ON_TRON, "bad_address"),
    ("ethereum", "0x" + "0" * 40, "forbidden_address"),
    ("tron", USDT_ON_TRON[:-1] + "u", "bad_address"),
    ("tron", USDT_ON_TRON.replace("8ZY", "8YZ"), "bad_address"),
    ("tron", "0x" + "a" * 40, "bad_address"),
    ("tron", "T" + "z" * 33, "bad_address"),
    ("tron", "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "forbidden_address"),
    ("simulated", "with blanks in it", "bad_address"),
    ("simulated", "0000", "forbidden_address"),
    ("solana", "x", "unknown_chain"),
]


@pytest.mark.parametrize(("chain", "address", "code"), WRONG)
def test_anything_else_is_refused(chain: str, address: str, code: str) -> None:
    with pytest.raises(DeskError) as refusal:
        addresses.require_valid(chain, address)
    assert refusal.value.code == code
    assert refusal.value.sentence


def test_an_address_that_looks_the_same_at_both_ends_is_found() -> None:
    planted = USDT_ON_TRON[:5] + "x" * 20 + USDT_ON_TRON[-4:]

    assert addresses.lookalikes(USDT_ON_TRON, [USDT_ON_TRON, planted, "Tother"]) == [planted]


def test_ibans_are_checked_and_written_plainly() -> None:
    assert banks.require_number("de89 3704 0044 0532 0130 00", is_iban=True) == "DE89370400440532013000"
    assert banks.require_number("12-345 678", is_iban=False) == "12-345678"
    assert banks.require_bic("cobadeff") == "COBADEFF"
    for number in ("DE88370400440532013000", "DE8937040044053201300", "", "XX00"):
        with pytest.raises(banks.BadIban):
            banks.require_number(number, is_iban=True)
    with pytest.raises(banks.BadAccountNumber):
        banks.require_number("a/b", is_iban=False)
    with pytest.raises(banks.BadBic):
        banks.require_bic("COBA")
