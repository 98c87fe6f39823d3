"""Reads of the filters that somebody keeps."""

from dataclasses import dataclass

from users.listing import LISTS
from users.models import SavedFilter, User


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them, where it leads, and what list it filters."""

    filter: SavedFilter
    url: str
    title: str


def of_user(user: User, *, page: str = "") -> list[Kept]:
    """List what a person keeps, on one list or on all that there are, by list and name. One query."""
    rows = SavedFilter.objects.filter(user=user, page__in=[page] if page else LISTS).order_by("page", "name", "pk")
    return [Kept(row, LISTS[row.page].url(row.query), str(LISTS[row.page].title)) for row in rows if row.page in LISTS]
