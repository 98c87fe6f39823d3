"""What a person of the desk may see and act on: the whole desk, or the counterparties they serve."""

from collections.abc import Iterable

from django.db.models import Q

from users.models import Counterparty, ScopeGrant, User


def within(reader: User | None, *fields: str) -> Q:
    """
    The rows whose counterparty, at any of these fields, the reader serves. No query of its own.

    :param reader: nobody for what the desk does by itself, which sees everything.
    """
    if reader is None or not reader.is_scoped:
        return Q()
    served = ScopeGrant.objects.filter(user=reader, ended_at=None).values("counterparty")
    found = Q()
    for field in fields:
        found |= Q(**{f"{field}__in": served})
    return found


def within_or_nobodys(reader: User | None, field: str) -> Q:
    """The same, and the rows that belong to no counterparty: the desk's own people and acts."""
    scope = within(reader, field)
    return scope | Q(**{f"{field}__isnull": True}) if scope else scope


def serves(reader: User, counterparty_id: int | None) -> bool:
    """Whether the reader may see and act on what belongs to this counterparty (nobody's is everybody's)."""
    if counterparty_id is None or not reader.is_scoped:
        return True
    return ScopeGrant.objects.filter(user=reader, ended_at=None, counterparty=counterparty_id).exists()


def not_serving(users: Iterable[User], counterparty_id: int | None) -> set[int]:
    """Which of these logins are scoped to others than this counterparty. One query when any is scoped."""
    scoped = {user.pk for user in users if user.is_scoped}
    if counterparty_id is None or not scoped:
        return set()
    live = ScopeGrant.objects.filter(user__in=scoped, ended_at=None, counterparty=counterparty_id)
    return scoped - set(live.values_list("user", flat=True))


def counterparties_of(reader: User) -> list[Counterparty]:
    """The counterparties the reader serves, by name. One query."""
    return list(Counterparty.objects.filter(within(reader, "pk")).order_by("name"))


def served(user: User) -> list[Counterparty]:
    """The counterparties a scoped login serves, by name. One query."""
    live = ScopeGrant.objects.filter(user=user, ended_at=None).values("counterparty")
    return list(Counterparty.objects.filter(pk__in=live).order_by("name"))
