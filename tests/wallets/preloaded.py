"""
A worker that kills itself with `kill -9` at a chosen point: `python -m tests.wallets.preloaded`.

Imports everything once and forks a real worker (`manage.py worker`) for each line of its input: "<point> <kind>". Says
"pid <number>" when it runs and "ended <status>" when it is dead. `kind` is the desk as it is, or `naive`: one with a
planted mistake that signs anew whatever it does not know to be sent, as many payout workers do.
"""

# ruff: noqa: PLC0415, T201 - Django has to be set up before its models are imported; what is printed is the protocol

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

POINTS = ("nonce_drawn", "signed", "committed", "sent", "marked", "posted", "final")


def die() -> None:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_before(owner: Any, name: str) -> None:
    setattr(owner, name, lambda *_args, **_kwargs: die())


def kill_after(owner: Any, name: str, when: Callable[[Any], bool] = lambda _result: True) -> None:
    original = getattr(owner, name)

    def and_die(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if when(result):
            die()
        return result

    setattr(owner, name, and_die)


def kill_on_event(event: str) -> None:
    from users import audit

    original = audit.record

    def and_die(name: str, **kwargs: Any) -> Any:
        result = original(name, **kwargs)
        if name == event:
            die()
        return result

    audit.record = and_die


def port_class() -> Any:
    """What pays on the chain that this process was told of."""
    from settlement import tron_chains
    from settlement.wallets.evm import EvmWallet
    from settlement.wallets.tron import TronWallet

    return TronWallet if tron_chains.configured() else EvmWallet


def arm(point: str) -> None:
    """Have the worker die at the point; at "none" it lives."""
    from settlement import operations
    from settlement.models import Transfer

    port = port_class()
    if point == "nonce_drawn":
        kill_before(port, "sign")
    elif point == "signed":
        kill_after(port, "sign")
    elif point == "committed":
        kill_before(port, "send")
    elif point == "sent":
        kill_after(port, "send")
    elif point == "marked":
        kill_after(operations, "record_broadcast")
    elif point == "posted":
        kill_on_event("settlement.settled")
    elif point == "final":
        kill_after(operations, "record_receipt", lambda transfer: transfer.status == Transfer.Status.FINAL)


def plant_mistake() -> None:
    """Sign with the nonce that the chain has next, instead of sending what is stored."""
    from settlement import operations, tasks
    from settlement.models import Transfer
    from settlement.wallets.base import Payment
    from settlement.wallets.evm import EvmWallet
    from trading.lib import clock

    def send(wallet_id: int) -> None:
        waiting = Transfer.objects.filter(wallet=wallet_id, status=Transfer.Status.SIGNED)
        for transfer in waiting.select_related("wallet").order_by("nonce"):
            pay_anew(transfer)

    def pay_anew(transfer: Transfer) -> None:
        port = EvmWallet(transfer.wallet)
        to_address, minor = transfer.to_address, int(transfer.amount_minor)
        nonce = port.nodes.first().eth.get_transaction_count(port.address, "pending")
        signed = port.sign(
            Payment(to_address, minor, nonce), port.look(to_address=to_address, amount_minor=minor).terms
        )
        port.send([signed.raw])
        operations.record_broadcast(answers={transfer.pk: "sent"}, now=clock.now())

    tasks.send.func = send


def work(point: str, kind: str) -> None:
    """Be a worker."""
    from django.core.management import call_command

    if kind == "naive":
        plant_mistake()
    arm(point)
    call_command("worker", "--queues", "money", "--concurrency", "1")


def main() -> None:
    """Fork a worker for every line."""
    django.setup()
    import settlement.wallets.evm  # noqa: F401
    import trading.bot.application  # noqa: F401

    for line in sys.stdin:
        point, kind = line.split()
        child = os.fork()
        if not child:
            work(point, kind)
            os._exit(0)
        print(f"pid {child}", flush=True)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}", flush=True)


if __name__ == "__main__":
    main()
