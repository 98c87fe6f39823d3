"""What samples are made of: people, parties, assets, refs, amounts. Nothing of it is in the database."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from trading.lib.money import USDT, Unit

ADDRESS = "0x9fB29AAc15b9A4B7F17c3385939b007540f4d791"
HASH = "0x" + "9fb29aac" * 8
REASON = "Compared with the bank's statement of this morning, line 4."
like = SimpleNamespace


@dataclass(frozen=True, slots=True)
class Sample:
    """One component in one state, with what it is given."""

    component: str
    state: str
    given: Mapping[str, Any]


type Samples = Callable[["Facts"], Iterator[Sample]]


class Facts:
    """The cast, at one time, as one reader sees it."""

    def __init__(self, *, reader: Any, now: datetime, csrf_token: str) -> None:
        self.reader, self.now, self.csrf_token = reader, now, csrf_token
        self.usdt = like(code="USDT", scale=6, unit=USDT)
        self.eur = like(code="EUR", scale=2, unit=Unit("EUR", 2))
        self.client = like(ref="CPY-7KQ2M4TX", name="Pars Export Co.", kind="client", get_kind_display="Client", pk=1)
        self.lp = like(ref="CPY-8TR3N5VY", name="Meridian Liquidity", kind="lp", get_kind_display="LP", pk=2)
        self.tara = like(username="tara", pk=1, counterparty_id=1, ref="USR-7KQ2M4TX")
        self.olga = like(username="olga", pk=2, counterparty_id=None, ref="USR-8TR3N5VY")
        self.pair = like(
            code="USDT/EUR", quote_asset=self.eur, quote_asset_id="EUR", price_scale=4, is_enabled=True, clients=3,
            rfq_ttl_seconds=300, quote_ttl_seconds=30,
        )  # fmt: skip
        self.request = like(
            ref="APR-7KQ2M4TX", act="user.approve", status="pending", requested_by=self.olga, requested_by_id=2,
            created_at=self.ago(minutes=5), reason=REASON, nominee=self.tara, outcome="", closed_at=None,
            closed_by=None, subject_name="newcomer", policy=like(quorum=2), approvals=1,
        )  # fmt: skip

    def ago(self, **span: float) -> datetime:
        """So long before now."""
        return self.now - timedelta(**span)

    def one(self, component: str, caption: str = "usual", /, **given: Any) -> Sample:
        """A sample, with the token that forms take."""
        return Sample(component, caption, {"csrf_token": self.csrf_token, **given})


def usdt(text: str) -> Decimal:
    """An amount of USDT."""
    return Decimal(text).quantize(Decimal("0.000001"))
