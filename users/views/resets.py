"""Password resets: handing the code to its proposer, this once, and setting a new password with it."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from trading.lib import clock
from trading.lib.errors import Conflict
from users import access, operations
from users.access import console
from users.forms import NewPasswordForm
from users.operations.passwords import WrongResetCode
from users.queries import passwords as queries
from users.views.proposing import INVALID


@require_POST
@console("user.view")
def collection(request: HttpRequest, ref: str, reset: str) -> HttpResponse:
    """
    Show a reset's code to its proposer, this once.

    :raises Forbidden: somebody else proposed it.
    """
    found = queries.of_login(ref, reset)
    try:
        code = operations.collect_reset(reset_ref=found.ref, actor=access.actor(request), now=clock.now())
    except Conflict as error:
        messages.warning(request, error.sentence)
        return redirect("users:user", ref)
    where = request.build_absolute_uri(reverse("users:new-password"))
    context = {"room": "users", "subject": found.user, "reset": found, "code": code, "where": where}
    return render(request, "users/reset_code.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest) -> HttpResponse:
    """Ask for the code and a new password. The second factor is asked for at the sign-in, as ever."""
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _set(form):
        messages.success(request, _("Your new password is set. Sign in with it and your one-time code."))
        return access.seal_off(redirect("users:sign-in"))
    status = INVALID if form.is_bound else 200
    return access.seal_off(render(request, "users/new_password.html", {"form": form}, status=status))


def _set(form: NewPasswordForm) -> bool:
    """Set it; otherwise say at the form what is wrong."""
    code, password = form.cleaned_data["reset_code"], form.cleaned_data["new_password"]
    try:
        operations.set_new_password(code=code, password=password, now=clock.now())
    except WrongResetCode as error:
        form.add_error("reset_code", error.sentence)
    except ValidationError as error:
        form.add_weaknesses(error)
    else:
        return True
    return False
