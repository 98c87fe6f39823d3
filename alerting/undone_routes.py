"""Who is told that a trade is not delivered or is reversed: both sides; that an account was corrected: its owner."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from django.utils.translation import gettext, gettext_noop

from alerting.models import OutboundMessage
from alerting.money_routes import people_of
from alerting.readers import Route, Routing, readers
from rfq.cards import FEWEST_DECIMALS, Voice
from rfq.models import Fill
from rfq.models.trading import Side
from settlement.models import LedgerAccount
from trading.lib import numbers
from trading.lib.chat import message
from trading.lib.money import USDT
from users.models import Role

CLIENT, LP = 0, 1
WORDS = {
    "settlement.cancelled": (
        gettext_noop("The desk has cancelled the delivery of this trade. What was held for it is free again."),
        gettext_noop("The desk has cancelled this trade's settlement: neither side owes the other anything for it."),
    ),
}


def undone(routing: Routing) -> Iterator[OutboundMessage]:
    """Whoever accepted and whoever quoted."""
    fill = Fill.objects.select_related("rfq", "settlement", "accepted_by", "quote__quoted_by").get(
        settlement__ref=routing.event.subject_ref
    )
    for side, user in ((CLIENT, fill.accepted_by), (LP, fill.quote.quoted_by)):
        words = WORDS[routing.event.name][side]
        for reader in readers([user]):
            yield routing.text(reader, lambda _voice, words=words: _told(fill, words))  # type: ignore[misc]


def reversed_(routing: Routing) -> Iterator[OutboundMessage]:
    """The client's traders and the LP's dealers, since it moves their accounts: by how much, each at its price."""
    related = ("rfq", "quote", "settlement__quote_asset")
    fill = Fill.objects.select_related(*related).get(settlement__ref=routing.event.subject_ref)
    gets_fiat = fill.side == Side.BUY  # what the client gets back
    for party, role, fiat, is_fiat_back in (
        (fill.client_id, Role.TRADER, fill.quote_amount, gets_fiat),
        (fill.lp_id, Role.LP, fill.quote.lp_quote_amount, not gets_fiat),
    ):
        for reader in readers(people_of(party, role)):
            yield routing.text(reader, partial(_taken_back, fill, fiat, is_fiat_back=is_fiat_back))


def _taken_back(fill: Fill, fiat: Decimal, voice: Voice, *, is_fiat_back: bool) -> str:
    given, taken = (fiat, fill.base_amount) if is_fiat_back else (fill.base_amount, fiat)
    codes = (fill.settlement.quote_asset_id, USDT.code)
    to, of = codes if is_fiat_back else codes[::-1]
    context = {
        "rfq": fill.rfq.ref,
        "ref": fill.ref,
        "words": gettext(
            "The desk has reversed this trade: what was booked for it is booked back. Your account changes by:"
        ),
        "moved": [_signed("+", given, to, voice), _signed("-", taken, of, voice)],
    }
    return message("telegram/trade_undone.html", context)


def _signed(sign: str, amount: Decimal, unit: str, voice: Voice) -> str:
    number = numbers.format_price(amount, FEWEST_DECIMALS, voice.user.language)
    return voice.ref(f"{sign}{number} {unit}")


def adjusted(routing: Routing) -> Iterator[OutboundMessage]:
    """The people of whoever's account was corrected: by how much, in its favour or not."""
    after = routing.event.after
    rows = LedgerAccount.objects.select_related("asset").filter(code__in=[after["debit"], after["credit"]])
    for account in rows.exclude(counterparty=None):
        role = Role.TRADER if account.kind == LedgerAccount.Kind.CLIENT else Role.LP
        sign = "+" if account.code == after["credit"] else "-"
        for reader in readers(people_of(account.counterparty_id, role)):
            yield routing.text(reader, lambda voice, one=account, sign=sign: _corrected(routing, one, sign, voice))  # type: ignore[misc]


def _corrected(routing: Routing, account: LedgerAccount, sign: str, voice: Voice) -> str:
    amount = Decimal(routing.event.after["amount"])
    context = {
        "ref": voice.ref(routing.event.subject_ref),
        "amount": voice.ref(
            f"{sign}{numbers.format_decimal(amount, account.asset.scale, voice.user.language)} {account.asset_id}"
        ),
        "words": gettext("The desk has corrected your account by this. Ask the desk if it surprises you."),
    }
    return message("telegram/money_told.html", context)


def _told(fill: Fill, words: str) -> str:
    context = {"rfq": fill.rfq.ref, "ref": fill.settlement.ref, "words": gettext(words)}
    return message("telegram/trade_undone.html", context)


ROUTES: dict[str, Route] = {
    **dict.fromkeys(WORDS, undone),
    "fill.reversed": reversed_,
    "ledger.adjusted": adjusted,
}
