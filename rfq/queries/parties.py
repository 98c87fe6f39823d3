"""What one client or LP may read of the market. Each has a fixed number of queries."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Prefetch, Q, QuerySet, prefetch_related_objects

from rfq.models import Fill, Invitation, Pair, PartyEvent, Quote, Rfq, TradingTerms
from rfq.models.feed import oldest_running
from trading.lib.prepared import Given, Read
from users.models import Counterparty

ACTIVE = Quote.Status.ACTIVE
LIVE_QUOTES = Prefetch("quotes", Quote.objects.filter(status=ACTIVE), to_attr="live_quotes")
ASKED_LPS = Read(lambda: Counterparty.objects.filter(invitations__rfq=Given("rfq")).order_by("pk"))
CLIENT_RFQ = Read(lambda: _requests().filter(counterparty=Given("client"), ref=Given("ref")))
CLIENT_FILL = Read(lambda: trades().filter(client=Given("client"), pk=Given("pk")))
LP_QUOTE = Read(lambda: _offers().filter(lp=Given("lp"), pk=Given("pk")))


def pairs(client: Counterparty | None) -> list[tuple[Pair, TradingTerms | None]]:
    """The pairs that are traded, with the client's terms on each. Two queries."""
    found = list(Pair.objects.filter(is_enabled=True).select_related("quote_asset").order_by("code"))
    terms = {row.pair_id: row for row in TradingTerms.objects.filter(counterparty=client)} if client else {}
    return [(pair, terms.get(pair.pk)) for pair in found]


def client_rfqs(client: Counterparty) -> QuerySet[Rfq]:
    """The client's requests, each with its active quotes in `live_quotes`. Two queries."""
    return _requests().filter(counterparty=client).prefetch_related(LIVE_QUOTES)


def _requests() -> QuerySet[Rfq]:
    return Rfq.objects.select_related("pair__quote_asset", "destination", "fill")


def asked_of(lp: Counterparty) -> QuerySet[Rfq]:
    """The requests the LP was asked for a price on, with its own quotes (`own_quotes`) and `passed_at`. Two queries."""
    own = Quote.objects.filter(lp=lp).select_related("rfq").order_by("pk")
    rows = Rfq.objects.filter(invitations__lp=lp).annotate(passed_at=F("invitations__passed_at"))
    rows = rows.select_related("pair__quote_asset")
    return rows.prefetch_related(Prefetch("quotes", own, to_attr="own_quotes"))


def passed(lp: Counterparty, rfqs: Sequence[Rfq]) -> list[int]:
    """Which of these requests (their ids) the LP makes no price on. One query."""
    mine = Invitation.objects.filter(lp=lp, rfq__in=rfqs, passed_at__isnull=False)
    return list(mine.values_list("rfq", flat=True))


def is_live(now: datetime) -> Q:
    """Requests that can still be quoted."""
    return Q(status__in=Rfq.LIVE, expires_at__gt=now)


def asked_lps(rfq: Rfq) -> list[Counterparty]:
    """The LPs that were asked for a price. One query."""
    return ASKED_LPS.rows(rfq=rfq.pk)


def quotes_of(lp: Counterparty) -> QuerySet[Quote]:
    """The LP's own quotes. One query."""
    return _offers().filter(lp=lp)


def _offers() -> QuerySet[Quote]:
    return Quote.objects.select_related("rfq__pair__quote_asset")


def trades() -> QuerySet[Fill]:
    """All trades, with what is shown of them loaded."""
    return Fill.objects.select_related("rfq__pair__quote_asset", "quote", "settlement__reversal", "lp")


def fills_of(party: Counterparty) -> QuerySet[Fill]:
    """The party's trades, on its side of them. One query."""
    return trades().filter(lp=party) if party.kind == Counterparty.Kind.LP else trades().filter(client=party)


def client_rfq(client: Counterparty, ref: str) -> Rfq | None:
    """One of `client_rfqs`. Two queries."""
    found = CLIENT_RFQ.first(client=client.pk, ref=ref)
    if found is not None:
        prefetch_related_objects([found], LIVE_QUOTES)
    return found


def client_fill(client: Counterparty, pk: int) -> Fill:
    """The client's trade, as of `fills_of`. One query."""
    return CLIENT_FILL.one(client=client.pk, pk=pk)


def lp_quote(lp: Counterparty, pk: int) -> Quote:
    """The LP's quote, as of `quotes_of`. One query."""
    return LP_QUOTE.one(lp=lp.pk, pk=pk)


def place_of(party: Counterparty, ref: str) -> PartyEvent | None:
    """Find an event in the party's own feed. One query."""
    return PartyEvent.objects.filter(counterparty=party, ref=ref).first()


def events_after(party: Counterparty, place: PartyEvent | None, *, hidden: Sequence[str]) -> QuerySet[PartyEvent]:
    """
    The party's feed from that place on (all of it from None), as far as it cannot change any more. One query.

    :param hidden: kinds the reader may not see.
    """
    rows = PartyEvent.objects.filter(counterparty=party, transaction__lt=oldest_running()).exclude(kind__in=hidden)
    if place is not None:
        later = Q(transaction__gt=place.transaction) | Q(transaction=place.transaction, pk__gt=place.pk)
        rows = rows.filter(later, transaction__gte=place.transaction)
    return rows.order_by("transaction", "pk")
