"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA-256), the newest key first, older ones still read."""

from functools import cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(clear: bytes) -> bytes:
    """With the newest key."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(clear)


def decrypt(sealed: bytes) -> bytes:
    """
    With whichever key it was encrypted with.

    :raises cryptography.fernet.InvalidToken: none of the configured keys fits.
    """
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(sealed)
