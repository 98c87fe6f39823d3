"""The disputes' pages: the list, one dispute with what can be done about it, and opening one in a party's name."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from rfq import operations
from rfq.forms import AssignForm, NoteForm, OpenForm, ResolveForm
from rfq.models import Dispute
from rfq.queries import disputes as queries
from rfq.queries.disputes import Counts, Criteria, Detail
from rfq.views.dispute_tables import DISPUTES, criteria_of
from trading.lib import clock, http
from trading.lib.errors import Conflict
from users import access, capabilities
from users.access import console
from users.listing import listing
from users.models import User
from users.queries import events_about
from users.views.attempting import attempt

CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Desk:
    """What the reader can do about a dispute; nothing of it for who only looks, and when it is over."""

    assign: AssignForm | None = None
    note: NoteForm | None = None
    resolve: ResolveForm | None = None
    may_give_back: bool = False
    took_part: bool = False


@listing("rfq:disputes", lazy("Disputes"), "tab", "kind", "q", table=DISPUTES)
@require_safe
@console("dispute.view")
def disputes(request: HttpRequest) -> HttpResponse:
    """List the disputes that are not over, the reader's own, the resolved ones, or all."""
    actor = access.actor(request)
    criteria = criteria_of(request.GET, actor)
    page, counts = queries.page(criteria), queries.counts(actor)
    version = http.fingerprint([(row.ref, row.updated_at) for row in page.rows], counts, page.older, now=clock.now())
    if http.is_unchanged(request, version):
        return http.nothing_new()
    template = "rfq/disputes/list.html#live" if http.is_poll(request) else "rfq/disputes/list.html"
    context = {
        "room": "disputes",
        "open_disputes": counts.live,
        "page": page,
        "criteria": criteria,
        "actor": actor,
        "tabs": _tabs(request, criteria, counts),
        "kinds": Dispute.Kind.choices,
        "is_filtered": bool(criteria.text or criteria.kind),
        "poll_url": http.poll_url(request, version),
        "older_url": http.url_with(request, before=page.older) if page.older else "",
        "newest_url": http.url_with(request, before=None) if criteria.before else "",
    }
    return render(request, template, context)


@require_safe
@console("dispute.view")
def dispute(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one dispute: the trade, what was said, what happened, what the reader can do."""
    return _show(request, ref)


@console("dispute.handle")
def new(request: HttpRequest, fill: str) -> HttpResponse:
    """
    Open a dispute in the name of a party that called or wrote.

    :raises NotFound: there is no such trade, or not for this reader.
    """
    actor = access.actor(request)
    trade = queries.fill_of(fill, reader=actor)
    form = OpenForm(request.POST if request.method == "POST" else None, fill=trade)
    made: list[Dispute] = []
    status = attempt(
        form,
        lambda: made.append(operations.open_dispute(complaint=form.complaint(), actor=actor, now=clock.now())),
    )
    if status is None:
        messages.success(request, _("%(ref)s is open.") % {"ref": made[0].ref})
        return redirect("rfq:dispute", made[0].ref)
    return render(request, "rfq/disputes/new.html", {"room": "disputes", "fill": trade, "form": form}, status=status)


@require_safe
@console("dispute.view")
def attachment(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """Send a file of a dispute, always as a download; who took it is noted."""
    actor = access.actor(request)
    file = operations.read_attachment(dispute_ref=ref, number=number, actor=actor, now=clock.now())
    response = HttpResponse(bytes(file.content), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file.name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@require_POST
@console("dispute.handle")
def assignment(request: HttpRequest, ref: str) -> HttpResponse:
    """Give the dispute to somebody."""
    actor = access.actor(request)
    found = queries.detail(ref, reader=actor)
    form = AssignForm(request.POST, people=queries.handlers(found.dispute.fill), actor=actor)
    return _attempt(
        request,
        ref,
        Desk(assign=form),
        lambda: operations.assign_dispute(dispute_ref=ref, to=form.chosen, actor=actor, now=clock.now()),
        _("%(ref)s is assigned."),
    )


@require_POST
@console("dispute.handle")
def giving_back(request: HttpRequest, ref: str) -> HttpResponse:
    """Let somebody else take the dispute."""
    try:
        operations.unassign_dispute(dispute_ref=ref, actor=access.actor(request), now=clock.now())
    except Conflict as error:
        messages.warning(request, error.sentence)
        return _show(request, ref, status=CONFLICT)
    messages.success(request, _("%(ref)s can be taken by somebody else.") % {"ref": ref})
    return redirect("rfq:dispute", ref)


@require_POST
@console("dispute.handle")
def notes(request: HttpRequest, ref: str) -> HttpResponse:
    """Add a note, for the desk alone or for the party, too."""
    form, actor = NoteForm(request.POST), access.actor(request)
    return _attempt(
        request,
        ref,
        Desk(note=form),
        lambda: operations.add_note(dispute_ref=ref, remark=form.remark(), actor=actor, now=clock.now()),
        _("The note on %(ref)s is kept."),
    )


@require_POST
@console("dispute.handle")
def resolution(request: HttpRequest, ref: str) -> HttpResponse:
    """
    Say what came of the dispute.

    :raises TookPart: the reader took part in the trade.
    """
    form, actor = ResolveForm(request.POST), access.actor(request)
    return _attempt(
        request,
        ref,
        Desk(resolve=form),
        lambda: operations.resolve_dispute(
            dispute_ref=ref,
            outcome=form.cleaned_data["outcome"],
            text=form.cleaned_data["text"],
            actor=actor,
            now=clock.now(),
        ),
        _("%(ref)s is resolved. The party is told."),
    )


def _attempt(request: HttpRequest, ref: str, desk: Desk, act: Callable[[], object], done: str) -> HttpResponse:
    """Do it and show the dispute, or show it with the form as it was filled in."""
    form = desk.assign or desk.note or desk.resolve
    if form is None:
        raise TypeError("nothing was filled in")
    status = attempt(form, act)
    if status is not None:
        return _show(request, ref, desk, status=status)
    messages.success(request, done % {"ref": ref})
    return redirect("rfq:dispute", ref)


def _show(request: HttpRequest, ref: str, sent: Desk | None = None, *, status: int = 200) -> HttpResponse:
    actor = access.actor(request)
    found = queries.detail(ref, reader=actor)
    events = events_about([ref])
    version = http.fingerprint(
        found.dispute.updated_at, len(found.notes), len(found.files), len(events), now=clock.now()
    )
    if http.is_unchanged(request, version):
        return http.nothing_new()
    context = {
        "room": "disputes",
        "dispute": found.dispute,
        "notes": found.notes,
        "files": found.files,
        "events": events,
        "poll_url": f"{reverse('rfq:dispute', args=[ref])}?{http.VERSION_PARAMETER}={version}",
    }
    if http.is_poll(request):
        return render(request, "rfq/disputes/detail.html#live", context)
    context |= {"desk": _desk(found, actor, sent or Desk()), "actor": actor}
    return render(request, "rfq/disputes/detail.html", context, status=status)


def _desk(found: Detail, actor: User, sent: Desk) -> Desk:
    """What the reader can do, with the form that was sent as it was, even if it can no longer be done."""
    dispute = found.dispute
    if not dispute.is_live or not capabilities.holds(actor, queries.HANDLE):
        return sent
    desk = replace(sent, note=sent.note or NoteForm())
    if dispute.status == Dispute.Status.OPEN:
        people = queries.handlers(dispute.fill)
        return replace(desk, assign=sent.assign or AssignForm(people=people, actor=actor))
    desk = replace(desk, may_give_back=True)
    if dispute.assigned_to_id != actor.pk:
        return desk
    if queries.took_part(actor, dispute.fill):
        return replace(desk, took_part=True)
    return replace(desk, resolve=sent.resolve or ResolveForm())


def _tabs(request: HttpRequest, criteria: Criteria, counts: Counts) -> list[dict[str, object]]:
    labels = {"open": _("Not over"), "mine": _("Handled by me"), "resolved": _("Resolved"), "all": _("All")}
    return [
        {
            "key": tab,
            "label": label,
            "url": http.url_with(request, tab=tab, before=None),
            "current": tab == criteria.tab,
            "count": counts.of(tab),
        }
        for tab, label in labels.items()
    ]
