"""Many of the same, written set by set: what a test of numbers needs before it begins."""

from copy import copy
from datetime import timedelta

from rfq.models import Invitation, Quote, Rfq
from settlement.models import PayoutAddress
from tests import factories
from tests.factories import Market, unique
from trading.lib import clock
from trading.lib.ids import new_ref

AT_ONCE = 500
LIFE = timedelta(hours=1)


def quoted(
    market: Market, number: int, *, side: str = "buy", amount: str = "100", to: PayoutAddress | None = None
) -> list[Quote]:
    """
    So many RFQs of the market's client with one firm quote each, all alike, open for an hour.

    One comes by the real operations; the others are its copies, each with references and keys of its own.

    :param to: where bought USDT goes; to the client's balance without it.
    """
    first = factories.quote(factories.rfq(market, side=side, amount=amount, to_balance=True), market.leo)
    rfq, now = Rfq.objects.get(pk=first.rfq_id), clock.now()
    asked: list[Rfq] = []
    for _each in range(number):
        made = _copy(rfq, ref=new_ref("RFQ"), client_rfq_id=unique("rfq"), expires_at=now + LIFE)
        made.status, made.destination = Rfq.Status.OPEN, to
        asked.append(made)
    Rfq.objects.bulk_create(asked, batch_size=AT_ONCE)
    lps = list(rfq.invitations.values_list("lp", flat=True))
    Invitation.objects.bulk_create(
        [Invitation(rfq=made, lp_id=lp, invited_at=now) for made in asked for lp in lps], batch_size=AT_ONCE
    )
    quotes = [
        _copy(first, ref=new_ref("QTE"), rfq_id=made.pk, idempotency_key=unique("quote"), valid_until=now + LIFE)
        for made in asked
    ]
    Quote.objects.bulk_create(quotes, batch_size=AT_ONCE)
    Rfq.objects.filter(pk__in=[made.pk for made in asked]).update(status=Rfq.Status.QUOTED)
    return quotes


def _copy[R: (Rfq, Quote)](row: R, **changes: object) -> R:
    made = copy(row)
    made._state = copy(row._state)
    made._state.adding, made._state.fields_cache = True, {}
    made.pk = None
    for name, value in changes.items():
        setattr(made, name, value)
    return made
