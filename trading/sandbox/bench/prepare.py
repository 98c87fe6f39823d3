"""What a race needs to know before it begins: `python -m trading.sandbox.bench.prepare PROCESSES` prints it as JSON."""

import json
import sys

from django.db import connection

from trading.sandbox.bench import ours, pattern  # `ours` first: it sets Django up
from trading.sandbox.bench.parties import know_what_it_is_worth, parties
from trading.sandbox.bench.trips import Trips


def main() -> None:
    """Give the pair a rate, trade once for each process, and count what one lifecycle says to the server."""
    know_what_it_is_worth()
    everybody = [parties(number) for number in range(int(sys.argv[1]))]
    values = [pattern.values(who) for who in everybody]
    trips = Trips(connection)
    ours.lifecycle(everybody[0], trips)
    print(json.dumps({"values": values, "said": trips.counted}))


if __name__ == "__main__":
    main()
