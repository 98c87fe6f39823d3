"""The page of all component templates. It is there in the sandbox and while one builds, and nowhere else."""

import re
from itertools import groupby

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from trading.lib import clock
from trading.showroom import alerts, market, money, people, plain
from trading.showroom.facts import Facts, Sample, Samples
from users import access
from users.access import console

FOLDER = settings.BASE_DIR / "templates/components"
PARTS: tuple[Samples, ...] = (plain.samples, people.samples, market.samples, money.samples, alerts.samples)
# Parts of the frame that this page itself stands in: they are seen around it, and there is one of each on a page.
FRAME = frozenset({"keys", "languages", "live", "logo", "menu", "search", "user_menu", "voice"})
# Shown within others alone: rows of a table, which are nothing by themselves.
WITHIN = {"scorecard_cells": "scorecard_parts"}
LISTED = frozenset({"wallet"})  # a point of a list
IDS = re.compile(r'\s(id|for|aria-labelledby|aria-describedby|aria-controls|popovertarget|headers|list)="([^"]+)"')
LINKS = re.compile(r'\shref="#([^"]+)"')
LABELS = re.compile(r'\saria-label="([^"]+)"')


@require_safe
@console("console.view")
def components(request: HttpRequest) -> HttpResponse:
    """
    Show every component in its states.

    :raises Http404: this is no sandbox.
    """
    if not (settings.DEBUG or settings.IS_SANDBOX):
        raise Http404
    facts = Facts(reader=access.actor(request), now=clock.now(), csrf_token=get_token(request))
    samples = sorted((sample for part in PARTS for sample in part(facts)), key=lambda sample: sample.component)
    shown = [(one.component, number, one.state, drawn(one, number)) for number, one in enumerate(samples)]
    groups = [(name, [row[1:] for row in rows]) for name, rows in groupby(shown, key=lambda row: row[0])]
    return render(request, "trading/components.html", {"room": "components", "groups": groups})


def drawn(sample: Sample, number: int) -> SafeString:
    """
    The component as it is, with ids and labels of its own on a page that shows it more than once.

    Its region is also called by its caption, `sample-…` on the page.
    """
    html: str = render_to_string(f"components/{sample.component}.html", dict(sample.given))
    caption = f"sample-{number}"

    def apart(found: re.Match[str]) -> str:
        names = " ".join(f"{name}--{number}" for name in found[2].split())
        return f' {found[1]}="{names}{f" {caption}" if found[1] == "aria-labelledby" else ""}"'

    html = IDS.sub(apart, html)
    html = LINKS.sub(rf' href="#\1--{number}"', html)
    html = LABELS.sub(lambda found: f' aria-label="{found[1]} ({escape(sample.component)} {number})"', html)
    html = f'<ul class="list">{html}</ul>' if sample.component in LISTED else html
    return mark_safe(html)  # noqa: S308 - what a template drew, with names changed
