"""
A process with the desk loaded that forks workers, to be killed: a line `<point> <kind>` starts one, its pid is said.

The point is where it kills itself (`tests.wallets.preloaded`), "none" for nowhere; the kind is `real`, `naive` (with
the planted mistake of that module) or `plain`. But for the plain ones, minutes that the desk lets pass for good manners
pass in seconds; how many they are makes no difference to what is proved.
"""

# ruff: noqa: PLC0415, T201 - Django has to be set up before its models are imported; what is printed is the protocol

import os
import signal
import sys
from datetime import timedelta

import django

CONCURRENCY = 4


def hurry() -> None:
    """Send again, replace and look again after seconds."""
    from settlement import rounds, tracking
    from settlement.operations import sending

    sending.SEND_AGAIN_AFTER = timedelta(seconds=2)
    tracking.STUCK_AFTER = timedelta(seconds=6)
    rounds.FOLLOWED_EVERY = timedelta(seconds=1)


def work(point: str, kind: str) -> None:
    """Be a worker."""
    from django.core.management import call_command

    from tests.wallets import preloaded

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if kind == "naive":
        preloaded.plant_mistake()
    if kind != "plain":
        hurry()
    preloaded.arm(point)
    call_command("worker", "--queues", "money,default", "--concurrency", str(CONCURRENCY))


def main() -> None:
    """Fork a worker for every line; whoever lives still ends with the last one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are gone at once
    django.setup()
    import settlement.wallets.evm  # noqa: F401
    import trading.bot.application  # noqa: F401

    for line in sys.stdin:
        point, kind = line.split()
        child = os.fork()
        if not child:
            try:
                work(point, kind)
            finally:
                os._exit(1)
        print(child, flush=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
