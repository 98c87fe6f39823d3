"""Examples of the market's calls, as the description of the interface shows them."""

from typing import Any

PAIRS: dict[str, Any] = {
    "items": [
        {
            "code": "USDT/EUR",
            "quote_currency": "EUR",
            "quote_currency_scale": 2,
            "price_scale": 4,
            "tick": "0.0001",
            "rfq_ttl_seconds": 300,
            "quote_ttl_seconds": 30,
            "limits": {"minimum": "100.000000", "maximum": "1000000.000000", "daily_notional": "5000000.000000"},
        }
    ]
}
RFQ_IN = {
    "pair": "USDT/EUR",
    "side": "buy",
    "amount": "10000.00",
    "unit": "EUR",
    "client_rfq_id": "treasury-2026-11-26-17",
    "destination": "balance",
}
CLIENT_QUOTE = {
    "quote": "QTE-4M7Q2KTX",
    "all_in_price": "0.9219",
    "base_amount": "10847.163466",
    "quote_amount": "10000.00",
    "valid_until": "2026-11-26T09:41:35.120Z",
}
CLIENT_RFQ: dict[str, Any] = {
    "party": "client",
    "ref": "RFQ-7KQ2M4TX",
    **RFQ_IN,
    "status": "quoted",
    "refusal": None,
    "created_at": "2026-11-26T09:41:00.120Z",
    "expires_at": "2026-11-26T09:46:00.120Z",
    "best": CLIENT_QUOTE,
    "quotes": [CLIENT_QUOTE],
    "fill": None,
}
ASKED: dict[str, Any] = CLIENT_RFQ | {"status": "open", "best": None, "quotes": []}
CANCELLED: dict[str, Any] = ASKED | {"status": "cancelled"}
LP_QUOTE = {
    "quote": "QTE-4M7Q2KTX",
    "rfq": "RFQ-7KQ2M4TX",
    "price": "0.9200",
    "valid_until": "2026-11-26T09:41:35.120Z",
    "status": "active",
    "outcome": None,
    "refusal": None,
}
PULLED = LP_QUOTE | {"status": "pulled"}
LP_RFQ: dict[str, Any] = {
    "party": "lp",
    "ref": "RFQ-7KQ2M4TX",
    "pair": "USDT/EUR",
    "side": "buy",
    "lp_side": "sell",
    "amount": "10000.00",
    "unit": "EUR",
    "state": "live",
    "expires_at": "2026-11-26T09:46:00.120Z",
    "passed": False,
    "quote": LP_QUOTE,
}
PASSED: dict[str, Any] = LP_RFQ | {"passed": True, "quote": None}
HEARTBEAT_IN = {"ttl_seconds": 15}
HEARTBEAT = {"last_at": "2026-11-26T09:41:00.120Z", "due_at": "2026-11-26T09:41:15.120Z"}
NO_HEARTBEAT = HEARTBEAT | {"due_at": None}
PAUSE_IN = {"reason": "Our prices are being checked."}
PAUSE = {"paused_at": "2026-11-26T09:41:00.120Z"}
NO_PAUSE = {"paused_at": None}
RFQS = {"items": [LP_RFQ], "next": "RFQ-7KQ2M4TX"}
QUOTE_IN = {"price": "0.9200", "ttl_seconds": 30}
QUOTES = {"items": [LP_QUOTE | {"status": "done_away", "outcome": "cover"}], "next": None}
CLIENT_FILL = {
    "party": "client",
    "ref": "FIL-Q4TX7K2M",
    "rfq": "RFQ-7KQ2M4TX",
    "client_rfq_id": "treasury-2026-11-26-17",
    "quote": "QTE-4M7Q2KTX",
    "settlement": "STL-2MTX7KQ4",
    "pair": "USDT/EUR",
    "side": "buy",
    "all_in_price": "0.9219",
    "base_amount": "10847.163466",
    "quote_amount": "10000.00",
    "filled_at": "2026-11-26T09:41:12.480Z",
    "reversed_at": None,
}
LP_FILL = {
    "party": "lp",
    "ref": "FIL-Q4TX7K2M",
    "rfq": "RFQ-7KQ2M4TX",
    "quote": "QTE-4M7Q2KTX",
    "settlement": "STL-2MTX7KQ4",
    "pair": "USDT/EUR",
    "side": "buy",
    "lp_side": "sell",
    "price": "0.9200",
    "base_amount": "10847.163466",
    "quote_amount": "9979.39",
    "filled_at": "2026-11-26T09:41:12.480Z",
    "reversed_at": None,
}
FILLS = {"items": [CLIENT_FILL], "next": None}
EVENTS: dict[str, Any] = {
    "items": [
        {
            "id": "EVT-M4TX7KQ2",
            "kind": "rfq.asked",
            "subject": "RFQ-7KQ2M4TX",
            "at": "2026-11-26T09:41:00.120Z",
            "data": {name: LP_RFQ[name] for name in LP_RFQ if name not in {"party", "state", "passed", "quote"}},
        },
        {
            "id": "EVT-KQ2M4TX7",
            "kind": "rfq.closed",
            "subject": "RFQ-7KQ2M4TX",
            "at": "2026-11-26T09:41:12.480Z",
            "data": {"rfq": "RFQ-7KQ2M4TX", "quote": "QTE-4M7Q2KTX", "status": "done_away", "outcome": "cover"},
        },
    ],
    "next": "EVT-KQ2M4TX7",
    "more": False,
}
