"""Which pages list something, which parameters of their address choose what, and what a copy of it has."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode

from users.models import User

LISTS: dict[str, "Listing"] = {}


@dataclass(frozen=True, slots=True)
class Table:
    """
    What a copy of a list has.

    :param rows: what a filter lets through, for a reader, in no order.
    :param line: the values of a row, one for each column.
    """

    columns: tuple[str, ...]
    rows: Callable[[QueryDict, User], QuerySet[Any]]
    line: Callable[[Any], Iterable[object]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list page: the name of its address, its title, the parameters that filter it, and its copy, if it has one."""

    page: str
    title: str | Promise
    parameters: tuple[str, ...]
    capability: str
    table: Table | None = None

    def filter_of(self, query: str) -> str:
        """What of an address's query filters the list, always in the same order; "" is the whole list."""
        given = QueryDict(query)
        return urlencode([(name, given[name]) for name in self.parameters if given.get(name)])

    def url(self, query: str = "") -> str:
        """Where the list is, filtered."""
        return f"{reverse(self.page)}?{query}" if query else reverse(self.page)


def listing[V: Callable[..., object]](
    page: str, title: str | Promise, *parameters: str, table: Table | None = None
) -> Callable[[V], V]:
    """Say of a console's view that it lists something. Where one begins to read (`before`) is no part of a filter."""

    def note(view: V) -> V:
        capability: str = view.console_capability  # type: ignore[attr-defined]  # set by @console
        LISTS[page] = Listing(page, title, parameters, capability, table)
        return view

    return note
