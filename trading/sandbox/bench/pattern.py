"""What one lifecycle of ours wrote, as the values by which the plain script writes the like."""

import json
from collections.abc import Callable

from django.db import connection

from rfq.models import Fill, Quote
from settlement.models import Settlement
from trading.sandbox.bench import ours
from trading.sandbox.bench.parties import AMOUNT, Parties
from users.models import AuditEvent

POSTS = ("settlement_open(", "settlement_post(")


def values(who: Parties) -> dict[str, str]:
    """Trade once by our operations, and read what came of it: the script's variables, all as text."""
    journals: list[str] = []

    def listen(execute: Callable[..., object], sql: str, parameters: list[str], *rest: object) -> object:
        if any(name in sql for name in POSTS):
            journals.extend(parameters)
        return execute(sql, parameters, *rest)

    with connection.execute_wrapper(listen):
        settlement = ours.lifecycle(who)
    fill = Fill.objects.select_related("rfq").get(settlement=settlement)
    quotes = list(Quote.objects.filter(rfq=fill.rfq).order_by("pk"))
    refs = {fill.rfq.ref: "@rfq", fill.ref: "@fill", settlement.ref: "@settlement"}
    refs |= {quote.ref: f"@quote{number}" for number, quote in enumerate(quotes)}
    trade, delivery = (_pattern(text, refs) for text in journals)
    known: dict[str, object] = {
        **_of_client(who, settlement, fill),
        **{name: of for number, quote in enumerate(quotes) for name, of in _of_quote(number, quote, refs).items()},
        "journals_trade": trade,
        "journals_delivery": delivery,
        "after_rfq": _after("rfq.created", fill.rfq.ref, refs),
        "after_fill": _after("fill.booked", fill.ref, refs),
        "after_settled": _after("settlement.settled", settlement.ref, refs),
    }
    return {name: str(value) for name, value in known.items()}


def _of_client(who: Parties, settlement: Settlement, fill: Fill) -> dict[str, object]:
    return {
        "client": who.trader.counterparty_id,
        "trader": who.trader.pk,
        "trader_name": who.trader.username,
        "pair": who.pair.pk,
        "fiat": settlement.quote_asset_id,
        "amount": AMOUNT,
        "markup": fill.rfq.markup_bps,
        "reference": json.dumps(fill.reference),
    }


def _of_quote(number: int, quote: Quote, refs: dict[str, str]) -> dict[str, object]:
    of: dict[str, object] = {
        "lp": quote.lp_id,
        "dealer": quote.quoted_by_id,
        "price": quote.price,
        "all_in": quote.all_in_price,
        "base": quote.base_amount,
        "lp_quote": quote.lp_quote_amount,
        "markup": quote.markup_amount,
        "spread": quote.spread_bps,
        "after_quote": _after("quote.submitted", quote.ref, refs),
    }
    return {f"{name}{number}": value for name, value in of.items()} | {f"dealer{number}_name": quote.quoted_by.username}


def _after(name: str, ref: str, refs: dict[str, str]) -> str:
    return _pattern(json.dumps(AuditEvent.objects.get(name=name, subject_ref=ref).after), refs)


def _pattern(text: str, refs: dict[str, str]) -> str:
    for ref, mark in refs.items():
        text = text.replace(ref, mark)
    return text
