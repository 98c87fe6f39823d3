"""Who trades in a bench, and on what terms: read once, before anything is measured."""

from dataclasses import dataclass
from decimal import Decimal

from rfq import operations as rfq_operations
from rfq.models import Pair, ReferencePolicy
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from trading.lib import clock
from trading.sandbox.people import PEOPLE, Part
from users.models import User

PAIR = "USDT/EUR"
AMOUNT = Decimal("100.00")  # of the pair's fiat: small, so that balances and the day's limits last
MID = Decimal("0.9200")
PRICES = (Decimal("0.9210"), Decimal("0.9200"), Decimal("0.9220"))  # the second quote is the best
BEST = 1
AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Parties:
    """A client's trader, the dealers of three LPs, and the pair."""

    trader: User
    dealers: tuple[User, ...]
    pair: Pair


def parties(number: int) -> Parties:
    """
    The parties of one process: each has a client of its own, as far as there are some, and all have the same LPs.

    :param number: from 0.
    """
    traders = [one.username for one in PEOPLE if one.part == Part.TRADER]
    dealers = [one.username for one in PEOPLE if one.part == Part.LP]
    people = User.objects.select_related("counterparty").in_bulk([*traders, *dealers], field_name="username")
    pair = Pair.objects.select_related("quote_asset").get(code=PAIR)
    return Parties(people[traders[number % len(traders)]], tuple(people[name] for name in dealers), pair)


def know_what_it_is_worth() -> None:
    """A reference rate that outlasts the bench: nothing that fetches rates runs beside it."""
    pair = Pair.objects.get(code=PAIR)
    ReferencePolicy.objects.filter(pair=pair).update(max_age_seconds=AN_HOUR)
    now = clock.now()
    answers = [Answer(name, (Tick(pair.code, MID, now),)) for name in ("one", "two")]
    rfq_operations.take_rates(answers=answers, now=now)
