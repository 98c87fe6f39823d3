"""Encrypting what is kept encrypted anew, after a new key was put in front of `FIELD_ENCRYPTION_KEYS`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db.models import Model, QuerySet

from users.encryption import decrypt, encrypt
from users.models import TotpDevice

FIELDS: tuple[tuple[type[Model], str], ...] = ((TotpDevice, "secret"),)
BATCH = 500


@dataclass(slots=True)
class Rotated:
    """What came of it: how many were encrypted anew, were so already, and could not be read (named)."""

    renewed: int = 0
    current: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate(*, using: str) -> Rotated:
    """
    Encrypt every field with the newest key. May be broken off and run again: what is done stays done.

    :param using: the connection of the role that owns the tables; the database lets no other touch a secret.
    """
    found = Rotated()
    for model, name in FIELDS:
        for pk, old in _rows(model, name, using):
            rows = model._default_manager.using(using).filter(pk=pk, **{name: old})
            _renew(rows, name, old, found)
    return found


def _renew(rows: QuerySet[Any], name: str, old: bytes, found: Rotated) -> None:
    """One row, if it still holds what was read: somebody may enrol anew in between."""
    if _is_current(old):
        found.current += 1
        return
    try:
        new = encrypt(decrypt(old))
    except InvalidToken:
        found.unreadable += [f"{rows.model._meta.db_table} {pk}" for pk in rows.values_list("pk", flat=True)]
        return
    found.renewed += rows.update(**{name: new})


def _rows(model: type[Model], name: str, using: str) -> Iterator[tuple[int, bytes]]:
    last = 0
    while rows := list(
        model._default_manager.using(using).filter(pk__gt=last).order_by("pk").values_list("pk", name)[:BATCH]
    ):
        for pk, value in rows:
            yield pk, bytes(value)
        last = rows[-1][0]


def _is_current(sealed: bytes) -> bool:
    """Whether the newest key alone reads it."""
    try:
        Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).decrypt(sealed)
    except InvalidToken:
        return False
    return True
