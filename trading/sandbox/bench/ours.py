"""One process that trades through the desk's operations: `python -m trading.sandbox.bench.ours NUMBER SECONDS`."""

import os
import sys
from functools import partial
from typing import NoReturn

import django
from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trading.settings")
django.setup()

from rfq import operations as rfq_operations  # noqa: E402 - only once Django is there
from rfq.models import Quote  # noqa: E402
from rfq.operations import RfqRequest  # noqa: E402
from rfq.operations.requesting import TO_BALANCE  # noqa: E402
from settlement import operations as settlement_operations  # noqa: E402
from settlement.models import Settlement  # noqa: E402
from trading.lib import clock  # noqa: E402
from trading.lib.ids import new_ref  # noqa: E402
from trading.sandbox.bench import pace  # noqa: E402
from trading.sandbox.bench.pace import Lap, Stopwatch  # noqa: E402
from trading.sandbox.bench.parties import AMOUNT, BEST, PRICES, Parties, parties  # noqa: E402


class NotSettled(Exception):
    """A lifecycle did not end with the money delivered; says where it stands."""


def lifecycle(who: Parties, lap: Lap = Stopwatch()) -> Settlement:  # noqa: B008 - nobody reads that one
    """
    Ask, quote three times, accept the best, and deliver to the client's balance.

    :raises NotSettled: it was not delivered.
    """
    own = new_ref("BEN")
    with lap("create_rfq"):
        request = RfqRequest(who.pair.code, "buy", AMOUNT, who.pair.quote_asset_id, own, TO_BALANCE)
        rfq = rfq_operations.create_rfq(actor=who.trader, request=request, now=clock.now())
    quotes: list[Quote] = []
    for number, (dealer, price) in enumerate(zip(who.dealers, PRICES, strict=True)):
        with lap("submit_quote"):
            quotes.append(
                rfq_operations.submit_quote(
                    rfq_ref=rfq.ref, price=price, actor=dealer, key=f"{own}-{number}", now=clock.now()
                )
            )
    with lap("accept_quote"):
        fill = rfq_operations.accept_quote(quote_ref=quotes[BEST].ref, actor=who.trader, key=own, now=clock.now())
    with lap("pay"):
        settlement = settlement_operations.pay(settlement_id=fill.settlement_id, signer=_never, now=clock.now())
    if settlement.status != Settlement.Status.SETTLED:
        raise NotSettled(f"{settlement.ref} is {settlement.status} ({settlement.reason})")
    return settlement


def _never(*_arguments: object) -> NoReturn:
    raise NotSettled("What goes to a balance asks for no signature.")


def main() -> None:
    """Trade for so many seconds."""
    who = parties(int(sys.argv[1]))
    with connection.cursor() as cursor:
        pace.run(partial(lifecycle, who), float(sys.argv[2]), say=cursor.execute)


if __name__ == "__main__":
    main()
