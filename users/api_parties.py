"""Programs of clients and LPs: which party one speaks for, and how its lists are paged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Schema
from pydantic import Field, StringConstraints

from trading.lib.errors import Forbidden, Invalid
from users import capabilities
from users.api import LONGEST_PAGE, actor
from users.models import Counterparty, User

USUAL_PAGE = 50
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,8})?$")]
Number = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
UnitCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,8}$")]
RefText = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}-[A-Z0-9]{4,12}$")]


class NotAParty(Forbidden):
    """A login that belongs to no counterparty."""

    code = "not_a_party"
    text = _("This is for clients and liquidity providers.")


class UnknownCursor(Invalid):
    """The place to go on from is not in the caller's own list."""

    code = "unknown_cursor"
    text = _("There is nothing of yours to go on from here. Start without it.")


class Paging(Schema):
    """Which part of a list: newest first, from the one after `before`."""

    before: Annotated[RefText | None, Field(description="`next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE)] = USUAL_PAGE


@dataclass(frozen=True, slots=True)
class Party:
    """A client or an LP, and the login that acts for it."""

    user: User
    counterparty: Counterparty

    @property
    def is_lp(self) -> bool:
        """Whether it quotes; a client asks."""
        return self.counterparty.kind == Counterparty.Kind.LP

    def holds(self, capability: str) -> bool:
        """Whether this credential may."""
        return capabilities.holds(self.user, capability)


def party(request: HttpRequest, *any_of: str) -> Party:
    """
    The client or LP a request speaks for, if its credential has one of these capabilities at least.

    :raises NotAParty: somebody of the desk, or a service.
    :raises MissingScope: an API key that was made for none of them.
    :raises MissingCapability: no role that gives one.
    """
    user = actor(request)
    if user.counterparty is None:
        raise NotAParty
    if not any(capabilities.holds(user, capability) for capability in any_of):
        capabilities.require(user, any_of[0])
    return Party(user, user.counterparty)


def part_of[M: Model](rows: QuerySet[M], paging: Paging) -> tuple[Sequence[M], str | None]:
    """
    One page of the caller's own rows, newest first, and the cursor of the next. One query, two with a cursor.

    :raises UnknownCursor: `before` is none of these rows.
    """
    found: QuerySet[Any] = rows.order_by("-pk")
    if paging.before is not None:
        place = rows.filter(ref=paging.before).values_list("pk", flat=True).first()
        if place is None:
            raise UnknownCursor(field="before")
        found = found.filter(pk__lt=place)
    page = list(found[: paging.limit + 1])
    shown = page[: paging.limit]
    return shown, shown[-1].ref if len(page) > paging.limit else None
