"""As much of Kraken's public interface as a ticker takes."""

from tests.fakes.web import FakeWeb

ASSETS = {
    "USDT": {"aclass": "currency", "altname": "USDT", "decimals": 8, "display_decimals": 4, "status": "enabled"},
    "ZEUR": {"aclass": "currency", "altname": "EUR", "decimals": 4, "display_decimals": 2, "status": "enabled"},
}
PAIR = {
    "altname": "USDTEUR",
    "wsname": "USDT/EUR",
    "aclass_base": "currency",
    "base": "USDT",
    "aclass_quote": "currency",
    "quote": "ZEUR",
    "lot": "unit",
    "cost_decimals": 5,
    "pair_decimals": 4,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.2]],
    "fees_maker": [[0, 0.2]],
    "fee_volume_currency": "ZUSD",
    "margin_call": 80,
    "margin_stop": 40,
    "ordermin": "5",
    "costmin": "0.45",
    "tick_size": "0.0001",
    "status": "online",
}


def kraken(web: FakeWeb, *, bid: str, ask: str) -> None:
    """Trade USDT/EUR between these."""
    ticker = {
        "a": [ask, "1000", "1000.000"],
        "b": [bid, "1000", "1000.000"],
        "c": [bid, "10.0"],
        "v": ["1000.0", "2000.0"],
        "p": ["0.92", "0.92"],
        "t": [10, 20],
        "l": ["0.91", "0.91"],
        "h": ["0.93", "0.93"],
        "o": "0.92",
    }
    web.says("/0/public/Assets", {"error": [], "result": ASSETS})
    web.says("/0/public/AssetPairs", {"error": [], "result": {"USDTEUR": PAIR}})
    web.says("/0/public/Ticker", {"error": [], "result": {"USDTEUR": ticker}})
