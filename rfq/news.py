"""
From audit events of one RFQ to what each party is told of them.

Rows say what happened in words of that party's own; `rfq/shown.py` decides what each may see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rfq import shown
from rfq.models import FeedMark, Fill, PartyEvent, Quote, Rfq
from rfq.queries import parties
from settlement.shown import state_for_lp
from trading.lib.prepared import Given, Read
from users.models import AuditEvent, Counterparty

ASKED, CLOSED, BOOKED = "rfq.asked", "rfq.closed", "fill.booked"
BEST_CHANGED, SETTLEMENT_CHANGED = "quote.best_changed", "settlement.changed"
CREATED, CANCELLED, EXPIRED = "rfq.created", "rfq.cancelled", "rfq.expired"
TO_ITS_LP = ("quote.entered", "quote.pulled", "quote.expired")
TELLING = (CREATED, CANCELLED, EXPIRED, "quote.submitted", "quote.confirmed", *TO_ITS_LP, BOOKED)


@dataclass(slots=True, frozen=True)
class Story:
    """One RFQ as it stands, who was asked, and how far it was told."""

    rfq: Rfq
    quotes: list[Quote]
    fill: Fill | None
    mark: FeedMark
    now: datetime
    asked: list[Counterparty]

    @property
    def refs(self) -> list[str]:
        """The refs its audit events are recorded under."""
        fill = [self.fill.ref, self.fill.settlement.ref] if self.fill else []
        return [self.rfq.ref, *(quote.ref for quote in self.quotes), *fill]

    def rows(self, events: list[AuditEvent]) -> list[PartyEvent]:
        """These events, in order; then where best price and settlement stand now, if they moved."""
        told = [row for event in events for row in self._told(event)]
        at = events[-1].at
        return [*told, *self._best_changed(at), *self._settlement_changed(at)]

    def _told(self, event: AuditEvent) -> Iterator[PartyEvent]:
        client = self.rfq.counterparty
        if event.name == CREATED:
            yield self._row(client, event.name, self.rfq.ref, shown.client_rfq(self.rfq), event.at)
            for lp in self.asked:
                yield self._row(lp, ASKED, self.rfq.ref, shown.lp_rfq(self.rfq), event.at)
        elif event.name in TO_ITS_LP:
            quote = next(quote for quote in self.quotes if quote.ref == event.subject_ref)
            yield self._row(quote.lp, event.name, quote.ref, self._own(quote), event.at)
        elif event.name == BOOKED and self.fill:
            yield self._row(client, BOOKED, self.fill.ref, shown.client_fill(self.fill), event.at)
            yield self._row(self.fill.lp, BOOKED, self.fill.ref, shown.lp_fill(self.fill), event.at)
            yield from self._closed(event.at)
        elif event.name in {CANCELLED, EXPIRED}:
            yield self._row(client, event.name, self.rfq.ref, {"client_rfq_id": self.rfq.client_rfq_id}, event.at)
            yield from self._closed(event.at)

    def _closed(self, at: datetime) -> Iterator[PartyEvent]:
        """To each LP that was asked: what became of its own last quote, whatever else became of the RFQ."""
        for lp in self.asked:
            own = shown.latest(quote for quote in self.quotes if quote.lp_id == lp.pk)
            told = self._own(own) if own else {}
            data = {name: told.get(name) for name in ("quote", "status", "outcome")}
            yield self._row(lp, CLOSED, self.rfq.ref, data, at)

    def _best_changed(self, at: datetime) -> Iterator[PartyEvent]:
        if self.rfq.status not in Rfq.LIVE:
            return
        best = next(iter(shown.ranked(self.rfq, self.quotes, now=self.now)), None)
        ref = best.ref if best else ""
        if ref == self.mark.best_quote:
            return
        self.mark.best_quote = ref
        data = {
            "client_rfq_id": self.rfq.client_rfq_id,
            "best": shown.client_quote(best, self.rfq.pair) if best else None,
        }
        yield self._row(self.rfq.counterparty, BEST_CHANGED, self.rfq.ref, data, at)

    def _settlement_changed(self, at: datetime) -> Iterator[PartyEvent]:
        if self.fill is None:
            return
        settlement, before = self.fill.settlement, self.mark.settlement_status
        if settlement.status == before:
            return
        self.mark.settlement_status = settlement.status
        data = {"fill": self.fill.ref, "status": settlement.status}
        yield self._row(self.rfq.counterparty, SETTLEMENT_CHANGED, settlement.ref, data, at)
        state = state_for_lp(settlement.status)
        if state != state_for_lp(before):
            data = {"fill": self.fill.ref, "status": state}
            yield self._row(self.fill.lp, SETTLEMENT_CHANGED, settlement.ref, data, at)

    def _own(self, quote: Quote) -> shown.Shown:
        return shown.lp_quote(quote, self.rfq.pair, now=self.now)

    def _row(self, party: Counterparty, kind: str, subject: str, data: shown.Shown, at: datetime) -> PartyEvent:
        return PartyEvent(
            counterparty=party,
            kind=kind,
            subject=subject,
            data={"rfq": self.rfq.ref} | data,
            at=at,
            written_at=self.now,
        )


RFQ = Read(
    lambda: Rfq.objects.select_related("counterparty", "pair__quote_asset", "destination").filter(pk=Given("pk"))
)
QUOTES = Read(lambda: Quote.objects.filter(rfq=Given("rfq")).select_related("lp", "rfq").order_by("pk"))
FILL = Read(lambda: parties.trades().filter(rfq=Given("rfq")))


def story_of(rfq: Rfq, mark: FeedMark, *, now: datetime) -> Story:
    """Read an RFQ as it stands, and who was asked. Four queries."""
    quotes, fill = QUOTES.rows(rfq=rfq.pk), FILL.first(rfq=rfq.pk)
    return Story(RFQ.one(pk=rfq.pk), quotes, fill, mark, now, parties.asked_lps(rfq))
