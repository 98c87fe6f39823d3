"""`manage.py wallet_check`: whether a wallet could pay now. Read only."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from settlement import chains, tron_chains
from settlement.models import Wallet
from settlement.wallets.facts import Fact


class Command(BaseCommand):
    help = "Look at the wallets on real chains: nodes, token, balance, nonce, fees, key. Changes and sends nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name", nargs="*", help="wallets; all on the chains of EVM_CHAINS and TRON_CHAINS by default"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        known = {*chains.configured(), *tron_chains.configured()}
        found = Wallet.objects.select_related("account__balance").order_by("name")
        found = found.filter(name__in=options["name"]) if options["name"] else found.filter(chain__in=known)
        if not found:
            raise CommandError("There is no such wallet on a chain of EVM_CHAINS or TRON_CHAINS.")
        faults = 0
        for wallet in found:
            if wallet.chain not in known:
                raise CommandError(
                    f"{wallet.name} is on {wallet.chain}, which neither EVM_CHAINS nor TRON_CHAINS names."
                )
            for fact in _facts_about(wallet):
                faults += bool(fact.fault)
                words = f"FAULT {fact.fault}" if fact.fault else "ok"
                self.stdout.write(f"{fact.name:<12} {' · '.join(filter(None, [fact.value, words]))}")
        if faults:
            raise CommandError(f"{faults} faults.")


def _facts_about(wallet: Wallet) -> Iterator[Fact]:
    if wallet.chain in tron_chains.configured():
        from settlement.wallets.tron import facts_about as about_tron  # noqa: PLC0415 - a second, only for who looks

        return about_tron(wallet)
    from settlement.wallets.evm import facts_about as about_evm  # noqa: PLC0415 - likewise

    return about_evm(wallet)
