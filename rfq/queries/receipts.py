"""Reads for receipts: the fill as its reader may see it, and what a receipt is compared with."""

from django.db.models import Q, QuerySet

from rfq.models import Fill, Receipt
from trading.lib.errors import NotFound
from users.models import Counterparty, User
from users.queries.scopes import within


def side_of(user: User) -> str:
    """Which receipt of a trade this user reads."""
    if user.counterparty is None:
        return Receipt.Side.DESK
    return Receipt.Side.LP if user.counterparty.kind == Counterparty.Kind.LP else Receipt.Side.CLIENT


def fill_for(user: User, ref: str) -> Fill:
    """
    Find a trade by its ref or its RFQ's, if it is this user's to see. One query.

    :raises NotFound: there is none, or it is not.
    """
    own = {
        Receipt.Side.CLIENT: Q(client=user.counterparty_id),
        Receipt.Side.LP: Q(lp=user.counterparty_id),
        Receipt.Side.DESK: within(user, "client"),
    }[Receipt.Side(side_of(user))]
    fill = whole().filter(own, Q(ref=ref) | Q(rfq__ref=ref)).first()
    if fill is None:
        raise NotFound(ref=ref)
    return fill


def whole() -> QuerySet[Fill]:
    """Fills with all that a receipt says of them."""
    return Fill.objects.select_related(
        "rfq__pair__quote_asset",
        "quote",
        "client",
        "lp",
        "settlement__destination",
        "settlement__quote_asset",
        "settlement__reversal__request",
    )


def issued(ref: str, *, reader: User | None) -> Receipt | None:
    """Find a receipt by its own ref, of a trade the reader of the desk serves (nobody: any). One query."""
    return Receipt.objects.filter(within(reader, "fill__client"), ref=ref).first()
