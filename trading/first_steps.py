"""What a new desk still lacks before it can trade, from what there is; nothing when it lacks nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rfq.models import Pair, ReferenceRate, TradingTerms
from settlement.models import BankAccount, Wallet
from trading.lib.prepared import Given, Read
from users import capabilities
from users.models import Counterparty, TelegramLink, User

BEYOND_THE_FIRST_TWO = slice(2, 3)


@dataclass(frozen=True, slots=True)
class Step:
    """One of them: whether it is done, and where the reader can do it; nowhere if that takes somebody else."""

    title: str | Promise
    text: str | Promise
    is_done: bool
    url: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A step as everybody has it: the rows that show that it is done, where it is done, and what that takes."""

    title: str | Promise
    text: str | Promise
    rows: Callable[[], QuerySet[Any]]
    page: str
    capability: str
    query: str = ""


def _active(**more: object) -> QuerySet[User]:
    return User.objects.filter(status=User.Status.ACTIVE, kind=User.Kind.HUMAN, **more)


def _of_kind(kind: str) -> QuerySet[Counterparty]:
    return Counterparty.objects.filter(kind=kind)


CLIENT, LP = Counterparty.Kind.CLIENT, Counterparty.Kind.LP
KINDS = (
    _Kind(
        _("Let the desk's people in"),
        _("Each gets a login with the roles they need; then take from the first two what they need no longer."),
        lambda: _active(counterparty=None).order_by("pk")[BEYOND_THE_FIRST_TWO],
        "users:user-new",
        "user.create",
    ),
    _Kind(
        _("Write down a client"),
        _("Record what was checked about it on its page."),
        lambda: _of_kind(CLIENT),
        "settlement:party-new",
        "user.create",
        "kind=client",
    ),
    _Kind(
        _("Write down a liquidity provider"),
        _("It answers requests with firm quotes. Two or more compete."),
        lambda: _of_kind(LP),
        "settlement:party-new",
        "user.create",
        "kind=lp",
    ),
    _Kind(
        _("Let a client's trader in"),
        _("A login of the client with the role of a trader."),
        lambda: _active(counterparty__kind=CLIENT),
        "users:user-new",
        "user.create",
    ),
    _Kind(
        _("Let an LP's dealer in"),
        _("A login of the LP with the role of a dealer."),
        lambda: _active(counterparty__kind=LP),
        "users:user-new",
        "user.create",
    ),
    _Kind(
        _("Link their Telegram accounts"),
        _("On the page of a login: make a link, shown once, and give it to them."),
        lambda: TelegramLink.objects.filter(ended_at=None, user__counterparty__isnull=False),
        "users:users",
        "telegram.link",
        "status=active",
    ),
    _Kind(
        _("Open a pair"),
        _("A currency against USDT, with its decimals and how long requests and quotes last."),
        Pair.objects.all,
        "rfq:pair-new",
        "market.view",
    ),
    _Kind(
        _("See a reference rate"),
        _("Sources are set in REFERENCE_SOURCES; without a good rate nothing trades."),
        lambda: ReferenceRate.objects.filter(status=ReferenceRate.Status.OK),
        "rfq:rates",
        "rfq.view",
    ),
    _Kind(
        _("Set a client's terms"),
        _("Mark-up and limits on a pair, on the client's page: two people decide."),
        TradingTerms.objects.all,
        "users:counterparties",
        "user.view",
        "kind=client",
    ),
    _Kind(
        _("Give the desk a bank account"),
        _("Clients pay to it. Enter it for the desk itself; two people decide."),
        lambda: BankAccount.objects.filter(counterparty=None, approved_at__isnull=False, ended_at=None),
        "settlement:account-new",
        "destination.enter",
    ),
    _Kind(
        _("Make a hot wallet"),
        _("Where its keys are to be, run: manage.py wallet_new"),
        Wallet.objects.all,
        "settlement:wallets",
        "money.view",
    ),
    _Kind(
        _("Fund the wallet"),
        _("Send it the chain's coin for fees, then USDT; two people book what came."),
        lambda: Wallet.objects.filter(account__balance__posted__gt=0),
        "settlement:wallets",
        "money.view",
    ),
)


NAMES = [f"step_{number}" for number in range(len(KINDS))]


def _facts() -> QuerySet[User]:
    facts = {name: Exists(kind.rows()) for name, kind in zip(NAMES, KINDS, strict=True)}
    return User.objects.filter(pk=Given("reader")).only("pk").annotate(**facts)


FACTS = Read(_facts)  # every dashboard asks them


def steps(*, reader: User) -> list[Step]:
    """
    What is to be done first, in order; nothing once all of it is. One query.

    They are the whole desk's: who serves some counterparties only sees none of them.
    """
    if reader.is_scoped:
        return []
    row = FACTS.one(reader=reader.pk)
    found = [getattr(row, name) for name in NAMES]
    if all(found):
        return []
    return [_step(kind, reader, is_done=is_done) for kind, is_done in zip(KINDS, found, strict=True)]


def _step(kind: _Kind, reader: User, *, is_done: bool) -> Step:
    url = "" if is_done or not capabilities.holds(reader, kind.capability) else reverse(kind.page)
    return Step(kind.title, kind.text, is_done, f"{url}?{kind.query}" if url and kind.query else url)
