"""
What may be an address at all, chain by chain, strictly: a mistyped one is money lost.

EVM: EIP-55 (https://eips.ethereum.org/EIPS/eip-55), so letters have the case their checksum demands. TRON: base58check
over 21 bytes that begin with 0x41 (https://developers.tron.network/docs/account#account-address-format). Pure.
"""

import hashlib
import re
from collections.abc import Callable, Iterable

from Crypto.Hash import keccak
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid

EVM = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
TRON = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}", re.ASCII)
SIMULATED = re.compile(r"[A-Za-z0-9-]{4,60}", re.ASCII)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
TRON_PREFIX, TRON_BYTES, CHECKSUM_BYTES = 0x41, 21, 4
EIGHT = 8
LOOKED_AT = 4  # what people compare of an address: so many letters at either end


class BadAddress(Invalid):
    """No address of that chain, or one whose checksum says that it was mistyped."""

    code = "bad_address"
    text = _("{address} is no address of {chain}. Copy it whole; capital and small letters matter.")


class UnknownChain(Invalid):
    """The desk pays on no chain of that name."""

    code = "unknown_chain"
    text = _("The desk knows no chain {chain}. Known are: {known}.")


class ForbiddenAddress(Invalid):
    """The zero address, a wallet of the desk, or a token's contract: money sent there is lost or goes round."""

    code = "forbidden_address"
    text = _("{address} belongs to nobody you can pay: it is empty, a token's contract, or the desk's own.")


def require_valid(chain: str, address: str) -> str:
    """
    The address without blanks around it, if it is one of that chain.

    :raises UnknownChain: no such chain.
    :raises BadAddress: another form, or a wrong checksum.
    :raises ForbiddenAddress: the zero address.
    """
    if chain not in CHAINS:
        raise UnknownChain(chain=chain, known=", ".join(sorted(CHAINS)))
    given = address.strip()
    is_valid, is_zero = CHAINS[chain]
    if is_zero(given):
        raise ForbiddenAddress(address=given)
    if not is_valid(given):
        raise BadAddress(address=given, chain=chain)
    return given


def is_evm(address: str) -> bool:
    """Whether it is an EVM address in the letters EIP-55 demands; all small or all capital ones do not pass."""
    return bool(EVM.fullmatch(address)) and address == eip55(address)


def eip55(address: str) -> str:
    """The address with the capital letters that are its checksum."""
    letters = address[2:].lower()
    digest = keccak.new(digest_bits=256, data=letters.encode()).hexdigest()
    return "0x" + "".join(
        letter.upper() if int(nibble, 16) >= EIGHT else letter for letter, nibble in zip(letters, digest, strict=False)
    )


def is_tron(address: str) -> bool:
    """Whether it is a TRON address with a right checksum."""
    try:
        return bool(tron_body(address))
    except ValueError:
        return False


def tron_body(address: str) -> bytes:
    """
    The 21 bytes that a TRON address stands for.

    :raises ValueError: another form, or a wrong checksum.
    """
    payload = _base58(address) if TRON.fullmatch(address) else b""
    body, checksum = payload[:-CHECKSUM_BYTES], payload[-CHECKSUM_BYTES:]
    if len(body) != TRON_BYTES or body[0] != TRON_PREFIX or _checksum(body) != checksum:
        raise ValueError("this is no TRON address")
    return body


def tron_address(body: bytes) -> str:
    """The address that stands for 21 bytes which begin with 0x41."""
    number, letters = int.from_bytes(body + _checksum(body), "big"), ""
    while number:
        number, letter = divmod(number, len(BASE58))
        letters = BASE58[letter] + letters
    return letters


def is_simulated(address: str) -> bool:
    """Whether the chain of the sandbox takes it."""
    return bool(SIMULATED.fullmatch(address))


def lookalikes(address: str, others: Iterable[str]) -> list[str]:
    """Other addresses that begin and end with the letters of this one: whoever compares the ends is deceived."""
    start, end = _ends(address)
    return [other for other in others if other != address and _ends(other) == (start, end)]


def _ends(address: str) -> tuple[str, str]:
    bare = address.removeprefix("0x").removeprefix("T").casefold()
    return bare[:LOOKED_AT], bare[-LOOKED_AT:]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(body).digest()).digest()[:CHECKSUM_BYTES]


def _base58(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * len(BASE58) + BASE58.index(letter)
    size = TRON_BYTES + CHECKSUM_BYTES
    return number.to_bytes(size, "big") if number.bit_length() <= size * 8 else b"\x00"


def _is_zero_evm(address: str) -> bool:
    return address.lower() == "0x" + "0" * 40


def _is_zero_tron(address: str) -> bool:
    return address == "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"  # 0x41 and twenty zero bytes


def _is_zero_simulated(address: str) -> bool:
    return not address.strip("0-")


type Test = Callable[[str], bool]
# How an address is checked, and which one is nobody's.
CHAINS: dict[str, tuple[Test, Test]] = {
    "ethereum": (is_evm, _is_zero_evm),
    "tron": (is_tron, _is_zero_tron),
    "simulated": (is_simulated, _is_zero_simulated),
}
