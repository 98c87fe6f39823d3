"""The pairs an empty desk begins with. Everything later takes two people (`rfq.own_acts`)."""

from datetime import datetime

from rfq.models import Pair
from rfq.operations.rating import add_policy
from settlement.models import Asset
from trading.lib.operations import operation
from users import audit


@operation
def open_pair(*, quote_asset: Asset, price_scale: int, now: datetime) -> Pair:
    """Trade USDT against a currency. The database allows it while nobody was ever let in; later it is proposed."""
    pair = Pair.objects.create(code=f"USDT/{quote_asset.code}", quote_asset=quote_asset, price_scale=price_scale)
    add_policy(pair)
    change = audit.Change(after={"price_scale": price_scale})
    audit.record("pair.opened", actor=None, subject=pair, at=now, change=change)
    return pair
