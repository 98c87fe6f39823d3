"""Making a login that waits to be let in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from trading.lib import clock
from trading.lib.errors import Conflict
from users import access, operations
from users.access import console
from users.forms import NewcomerForm
from users.queries import scopes
from users.views.proposing import CONFLICT, INVALID


@console("user.create")
def newcomer(request: HttpRequest) -> HttpResponse:
    """Ask who it is, and make a pending login: it can do nothing until two people let it in."""
    actor = access.actor(request)
    form = NewcomerForm(
        request.POST if request.method == "POST" else None, counterparties=scopes.counterparties_of(actor)
    )
    status = 200
    if form.is_bound:
        status = INVALID
        if form.is_valid():
            try:
                made = operations.create_user(new=form.new_user(), actor=actor, now=clock.now())
            except Conflict as error:
                form.add_error("username", error.sentence)
                status = CONFLICT
            else:
                messages.success(
                    request,
                    _("%(user)s waits. Record what was checked, then propose to let them in.")
                    % {"user": made.username},
                )
                return redirect("users:user", made.ref)
    return render(request, "users/newcomer.html", {"room": "users", "form": form}, status=status)
