"""What every list page offers: keeping its filter under a name, removing one, taking a copy away."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trading.lib import clock, sheets
from trading.lib.documents import CSV
from users import access, operations
from users.access import console
from users.forms import FilterForm
from users.listing import LISTS, Table
from users.operations.filters import UnknownList
from users.views.attempting import attempt

PORTION = 500


@require_POST
@console("console.view")
def saving(request: HttpRequest, page: str) -> HttpResponse:
    """
    Keep the filter that a list is shown with, under a name.

    :raises UnknownList: there is no such list.
    """
    found = LISTS.get(page)
    if found is None:
        raise UnknownList
    actor, form = access.actor(request), FilterForm(request.POST)
    status = attempt(
        form,
        lambda: operations.save_filter(
            actor=actor,
            page=page,
            name=form.cleaned_data["name"],
            query=form.cleaned_data["query"],
            now=clock.now(),
        ),
        field="name",
    )
    query = found.filter_of(form.data.get("query", ""))
    if status is not None:
        context = {"form": form, "listing": found, "back": found.url(query)}
        return render(request, "users/filter.html", context, status=status)
    messages.success(request, _("The filter is saved: find it under “Saved filters”."))
    return redirect(found.url(query))


@require_POST
@console("console.view")
def removal(request: HttpRequest, pk: int) -> HttpResponse:
    """
    Keep a filter no longer, and go back to where one was.

    :raises NoSuchFilter: the reader has none such.
    """
    gone = operations.remove_filter(actor=access.actor(request), pk=pk, now=clock.now())
    messages.success(request, _("The filter “%(name)s” is removed.") % {"name": gone.name})
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "users:profile")


@require_POST
@console("history.export")
def export(request: HttpRequest, page: str) -> HttpResponseBase:
    """
    Send what a list's filter lets through, oldest first, and note in the log who took it.

    :raises UnknownList: there is no such list, or no copy of it.
    :raises MissingCapability: the reader may not see the list.
    :raises TooMuchHistory: more rows than one copy holds.
    """
    found, actor, now = LISTS.get(page), access.actor(request), clock.now()
    if found is None or found.table is None:
        raise UnknownList
    query = found.filter_of(request.POST.get("query", ""))
    last = operations.record_list_export(page=page, query=query, actor=actor, now=now)
    rows = found.table.rows(QueryDict(query), actor).filter(pk__lte=last)
    response = StreamingHttpResponse(_lines(found.table, rows), content_type=CSV)
    name = page.replace(":", "-").replace("_", "-")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{now:%Y%m%d-%H%M%S}.csv"'
    return response


def _lines(table: Table, rows: QuerySet[Any]) -> Iterator[str]:
    """Each portion is a short statement of its own."""
    yield sheets.line(table.columns)
    found, after = rows.order_by("pk"), 0
    while portion := list(found.filter(pk__gt=after)[:PORTION]):
        for row in portion:
            yield sheets.line(table.line(row))
        after = portion[-1].pk
