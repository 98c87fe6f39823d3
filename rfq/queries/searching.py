"""What a search across rooms finds of RFQs, disputes and pairs. At most one query each."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from rfq.models import Dispute, Fill, Pair, Quote, Receipt, Rfq
from rfq.queries.disputes import SCOPE
from trading.lib.hits import MOST, Hit, Source, is_ref
from users.models import User
from users.queries.scopes import within


def _rfqs(text: str, reader: User) -> Iterator[Hit]:
    """By its own ref or the beginning of it; by a quote's, a trade's or a receipt's whole one."""
    ref = text.upper()
    wanted = {
        "RFQ": Q(ref__startswith=ref),
        "QTE": Q(pk__in=Quote.objects.filter(ref=ref).values("rfq")),
        "FIL": Q(pk__in=Fill.objects.filter(ref=ref).values("rfq")),
        "RCT": Q(pk__in=Receipt.objects.filter(ref=ref).values("fill__rfq")),
    }
    if not is_ref(text, *wanted):
        return
    rows: QuerySet[Rfq] = Rfq.objects.filter(within(reader, "counterparty"), wanted[ref.partition("-")[0]])
    for row in rows.select_related("counterparty", "pair").order_by("-pk")[:MOST]:
        is_exact = not ref.startswith("RFQ-") or row.ref == ref
        yield Hit("rfq:detail", (row.ref,), row.ref, f"{row.counterparty.name} · {row.pair.code}", is_exact)


def _disputes(text: str, reader: User) -> Iterator[Hit]:
    if not is_ref(text, "DSP"):
        return
    rows = Dispute.objects.filter(within(reader, SCOPE), ref__startswith=text.upper()).select_related("party", "fill")
    for row in rows.order_by("-pk")[:MOST]:
        yield Hit("rfq:dispute", (row.ref,), row.ref, f"{row.party.name} · {row.fill.ref}", row.ref == text.upper())


def _pairs(text: str, _reader: User) -> Iterator[Hit]:
    for row in Pair.objects.filter(code__icontains=text).order_by("code")[:MOST]:
        yield Hit("rfq:pair", (row.quote_asset_id,), row.code, is_exact=row.code == text.upper())


SOURCES = (
    Source(_("RFQs"), "rfq.view", _rfqs),
    Source(_("Disputes"), "dispute.view", _disputes),
    Source(_("Pairs"), "market.view", _pairs),
)
