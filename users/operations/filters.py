"""Keeping filters of lists under names."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.operations import operation
from users import audit
from users.listing import LISTS
from users.models import SavedFilter, User
from users.models.filters import LONGEST_NAME, LONGEST_QUERY, MOST


class UnknownList(NotFound):
    """No list page has this name."""

    code = "unknown_list"
    text = _("There is no such list. Open the list you want to filter, and save its filter there.")


class NoFilterName(Invalid):
    """The name is empty or too long."""

    code = "no_filter_name"
    text = _("Name: enter one of at most {most} characters.")


class NothingFiltered(Invalid):
    """The list is whole: there is nothing to keep."""

    code = "nothing_filtered"
    text = _("This list is not filtered. Filter it first, then save that under a name.")


class FilterTooLong(Invalid):
    """What is searched for is too long."""

    code = "filter_too_long"
    text = _("This filter is too long to be kept. Search for less text.")


class FilterNameTaken(Conflict):
    """The person has a filter of this name on this list."""

    code = "filter_name_taken"
    text = _("You have a filter “{name}” on this list already. Choose another name, or remove that one first.")


class TooManyFilters(Conflict):
    """The person has as many on this list as one may have."""

    code = "too_many_filters"
    text = _("You have {most} saved filters on this list, and more are not kept. Remove one first.")


class NoSuchFilter(NotFound):
    """The person has none such (any more)."""

    code = "no_such_filter"
    text = _("You have no such saved filter. It may have been removed already.")


@operation
def save_filter(*, actor: User, page: str, name: str, query: str, now: datetime) -> SavedFilter:
    """
    Keep a filter of a list under a name of the actor's own.

    :param page: the name of the list's address.
    :param query: of the list's address; what does not filter the list is left out.
    :raises UnknownList: there is no such list.
    :raises NoFilterName: the name is empty or too long.
    :raises NothingFiltered: the query filters nothing.
    :raises FilterTooLong: it is too long.
    :raises FilterNameTaken: the actor has a filter of this name there.
    :raises TooManyFilters: the actor has too many there.
    """
    found = LISTS.get(page)
    if found is None:
        raise UnknownList
    name, query = " ".join(name.split()), found.filter_of(query)
    if not 0 < len(name) <= LONGEST_NAME:
        raise NoFilterName(most=LONGEST_NAME)
    if not query:
        raise NothingFiltered
    if len(query) > LONGEST_QUERY:
        raise FilterTooLong
    user = User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    own = SavedFilter.objects.filter(user=user, page=page)
    if own.filter(name__iexact=name).exists():
        raise FilterNameTaken(name=name)
    if own.count() >= MOST:
        raise TooManyFilters(most=MOST)
    made = SavedFilter.objects.create(user=user, page=page, name=name, query=query, created_at=now)
    change = audit.Change(after=_facts(made))
    audit.record("user.filter_saved", actor=actor, subject=user, at=now, change=change)
    return made


@operation
def remove_filter(*, actor: User, pk: int, now: datetime) -> SavedFilter:
    """
    Keep a filter no longer.

    :raises NoSuchFilter: the actor has none such.
    """
    found = SavedFilter.objects.select_for_update(of=("self",)).filter(user=actor, pk=pk).first()
    if found is None:
        raise NoSuchFilter
    change = audit.Change(before=_facts(found))
    found.delete()
    audit.record("user.filter_removed", actor=actor, subject=actor, at=now, change=change)
    return found


def _facts(one: SavedFilter) -> dict[str, object]:
    return {"list": one.page, "name": one.name, "query": one.query}
