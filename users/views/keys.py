"""A login's API keys: collecting a new one, once, and revoking."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trading.lib import clock
from trading.lib.errors import Conflict
from users import access, operations
from users.access import console
from users.forms import ReasonForm
from users.queries import keys as queries
from users.views.attempting import attempt

REVOKE = "users/key_revocation.html"


@require_POST
@console("user.view")
def collection(request: HttpRequest, ref: str, key: str) -> HttpResponse:
    """
    Show a new key to its proposer, this once.

    :raises Forbidden: somebody else proposed it.
    """
    found = queries.of_login(ref, key)
    try:
        text = operations.collect_key(key_ref=found.ref, actor=access.actor(request), now=clock.now())
    except Conflict as error:
        messages.warning(request, error.sentence)
        return redirect("users:user", ref)
    context = {"room": "users", "subject": found.user, "key": found, "text": text}
    return render(request, "users/key.html", context)


@console("key.revoke")
def revocation(request: HttpRequest, ref: str, key: str) -> HttpResponse:
    """Ask for a reason, and end a key at once."""
    found = queries.of_login(ref, key)
    form = ReasonForm(request.POST if request.method == "POST" else None, scope="revoke-key")
    status = attempt(
        form,
        lambda: operations.revoke_key(
            key_ref=found.ref, actor=access.actor(request), reason=form.cleaned_data["reason"], now=clock.now()
        ),
    )
    if status is None:
        messages.success(request, _("%(key)s is revoked. It does not work any more.") % {"key": found.ref})
        return redirect("users:user", ref)
    context = {"room": "users", "subject": found.user, "key": found, "form": form}
    return render(request, REVOKE, context, status=status)
