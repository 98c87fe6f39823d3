"""What the lists of chains in the settings have in common: `EVM_CHAINS` and `TRON_CHAINS`, JSON lists of objects."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured

from settlement import addresses

CODE_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
HTTP = re.compile(r"https?://", re.ASCII)


class Named(Protocol):
    """A chain that was read."""

    @property
    def name(self) -> str:
        """Its word."""


@dataclass(frozen=True, slots=True)
class Row:
    """One chain as the setting has it; what it says wrong is told by the chain's name and without its values."""

    setting: str
    fields: Mapping[str, object]

    @property
    def name(self) -> str:
        """The chain's word."""
        return str(self.fields.get("chain", ""))

    def must_be(self, is_address: Callable[[str], bool], kind: str, *, known: Collection[str]) -> None:
        """Check that the desk knows the chain's addresses as of this kind, and every field."""
        if unknown := sorted(set(self.fields) - set(known)):
            raise self.wrong(f"nobody knows {', '.join(unknown)}")
        if addresses.CHAINS.get(self.name, ("", ""))[0] is not is_address:
            raise self.wrong(f"`chain` is no {kind} whose addresses the desk knows")

    def text(self, field: str) -> str:
        """The field as text; "" where it is not given."""
        return str(self.fields.get(field, ""))

    def token(self, is_address: Callable[[str], bool]) -> tuple[str, str]:
        """The token's address and the hash of its code."""
        token, code_hash = self.text("token"), self.text("code_hash")
        if not is_address(token):
            raise self.wrong("`token` is no address with a right checksum")
        if not CODE_HASH.fullmatch(code_hash):
            raise self.wrong("`code_hash` is the keccak-256 of the token's code, 0x and 64 small hexadecimal digits")
        return token, code_hash

    def number(self, field: str, default: int | None = None) -> int:
        """A whole number from 1; the field must be given where it has no default."""
        value = self.fields.get(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.wrong(f"`{field}` is a whole number from 1")
        return value

    def wrong(self, why: str) -> ImproperlyConfigured:
        """What to raise."""
        return ImproperlyConfigured(f"{self.setting}, {self.name or 'a chain without a name'}: {why}.")


def by_name[C: Named](setting: str, rows: Sequence[Mapping[str, object]], read: Callable[[Row], C]) -> dict[str, C]:
    """
    The chains of a setting, by name.

    :raises ImproperlyConfigured: one of them makes no sense; says which and why.
    """
    chains = [read(Row(setting, fields)) for fields in rows]
    if len({chain.name for chain in chains}) < len(chains):
        raise ImproperlyConfigured(f"{setting} names a chain twice.")
    return {chain.name: chain for chain in chains}
