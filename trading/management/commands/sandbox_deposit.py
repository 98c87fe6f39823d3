"""`manage.py sandbox_deposit`: USDT from outside to a wallet, so that the watcher can be seen at work. Sandbox only."""

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.lib.money import USDT, InexactAmount, Money
from trading.sandbox import arriving


class Command(BaseCommand):
    help = "Send USDT to a wallet of the sandbox, from a client's approved address or from a stranger's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("amount", help="in USDT, as in 1500.25")
        parser.add_argument(
            "--wallet", default="", help="its name; by default the first on a chain that clients send from"
        )
        parser.add_argument("--client", default="", help="from the approved address of this one (CPY-…)")
        parser.add_argument("--sender", default="", help="from this address instead: a stranger's goes to suspense")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.IS_SANDBOX:
            raise CommandError("Only in the sandbox: nobody else's USDT can be sent anywhere else.")
        try:
            wallet = arriving.wallet_of(options["wallet"])
            minor = Money(Decimal(options["amount"]), USDT).minor
            if minor <= 0:
                raise CommandError("Send more than nothing.")
            sender = options["sender"] or arriving.address_of(wallet, client=options["client"])
            tx_hash = arriving.send(wallet, sender=sender, minor=minor)
        except (InvalidOperation, InexactAmount) as error:
            raise CommandError(f"{options['amount']} is no amount of USDT.") from error
        except arriving.NotHere as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['amount']} USDT from {sender} to {wallet.name}: {tx_hash}")
        self.stdout.write("The watcher looks every minute: see Deposits in the console.")
