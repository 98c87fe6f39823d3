"""Lists of deposits, withdrawals and destinations, and the forms that make a new one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from settlement import money, operations
from settlement.forms import AccountForm, AddressForm, DepositForm
from settlement.money import Page
from settlement.views.tables import DEPOSITS, WITHDRAWALS
from trading.lib import clock, http
from users import access
from users.access import console
from users.forms import ConsoleForm
from users.listing import listing
from users.models import Counterparty, User
from users.views.attempting import attempt

DEPOSIT_LABELS: Mapping[str, str | Promise] = {
    "": lazy("Under way"),
    "credited": lazy("Credited"),
    "over": lazy("Returned, cancelled or no deposit"),
}
WITHDRAWAL_LABELS: Mapping[str, str | Promise] = {
    "": lazy("Under way"),
    "confirmed": lazy("Confirmed"),
    "over": lazy("Returned, declined or cancelled"),
}
DESTINATIONS: Mapping[str, str | Promise] = {
    money.ASKED: lazy("Waiting for approval"),
    money.APPROVED: lazy("Approved"),
    money.ENDED: lazy("Ended"),
}


@listing("settlement:deposits", lazy("Deposits"), "state", table=DEPOSITS)
@require_safe
@console("money.view")
def deposits(request: HttpRequest) -> HttpResponse:
    """List deposits: under way, credited, or over."""
    return _list(request, "deposits", DEPOSIT_LABELS, money.deposits, money.open_deposits)


@listing("settlement:withdrawals", lazy("Withdrawals"), "state", table=WITHDRAWALS)
@require_safe
@console("money.view")
def withdrawals(request: HttpRequest) -> HttpResponse:
    """List withdrawals: under way, confirmed, or over."""
    return _list(request, "withdrawals", WITHDRAWAL_LABELS, money.withdrawals, money.open_withdrawals)


@listing("settlement:destinations", lazy("Destinations"), "state")
@require_safe
@console("money.view")
def destinations(request: HttpRequest) -> HttpResponse:
    """List bank accounts and addresses: waiting, approved, or ended."""
    tab, reader = chosen_tab(request, DESTINATIONS, money.ASKED), access.actor(request)
    tables = {
        name: _table(request, read, name, tab, reader)
        for name, read in (("accounts", money.accounts_of_banks), ("addresses", money.addresses_of))
    }
    tabs = tabs_of(request, DESTINATIONS, tab, begins=tables)
    context = {"room": "destinations", "state": tab, "tabs": tabs, **tables}
    return render(request, "settlement/destinations.html", context)


def _table(request: HttpRequest, read: Callable[..., Page], name: str, tab: str, reader: User) -> dict[str, object]:
    """One of two tables on a page: its rows, and the ways to older and to the newest ones, the other left alone."""
    before = request.GET.get(name, "")[:16]
    page = read(tab, reader=reader, before=before)
    return {
        "rows": page.rows,
        "older_url": http.url_with(request, **{name: page.older}) if page.older else "",
        "newest_url": http.url_with(request, **{name: None}) if before else "",
    }


@console("deposit.record")
def new_deposit(request: HttpRequest) -> HttpResponse:
    """Write down what the bank says it received."""
    actor = access.actor(request)
    clients = money.served(actor, kind=Counterparty.Kind.CLIENT)
    form = DepositForm(_sent(request), currencies=money.currencies(), clients=clients)

    def record() -> str:
        key = form.cleaned_data["key"]
        made = operations.record_deposit(receipt=form.receipt(), actor=actor, key=key, now=clock.now())
        return made.ref

    return _new(request, form, record, "deposits", _("Record a deposit"))


@console("destination.enter")
def new_address(request: HttpRequest) -> HttpResponse:
    """Ask for an address in a counterparty's name."""
    actor = access.actor(request)
    form = AddressForm(_sent(request), counterparties=money.served(actor))

    def ask() -> str:
        return operations.ask_address(new=form.wanted(), actor=actor, now=clock.now()).ref

    return _new(request, form, ask, "destinations", _("New address"))


@console("destination.enter")
def new_account(request: HttpRequest) -> HttpResponse:
    """Ask for a bank account in a counterparty's name, or for one of the desk's own."""
    actor = access.actor(request)
    form = AccountForm(_sent(request), currencies=money.currencies(), counterparties=money.served(actor))

    def ask() -> str:
        return operations.ask_bank_account(new=form.wanted(), actor=actor, now=clock.now()).ref

    return _new(request, form, ask, "destinations", _("New bank account"))


def _sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _new(request: HttpRequest, form: ConsoleForm, act: Callable[[], str], room: str, title: str) -> HttpResponse:
    made: list[str] = []
    status = attempt(form, lambda: made.append(act()))
    if status is None:
        messages.success(request, _("%(ref)s is written down.") % {"ref": made[0]})
        return redirect("settlement:money-detail", made[0])
    context = {"room": room, "form": form, "title": title, "back": f"settlement:{room}"}
    return render(request, "settlement/money_new.html", context, status=status)


def _list(
    request: HttpRequest,
    room: str,
    labels: Mapping[str, str | Promise],
    read: Callable[..., Page],
    under_way: Callable[[User], int],
) -> HttpResponse:
    tab, before = chosen_tab(request, labels, ""), request.GET.get("before", "")[:16]
    actor = access.actor(request)
    page = read(tab, reader=actor, before=before)
    tabs = tabs_of(request, labels, tab, counts={"": under_way(actor)})
    context = {"room": room, **listed(request, page, tabs)}
    return render(request, f"settlement/{room}.html", context)


def listed(request: HttpRequest, page: Page, tabs: Sequence[dict[str, object]]) -> dict[str, object]:
    """Say what a list's template needs: its page, its tabs, and the ways to older and to the newest rows."""
    return {
        "page": page,
        "tabs": tabs,
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if request.GET.get("before") else "",
    }


def chosen_tab(request: HttpRequest, labels: Mapping[str, str | Promise], first: str) -> str:
    """Read the tab from the address; one nobody knows is as good as the first."""
    wanted = request.GET.get("state", first)
    return wanted if wanted in labels else first


def tabs_of(
    request: HttpRequest,
    labels: Mapping[str, str | Promise],
    current: str,
    *,
    counts: Mapping[str, int] | None = None,
    begins: Iterable[str] = ("before",),
) -> Sequence[dict[str, object]]:
    """
    List the tabs with their addresses, as the component takes them.

    :param counts: how many are in a tab; what is over is only ever more, and counting it would cost more each day.
    :param begins: the parameters that say where one begins to read; another tab is read from its beginning.
    """
    return [
        {
            "key": state,
            "label": label,
            "url": http.url_with(request, state=state, **dict.fromkeys(begins)),
            "current": state == current,
            "count": (counts or {}).get(state),
        }
        for state, label in labels.items()
    ]
