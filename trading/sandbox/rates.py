"""
The sandbox's two reference sources: the simulated market's own mids, each a little off to its side.

The market tells the stand-in for Telegram what it is at, and the stand-in serves it. When the market stops, the
mids grow old, and the desk sees what it would see of a real source that hangs.
"""

from decimal import Decimal

SOURCES = {"one": Decimal("1.00005"), "two": Decimal("0.99995")}  # what each makes of the mid: half a basis point
MIDS = {"EUR": 0.92, "AED": 3.67}  # what the market begins at


def sandbox_sources(url: str) -> list[dict[str, object]]:
    """Describe the sources as `REFERENCE_SOURCES` does; `url` is the stand-in's."""
    return [
        {
            "name": f"sandbox-{name}",
            "pairs": {
                f"USDT/{fiat}": {"url": f"{url}/rates/{name}.json", "pointer": f"/rates/{fiat}", "at": "/at"}
                for fiat in MIDS
            },
        }
        for name in SOURCES
    ]
