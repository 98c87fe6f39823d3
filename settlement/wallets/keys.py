"""
The keys of wallets, secp256k1: an encrypted keystore (Web3 Secret Storage) and its passphrase, in two folders.

`WALLET_KEYS` holds `<wallet>.json`, `WALLET_PASSPHRASES` holds `<wallet>.txt`. Only the process that signs is given
both. A key is decrypted once in a process, before the first transaction that needs it (scrypt takes about a second).
"""

import json
import os
import secrets
import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from settlement.wallets.base import CannotSign

READABLE_BY_OTHERS = stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where a wallet's key is."""

    keystore: Path
    passphrase: Path

    @classmethod
    def of(cls, wallet_name: str) -> "KeyFiles":
        """
        The files of a wallet, in the folders of the settings.

        :raises CannotSign: this process was given no keys.
        """
        if not settings.WALLET_KEYS or not settings.WALLET_PASSPHRASES:
            raise CannotSign("WALLET_KEYS and WALLET_PASSPHRASES are not set here: this process does not sign")
        keystore = Path(settings.WALLET_KEYS) / f"{wallet_name}.json"
        return cls(keystore, Path(settings.WALLET_PASSPHRASES) / f"{wallet_name}.txt")

    def address(self) -> str:
        """
        The address in the keystore, without decrypting it.

        :raises CannotSign: there is no such keystore.
        """
        try:
            return str(to_checksum_address(json.loads(self.keystore.read_text())["address"]))
        except (OSError, ValueError, KeyError) as error:
            raise CannotSign(f"{self.keystore} cannot be read: {error}") from error

    def account(self) -> LocalAccount:
        """
        The decrypted key; decrypted once in this process.

        :raises CannotSign: a file is missing or open to others, or the passphrase is another's.
        """
        return _decrypted(self)


@cache
def _decrypted(files: KeyFiles) -> LocalAccount:
    try:
        for path in (files.keystore, files.passphrase):
            if path.stat().st_mode & READABLE_BY_OTHERS:
                raise CannotSign(f"{path} is open to everybody on this machine: chmod o-rwx it")
        key = Account.decrypt(json.loads(files.keystore.read_text()), files.passphrase.read_text().strip())
    except (OSError, ValueError, KeyError) as error:
        raise CannotSign(f"{files.keystore} does not open: {error}") from error
    account: LocalAccount = Account.from_key(key)
    return account


def make_key(files: KeyFiles) -> str:
    """
    Make a key and its passphrase; the answer is the address. Files that exist are never written over.

    :raises FileExistsError: one of them is there.
    """
    for path in (files.keystore, files.passphrase):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            raise FileExistsError(str(path))
    account, passphrase = Account.create(), secrets.token_urlsafe(32)
    _write(files.passphrase, passphrase + "\n")
    _write(files.keystore, json.dumps(account.encrypt(passphrase)) + "\n")
    return str(account.address)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
