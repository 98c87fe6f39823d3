"""`manage.py wallet_new`: a key nobody has seen, and its wallet in the books."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import RegexValidator

from settlement import chains, operations, tron_chains
from settlement.models import Asset, Wallet
from settlement.wallets.base import CannotSign
from trading.lib import clock
from trading.lib.money import USDT

plain_name = RegexValidator(r"^[a-z0-9][a-z0-9-]{0,26}$")


class Command(BaseCommand):
    help = (
        "Make a hot wallet: an encrypted key in WALLET_KEYS, its passphrase in WALLET_PASSPHRASES, and an empty, open "
        "wallet in the books. It pays nothing before it is funded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="small letters, digits, hyphens; cannot be changed later")
        parser.add_argument("--chain", required=True, help="one of EVM_CHAINS or TRON_CHAINS")

    def handle(self, *_args: Any, **options: Any) -> None:
        from settlement.wallets.keys import KeyFiles, make_key  # noqa: PLC0415 - a second, only for who makes one
        from settlement.wallets.tron import address_of  # noqa: PLC0415 - likewise

        name, chain = options["name"], options["chain"]
        try:
            plain_name(name)
        except ValidationError:
            raise CommandError(f"{name} is no name for a wallet: small letters, digits, hyphens, 27 at most.") from None
        known = [*chains.configured(), *tron_chains.configured()]
        if chain not in known:
            names = ", ".join(known) or "none"
            raise CommandError(f"Neither EVM_CHAINS nor TRON_CHAINS names {chain}; they name: {names}.")
        asset = Asset.objects.filter(code=USDT.code).first()
        if asset is None:
            raise CommandError("There is no USDT in the books yet: run manage.py seed first.")
        if Wallet.objects.filter(name=name).exists():
            raise CommandError(f"There is a wallet {name} already.")
        try:
            files = KeyFiles.of(name)
            address = make_key(files)
            if chain in tron_chains.configured():
                address = address_of(address)
        except CannotSign as error:
            raise CommandError(f"{error}. Set both where the keys are to be.") from error
        except FileExistsError as error:
            raise CommandError(f"{error} exists; a key is never written over.") from error
        operations.open_wallet(name=name, chain=chain, address=address, asset=asset, now=clock.now())
        self.stdout.write(
            f"{name} on {chain}: {address}\n"
            f"Back up {files.keystore} and {files.passphrase}, apart from each other: nobody can make them again.\n"
            "Send it the chain's coin for fees, then USDT; see docs/wallets.md."
        )
