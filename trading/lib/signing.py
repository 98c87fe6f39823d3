"""
Ed25519 signatures of what the desk hands out. Which keys are the desk's, its environment says: nobody else can add one.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

KEY_ID_LENGTH = 16


class UnknownKey(Exception):
    """No key of the desk, now or before, has this id."""


@dataclass(frozen=True, slots=True)
class Signature:
    """64 bytes, and which key made them."""

    key: str
    value: bytes


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes."""
    return hashlib.sha256(public).hexdigest()[:KEY_ID_LENGTH]


def sign(content: bytes) -> Signature:
    """Sign with the present key. The same content has the same signature."""
    private = _private(settings.RECEIPT_SIGNING_KEY)
    return Signature(key_id(_public(private)), private.sign(content))


def keys() -> dict[str, bytes]:
    """The public keys the desk answers for, by id: the present one first."""
    present = _public(_private(settings.RECEIPT_SIGNING_KEY))
    return {key_id(public): public for public in (present, *settings.RECEIPT_OLD_KEYS)}


def is_signed(content: bytes, signature: Signature) -> bool:
    """
    Whether this key of the desk signed exactly this.

    :raises UnknownKey: it is no key of the desk.
    """
    public = keys().get(signature.key)
    if public is None:
        raise UnknownKey(signature.key)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature.value, content)
    except InvalidSignature:
        return False
    return True


def pem(public: bytes) -> str:
    """A public key as OpenSSL reads it."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
