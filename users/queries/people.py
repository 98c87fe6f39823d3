"""Reads about people, their logins and the legal entities they trade for. Each has a fixed number of queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet

from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.prepared import Given, Read
from users.errors import NotActive, NotLinked
from users.models import (
    Counterparty,
    RecoveryCode,
    RoleGrant,
    Session,
    SignInAttempts,
    TelegramLink,
    TotpDevice,
    User,
)
from users.queries.scopes import within, within_or_nobodys

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which logins the list shows; it comes from the address of the page."""

    status: str = ""
    text: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of logins, newest first, and where the older ones begin."""

    rows: list[User]
    older: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One login with its roles, second factors and Telegram account."""

    user: User
    grants: list[RoleGrant]
    totp: TotpDevice | None
    recovery_codes: int
    links: list[TelegramLink]
    sessions: int
    locked_until: datetime | None

    @property
    def roles(self) -> list[str]:
        """The roles it holds now."""
        return [grant.role for grant in self.grants if grant.revoked_at is None]

    @property
    def link(self) -> TelegramLink | None:
        """The Telegram account it speaks from now."""
        return next((link for link in self.links if link.ended_at is None), None)


@dataclass(frozen=True, slots=True)
class Devices:
    """A login's second factors: its authenticator app, and how many recovery codes are left."""

    totp: TotpDevice | None
    recovery_codes: int


def counts(*, reader: User) -> Mapping[str, int]:
    """Count the logins of each status that the reader may see. One query."""
    found = (
        User.objects.filter(within_or_nobodys(reader, "counterparty"))
        .order_by()
        .values_list("status")
        .annotate(number=Count("pk"))
    )
    return dict(found)


def page(criteria: Criteria, *, reader: User, size: int = PAGE_SIZE) -> Page:
    """Read one page of logins that the reader may see. Three queries, whatever the number of rows."""
    found = matching(criteria, reader=reader).order_by("-pk")
    if criteria.before:
        found = found.filter(pk__lt=User.objects.filter(ref=criteria.before).values("pk"))
    users = list(found[: size + 1])
    return Page(users[:size], users[size - 1].ref if len(users) > size else "")


def matching(criteria: Criteria, *, reader: User) -> QuerySet[User]:
    """The logins that the list's filters let through, and the reader may see."""
    found = _with_all(User.objects.filter(within_or_nobodys(reader, "counterparty")))
    if criteria.status:
        found = found.filter(status=criteria.status)
    if text := criteria.text.strip():
        found = found.filter(
            Q(username__icontains=text)
            | Q(person__full_name__icontains=text)
            | Q(counterparty__name__icontains=text)
            | Q(ref=text.upper())
        )
    return found


def detail(ref: str, *, reader: User) -> Detail:
    """
    Read one login. Seven queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    related = ("person", "counterparty", "approval_requested_by", "secondary_approver", "approval_request")
    user = User.objects.select_related(*related).filter(within_or_nobodys(reader, "counterparty"), ref=ref).first()
    if user is None:
        raise NotFound
    now = clock.now()
    return Detail(
        user,
        list(RoleGrant.objects.filter(user=user).order_by("pk")),
        confirmed_totp(user),
        RecoveryCode.objects.filter(device__user=user, used_at=None).count(),
        links(user),
        Session.objects.live(at=now).begun().filter(user=user).count(),
        SignInAttempts.objects.filter(user=user, locked_until__gt=now).aggregate(until=Max("locked_until"))["until"],
    )


def devices(user: User) -> Devices:
    """Read a login's second factors. Two queries."""
    left = RecoveryCode.objects.filter(device__user=user, used_at=None).count()
    return Devices(confirmed_totp(user), left)


def links(user: User) -> list[TelegramLink]:
    """List the Telegram accounts that ever spoke for a login, newest first. One query."""
    return list(TelegramLink.objects.filter(user=user).order_by("-pk"))


def withdrawals_from(user: User) -> datetime | None:
    """From when on this login's Telegram account may withdraw money; nothing when it has none. One query."""
    live = TelegramLink.objects.filter(user=user, ended_at=None)
    return live.values_list("withdrawals_from", flat=True).first()


def counterparties(
    *, reader: User, text: str = "", kind: str = "", before: str = "", size: int = PAGE_SIZE
) -> tuple[list[Counterparty], str]:
    """Read one page of legal entities with the number of their logins, and where older ones begin. One query."""
    found = counterparties_matching(reader=reader, text=text, kind=kind).order_by("-pk")
    if before:
        found = found.filter(pk__lt=Counterparty.objects.filter(ref=before).values("pk"))
    rows: list[Counterparty] = [*found[: size + 1]]
    return rows[:size], rows[size - 1].ref if len(rows) > size else ""


def counterparties_matching(*, reader: User, text: str = "", kind: str = "") -> QuerySet[Any]:
    """The legal entities that the list's filters let through, of those the reader serves, with how many logins."""
    found = Counterparty.objects.filter(within(reader, "pk")).annotate(
        people=Count("users", distinct=True),
        active_people=Count("users", filter=Q(users__status=User.Status.ACTIVE), distinct=True),
    )
    if kind:
        found = found.filter(kind=kind)
    return found.filter(Q(name__icontains=text) | Q(ref=text.upper())) if text else found


def counterparty(ref: str, *, reader: User) -> tuple[Counterparty, list[User]]:
    """
    Read one legal entity and its logins. Four queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    found = Counterparty.objects.filter(within(reader, "pk"), ref=ref).first()
    if found is None:
        raise NotFound
    return found, list(_with_all(User.objects.filter(counterparty=found).order_by("username")))


def _with_all(users: QuerySet[User]) -> QuerySet[User]:
    """With person, counterparty, present roles, present Telegram account, and whether a second factor is confirmed."""
    grants = RoleGrant.objects.filter(revoked_at=None).order_by("role")
    links = TelegramLink.objects.filter(ended_at=None)
    return (
        users.select_related("person", "counterparty")
        .annotate(has_totp=Exists(TotpDevice.objects.filter(user=OuterRef("pk"), confirmed=True)))
        .prefetch_related(
            Prefetch("role_grants", grants, to_attr="live_grants"),
            Prefetch("telegram_links", links, to_attr="live_links"),
        )
    )


def confirmed_totp(user: User) -> TotpDevice | None:
    """Find the user's confirmed authenticator, if one was enrolled."""
    device: TotpDevice | None = TotpDevice.objects.filter(user=user, confirmed=True).first()
    return device


def user_of_telegram(telegram_id: int) -> User:
    """
    The active user a Telegram account speaks for, with its counterparty.

    :raises NotLinked: nobody has this account.
    :raises NotActive: the user may not act at present.
    """
    link = LINKED.first(telegram_id=telegram_id)
    if link is None:
        raise NotLinked
    if not link.user.is_active:
        raise NotActive
    return link.user


LINKED = Read(
    lambda: TelegramLink.objects.select_related("user__counterparty", "user__person").filter(
        telegram_id=Given("telegram_id"), ended_at=None
    )
)
