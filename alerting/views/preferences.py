"""What the reader is told, by which channel and how loudly; and where they are mailed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from alerting import letters, mailboxes
from alerting import preferences as choosing
from alerting.forms.told import AddressForm, LevelsForm, ProofOfAddressForm
from trading.lib import clock
from trading.lib.errors import Unavailable
from users import access
from users.access import console
from users.forms import ConsoleForm
from users.models import User
from users.queries import people
from users.views.attempting import attempt

UNAVAILABLE = 503


@require_safe
@console("console.view")
def preferences(request: HttpRequest) -> HttpResponse:
    """Show the reader's own choices."""
    return _show(request)


@require_POST
@console("console.view")
def levels(request: HttpRequest) -> HttpResponse:
    """Keep how the reader hears of each topic, and their quiet hours."""
    actor = access.actor(request)
    form = LevelsForm(request.POST, user=actor)
    status = attempt(form, lambda: _keep(form, actor), field="quiet_hours")
    if status is not None:
        return _show(request, levels=form, status=status)
    messages.success(request, _("Kept."))
    return redirect("alerting:preferences")


def _keep(form: LevelsForm, actor: User) -> None:
    now = clock.now()
    choosing.set_quiet_hours(actor=actor, window=form.cleaned_data["quiet_hours"] or "off", now=now)
    for topic, channel, level in form.choices():
        choosing.choose_level(actor=actor, topic=topic, channel=channel, level=level, now=now)


@require_POST
@console("console.view")
def address(request: HttpRequest) -> HttpResponse:
    """Mail a code to the address that was written."""
    actor, form = access.actor(request), AddressForm(request.POST)
    try:
        status = attempt(
            form,
            lambda: mailboxes.ask_address(actor=actor, address=form.cleaned_data["address"], now=clock.now()),
            field="address",
        )
    except Unavailable as error:
        form.add_error(None, error.sentence)
        status = UNAVAILABLE
    if status is not None:
        return _show(request, address=form, status=status)
    messages.success(request, _("A code is on its way to this address. Enter it below."))
    return redirect("alerting:preferences")


@require_POST
@console("console.view")
def proof(request: HttpRequest) -> HttpResponse:
    """Take the code that was mailed."""
    actor, form = access.actor(request), ProofOfAddressForm(request.POST)

    def prove() -> None:
        done = mailboxes.prove_address(actor=actor, code=form.cleaned_data["mail_code"], now=clock.now())
        if isinstance(done, mailboxes.WrongProof):
            raise done

    status = attempt(form, prove, field="mail_code")
    if status is not None:
        return _show(request, proof=form, status=status)
    messages.success(request, _("Proved: the desk mails you from now on."))
    return redirect("alerting:preferences")


@require_POST
@console("console.view")
def ending(request: HttpRequest) -> HttpResponse:
    """Be mailed no more."""
    mailboxes.leave_address(actor=access.actor(request), now=clock.now())
    messages.success(request, _("The desk mails you no more."))
    return redirect("alerting:preferences")


def _show(request: HttpRequest, *, status: int = 200, **bound: ConsoleForm) -> HttpResponse:
    """The page; `bound` are forms to show again with what is wrong."""
    actor = access.actor(request)
    mailbox = mailboxes.address_of(actor)
    forms = {"levels": LevelsForm(user=actor), "address": AddressForm(), "proof": ProofOfAddressForm()}
    links = [link for link in people.links(actor) if link.ended_at is None]
    context = {
        "room": "profile",
        "forms": {**forms, **bound},
        "mailbox": mailbox,
        "mail_is_on": letters.is_on(),
        "link": links[0] if links else None,
        "zone": actor.time_zone,
    }
    return render(request, "alerting/preferences.html", context, status=status)
