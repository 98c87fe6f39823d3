"""Whom one of the desk's people serves: taking away at once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from trading.lib import clock
from users import access, operations
from users.access import console
from users.forms import NarrowScopeForm
from users.queries import people, scopes
from users.views.attempting import attempt


@console("scope.narrow")
def scope(request: HttpRequest, ref: str) -> HttpResponse:
    """Ask whom a login goes on serving, and why; it happens at once."""
    actor = access.actor(request)
    subject = people.detail(ref, reader=actor).user
    form = NarrowScopeForm(request.POST if request.method == "POST" else None, scope="scope")
    status = attempt(
        form,
        lambda: operations.narrow_scope(
            user=subject,
            keep=form.cleaned_data["keep"],
            actor=actor,
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        ),
    )
    if status is None:
        messages.success(request, _("%(user)s serves less from now on.") % {"user": subject.username})
        return redirect("users:user", ref)
    context = {"room": "users", "subject": subject, "served": scopes.served(subject), "form": form}
    return render(request, "users/scope.html", context, status=status)
