"""What is traded, and on which terms."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rfq.models import Pair, TradingTerms
from rfq.operations.rating import add_policy
from settlement.models import Asset
from trading.lib.operations import operation
from users import audit
from users.models import Counterparty, User


@dataclass(frozen=True, slots=True)
class NewTerms:
    """A client's terms on one pair; amounts in USDT."""

    markup_bps: Decimal
    minimum: Decimal
    maximum: Decimal
    daily_notional: Decimal


@operation
def open_pair(*, quote_asset: Asset, price_scale: int, actor: User | None, now: datetime) -> Pair:
    """Trade USDT against one more currency."""
    pair = Pair.objects.create(code=f"USDT/{quote_asset.code}", quote_asset=quote_asset, price_scale=price_scale)
    add_policy(pair)
    change = audit.Change(after={"price_scale": price_scale})
    audit.record("pair.opened", actor=actor, subject=_PairSubject(pair.code), at=now, change=change)
    return pair


@operation
def set_terms(
    *, counterparty: Counterparty, pair: Pair, terms: NewTerms, actor: User | None, now: datetime
) -> TradingTerms:
    """What a client may trade on a pair, and at which mark-up."""
    values = {
        "markup_bps": terms.markup_bps,
        "minimum": terms.minimum,
        "maximum": terms.maximum,
        "daily_notional": terms.daily_notional,
    }
    row, _created = TradingTerms.objects.update_or_create(counterparty=counterparty, pair=pair, defaults=values)
    change = audit.Change(after={"pair": pair.code} | {name: str(value) for name, value in values.items()})
    audit.record("terms.set", actor=actor, subject=counterparty, at=now, change=change)
    return row


@dataclass(frozen=True, slots=True)
class _PairSubject:
    ref: str
