"""Taking RFQs and fills away as a table."""

from collections.abc import Iterator
from datetime import date

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from rfq import operations
from rfq.models import Fill, Rfq
from rfq.queries import history
from rfq.queries.history import Choice
from rfq.views.rfqs import criteria_of
from trading.lib import clock, sheets
from users import access
from users.access import console

RFQ_COLUMNS = (
    "ref",
    "client",
    "requested_by",
    "entered_by",
    "client_rfq_id",
    "pair",
    "side",
    "base_amount",
    "quote_amount",
    "currency",
    "markup_bps",
    "status",
    "refusal",
    "quotes",
    "fill",
    "created_at",
    "expires_at",
)
FILL_COLUMNS = (
    "ref",
    "rfq",
    "quote",
    "settlement",
    "settlement_status",
    "client",
    "lp",
    "accepted_by",
    "pair",
    "side",
    "base_amount",
    "quote_amount",
    "lp_quote_amount",
    "markup_amount",
    "currency",
    "price",
    "lp_price",
    "spread_bps",
    "lp_spread_bps",
    "cover_bps",
    "first_quote_ms",
    "best_quote_ms",
    "decision_ms",
    "quote_left_ms",
    "filled_at",
)


@require_POST
@console("history.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """
    Send the RFQs or fills that the filters let through, and note in the log who took them.

    :raises TooMuchHistory: more rows than one copy holds.
    """
    actor, now = access.actor(request), clock.now()
    kind = request.POST.get("kind", "")
    choice = Choice(
        kind if kind in history.KINDS else history.RFQS,
        criteria_of(request.POST),
        _day(request.POST.get("since", "")),
        _day(request.POST.get("until", "")),
    )
    last = operations.record_history_export(choice=choice, actor=actor, now=now).last
    if choice.kind == history.FILLS:
        lines = _fills(history.fills(choice, reader=actor, last=last))
    else:
        lines = _rfqs(history.rfqs(choice, reader=actor, last=last))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{choice.kind}-{now:%Y%m%d-%H%M%S}.csv"'
    return response


def _day(text: str) -> date | None:
    """Read a date; one nobody can read is as good as none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _rfqs(rows: Iterator[Rfq]) -> Iterator[str]:
    yield sheets.line(RFQ_COLUMNS)
    for rfq in rows:
        fill: Fill | None = getattr(rfq, "fill", None)
        yield sheets.line(
            (
                rfq.ref,
                rfq.counterparty.name,
                rfq.requested_by.username,
                rfq.entered_by.username if rfq.entered_by else None,
                rfq.client_rfq_id,
                rfq.pair.code,
                rfq.side,
                rfq.base_amount,
                rfq.quote_amount,
                rfq.pair.quote_asset_id,
                rfq.markup_bps,
                rfq.status,
                rfq.refusal,
                rfq.quotes_count,  # type: ignore[attr-defined]  # annotated in the query
                fill.ref if fill else None,
                rfq.created_at,
                rfq.expires_at,
            )
        )


def _fills(rows: Iterator[Fill]) -> Iterator[str]:
    yield sheets.line(FILL_COLUMNS)
    for fill in rows:
        yield sheets.line(
            (
                fill.ref,
                fill.rfq.ref,
                fill.quote.ref,
                fill.settlement.ref,
                fill.settlement.status,
                fill.client.name,
                fill.lp.name,
                fill.accepted_by.username,
                fill.rfq.pair.code,
                fill.side,
                fill.base_amount,
                fill.quote_amount,
                fill.quote.lp_quote_amount,
                fill.quote.markup_amount,
                fill.rfq.pair.quote_asset_id,
                fill.price,
                fill.lp_price,
                fill.spread_bps,
                fill.lp_spread_bps,
                fill.cover_bps,
                fill.first_quote_ms,
                fill.best_quote_ms,
                fill.decision_ms,
                fill.quote_left_ms,
                fill.filled_at,
            )
        )
