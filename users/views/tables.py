"""Copies of the lists of logins and legal entities: what they have, and which rows an address chooses."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from users.listing import Table
from users.models import Counterparty, User
from users.queries import people
from users.queries.people import Criteria


def criteria_of(data: QueryDict) -> Criteria:
    """Read the filters of the logins; a status nobody knows is as good as none."""
    status = data.get("status", "")
    return Criteria(
        status=status if status in User.Status.values else "",
        text=data.get("q", "")[:100],
        before=data.get("before", "")[:16],
    )


def kind_of(data: QueryDict) -> str:
    """Read which side of the desk is asked for; one nobody knows is as good as none."""
    kind = data.get("kind", "")
    return kind if kind in Counterparty.Kind.values else ""


def _users(data: QueryDict, reader: User) -> QuerySet[User]:
    return people.matching(criteria_of(data), reader=reader)


def _user(row: Any) -> tuple[object, ...]:
    person, party = row.person.full_name if row.person else None, row.counterparty.name if row.counterparty else None
    roles = " ".join(grant.role for grant in row.live_grants)
    return (
        row.ref,
        row.username,
        person,
        party,
        row.kind,
        row.status,
        roles,
        row.has_totp,
        row.is_scoped,
        row.created_at,
    )


def _counterparties(data: QueryDict, reader: User) -> QuerySet[Any]:
    return people.counterparties_matching(reader=reader, text=data.get("q", "")[:100].strip(), kind=kind_of(data))


def _counterparty(row: Any) -> tuple[object, ...]:
    return (row.ref, row.name, row.kind, row.status, row.people, row.active_people, row.created_at)


USERS = Table(
    (
        *("ref", "username", "person", "counterparty", "kind", "status", "roles", "has_second_factor", "is_scoped"),
        "created_at",
    ),
    _users,
    _user,
)
COUNTERPARTIES = Table(
    ("ref", "name", "kind", "status", "logins", "active_logins", "created_at"), _counterparties, _counterparty
)
