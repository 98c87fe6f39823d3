"""
The form of a receipt, and how one is checked. Nothing in what was handed in is run or unpacked.

Signed are the facts as canonical JSON (`canonical`). A JSON receipt is an envelope around them with key and
signature. A PDF receipt carries that envelope, stored as it is, and ends in a line that seals every byte before it.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trading.lib import signing
from trading.lib.signing import Signature, UnknownKey

FORMAT = "usdt-desk-receipt"
LONGEST = 1_000_000
SEAL_DOMAIN = b"usdt-desk-paper\x00"
SEAL = re.compile(rb"\n%usdt-desk-seal ([0-9a-f]{16}) ([A-Za-z0-9+/=]{88})\n\Z")
INSIDE = re.compile(rb'stream\r?\n(\{"format":"usdt-desk-receipt"[^\r\n]*\})\r?\nendstream')
PDF_BEGINS = b"%PDF-"
SIGNATURE_BYTES = 64


class Verdict(StrEnum):
    """What a check finds."""

    VALID = "valid"
    ALTERED = "altered"
    UNKNOWN_KEY = "unknown_key"
    NOT_A_RECEIPT = "not_a_receipt"


@dataclass(frozen=True, slots=True)
class Found:
    """A verdict, and what the receipt says (which means something only where it is valid)."""

    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    content: bytes = b""


def canonical(facts: Any) -> bytes:
    """Facts as they are signed: JSON with sorted keys, no blanks, in UTF-8."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def wrap(content: bytes, signature: Signature) -> bytes:
    """The envelope around signed facts: one line of JSON."""
    envelope = {
        "format": FORMAT,
        "key": signature.key,
        "receipt": json.loads(content),
        "signature": base64.b64encode(signature.value).decode(),
    }
    return canonical(envelope)


def seal(paper: bytes) -> bytes:
    """Add the line that seals every byte before it."""
    made = signing.sign(SEAL_DOMAIN + paper)
    return paper + f"\n%usdt-desk-seal {made.key} {base64.b64encode(made.value).decode()}\n".encode()


def check(content: bytes) -> Found:
    """Check a receipt: a PDF as it was handed out, or the JSON inside it."""
    if len(content) > LONGEST:
        return Found(Verdict.NOT_A_RECEIPT)
    if not content.lstrip().startswith(PDF_BEGINS):
        return _check_envelope(content)
    inside = INSIDE.findall(content)
    if len(inside) != 1:
        return Found(Verdict.NOT_A_RECEIPT)
    found = _check_envelope(inside[0])
    if found.verdict != Verdict.VALID:
        return found
    return Found(_check_seal(content), found.facts, found.key, found.content)


def _check_seal(content: bytes) -> Verdict:
    line = SEAL.search(content)
    if line is None:
        return Verdict.ALTERED
    return _judge(SEAL_DOMAIN + content[: line.start()], line[1].decode(), line[2].decode())


def _check_envelope(content: bytes) -> Found:
    try:
        envelope = json.loads(content.decode("utf-8-sig"))
        facts, key, signature = envelope["receipt"], envelope["key"], envelope["signature"]
        is_one = envelope["format"] == FORMAT and isinstance(facts, dict) and isinstance(facts["receipt"], str)
        signed = canonical(facts)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Found(Verdict.NOT_A_RECEIPT)
    if not is_one or not isinstance(key, str) or not isinstance(signature, str):
        return Found(Verdict.NOT_A_RECEIPT)
    return Found(_judge(signed, key, signature), facts, key, signed)


def _judge(content: bytes, key: str, signature: str) -> Verdict:
    try:
        value = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return Verdict.ALTERED
    try:
        is_whole = len(value) == SIGNATURE_BYTES and signing.is_signed(content, Signature(key, value))
    except UnknownKey:
        return Verdict.UNKNOWN_KEY
    return Verdict.VALID if is_whole else Verdict.ALTERED
