"""The pages of hot wallets, and of the payments out of them."""

from collections.abc import Iterable

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from settlement import on_chain, operations
from settlement.models import NonceFill, Transfer, TransferAttempt, Withdrawal
from settlement.models.lp_payments import LpPayment
from settlement.on_chain import Row
from settlement.views.money_lists import listed, tabs_of
from settlement.views.subjects import Facts, Step, Subject, nothing, reason_form
from settlement.views.tables import TRANSFERS, payments_of
from trading.lib import clock
from trading.lib.numbers import format_decimal
from users import access
from users.access import console
from users.listing import listing
from users.models import User
from users.queries import events_about

ON, OFF = "active", "suspended"  # the looks of a wallet that pays, and of one that is paused
TABS: dict[str, str | Promise] = {
    "": lazy("On their way"),
    "review": lazy("In review"),
    "final": lazy("Final"),
    "abandoned": lazy("Given up"),
}
COIN_PLACES = 6


@require_safe
@console("money.view")
def wallets(request: HttpRequest) -> HttpResponse:
    """List the hot wallets: the chain beside the books, and what was compared last."""
    context = {"room": "wallets", "rows": on_chain.wallets(), "books": on_chain.last_of_books()}
    return render(request, "settlement/wallets.html", context)


@listing("settlement:transfers", lazy("Payments on chain"), "state", "wallet", "q", table=TRANSFERS)
@require_safe
@console("money.view")
def transfers(request: HttpRequest) -> HttpResponse:
    """List the payments on chain of a state, out of a wallet, or those a search finds."""
    criteria = payments_of(request.GET)
    names = [row.wallet.name for row in on_chain.wallets()]
    page = on_chain.transfers(criteria, reader=access.actor(request))
    context = {
        "room": "transfers",
        "criteria": criteria,
        "names": names,
        "is_filtered": bool(criteria.text or criteria.wallet),
        **listed(request, page, tabs_of(request, TABS, criteria.tab)),
    }
    return render(request, "settlement/transfers.html", context)


@require_safe
@console("money.view")
def transfer(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Show one payment: what it pays, and every signed transaction that tried to, with its bytes.

    :raises NotFound: there is none, or not for this reader.
    """
    row = on_chain.transfer(ref, reader=access.actor(request))
    chain = row.wallet.chain
    context = {
        "room": "transfers",
        "transfer": row,
        "attempts": _transactions(chain, row.attempts.all()),
        "fills": _transactions(chain, row.fills.all()),
        "address_url": on_chain.address_url(chain, row.to_address),
        "party": _party(row),
        "owner_url": _owner_url(row),
        "events": events_about([row.ref, row.owner_ref]),
    }
    return render(request, "settlement/transfer.html", context)


def _transactions[Signed: (TransferAttempt, NonceFill)](
    chain: str, rows: Iterable[Signed]
) -> list[tuple[Signed, str, str]]:
    """Each with where anybody can look at it, and its bytes."""
    return [(one, on_chain.transaction_url(chain, one.tx_hash), "0x" + bytes(one.raw).hex()) for one in rows]


def _party(row: Transfer) -> str:
    owner = row.owner
    return owner.lp.name if isinstance(owner, LpPayment) else owner.client.name


def _owner_url(row: Transfer) -> str:
    where = "settlement:money-detail" if isinstance(row.owner, Withdrawal | LpPayment) else "settlement:detail"
    return reverse(where, args=[row.owner_ref])


def subject(ref: str, reader: User) -> Subject:  # noqa: ARG001 - wallets are the whole desk's
    """
    Say what the page of a wallet shows, and what can be done with it.

    :raises NotFound: there is no such wallet.
    """
    row = on_chain.wallet(ref)
    wallet = row.wallet
    facts = _facts(row)
    if wallet.paused_at is None:
        pause = Step(
            "pause",
            _("Pause the wallet"),
            _("At once: it signs nothing any more. What is signed is followed to its end. Two people open it again."),
            "wallet.pause",
            reason_form,
            lambda actor, data: operations.pause_wallet_by_hand(
                name=ref, actor=actor, reason=data["reason"], now=clock.now()
            ),
        )
        return Subject(ref, "wallets", "user", ON, facts, {}, (pause,))
    nonce = max(wallet.next_nonce, int(row.seen.get("nonce", 0)))

    def fields(_actor: User) -> dict[str, forms.Field]:
        return {} if nonce == wallet.next_nonce else {"next_nonce": _nonce(nonce)}

    fixed = {"next_nonce": nonce} if nonce == wallet.next_nonce else {}
    return Subject(ref, "wallets", "user", OFF, facts, {"wallet.resume": (fixed, fields if not fixed else nothing)})


def _nonce(nonce: int) -> forms.Field:
    """The chain's nonce, to be typed: the books are behind it, and that is what two people take over."""
    words = _("The chain has {nonce} transactions of this wallet. Type that number to go on from there.")
    return forms.IntegerField(label=_("Next nonce"), min_value=nonce, help_text=words.format(nonce=nonce))


def _facts(row: Row) -> Facts:
    wallet, books = row.wallet, on_chain.last_of_books()
    address: object = wallet.address
    if row.explorer_url:
        address = format_html('<a href="{}" rel="noreferrer">{}</a>', row.explorer_url, wallet.address)
    coins = "–" if row.coins is None else f"{format_decimal(row.coins, COIN_PLACES, 'en')}"
    left = row.seen.get("transfers")
    paused: Facts = [(_("Reason of the pause"), row.why or "–")]
    if wallet.paused_at:
        paused = [(_("Paused"), wallet.paused_at), *paused, (_("Paused by"), wallet.paused_by or _("The desk itself"))]
    differences = [f"{one['check']}: {one['what']}" for one in row.differences]
    return [
        (_("Chain"), wallet.chain),
        (_("Address"), address),
        *paused,
        (_("Balance on chain"), row.on_chain or "–"),
        (_("Balance in the books"), row.in_books),
        (_("Nonce on chain"), row.seen.get("nonce", "–")),
        (_("Next nonce"), wallet.next_nonce),
        (_("Coins for fees"), coins),
        (_("Payments they are good for"), "–" if left is None else left),
        (_("Payments on their way"), row.in_flight),
        (_("Compared with its chain"), row.compared_at or "–"),
        (_("Differences"), "; ".join(differences) or "–"),
        (_("What left it was read up to block"), on_chain.read_to(row) or "–"),
        (_("Books compared"), books.ended_at if books else "–"),
    ]
