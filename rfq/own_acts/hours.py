"""When a client or an LP may trade."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq import hours
from rfq.models import TradingHours
from rfq.own_acts.base import NothingChanges, OnParty
from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, Counterparty
from users.own_acts.base import BadPayload

ALWAYS = {"always": True}


class ChangeHours(OnParty):
    """
    Other trading hours, ``{"time_zone": "Europe/Berlin", "windows": [{"days": [0], "from": "09:00", "to": "17:00"}]}``.

    Or none, so that it is always open: ``{"always": true}``.
    """

    name, title, kind = "hours.change", lazy("Change trading hours"), ""
    fields: ClassVar[dict[str, str | Promise]] = {
        **OnParty.fields,
        "time_zone": lazy("Time zone"),
        "windows": lazy("Trading hours"),
    }

    def state(self, subject_ref: str) -> dict[str, object]:
        """The counterparty and its hours."""
        party = self.party(subject_ref)
        row = _row(party)
        zone, windows = (row.time_zone, hours.plain(row.windows)) if row else (None, [])
        return {"name": party.name, "time_zone": zone, "windows": windows}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """A zone and windows that can be kept, and something that changes."""
        row = _row(self.party(subject_ref))
        if dict(payload) == ALWAYS:
            if row is None:
                raise NothingChanges
            return
        if set(payload) != {"time_zone", "windows"} or not isinstance(payload["time_zone"], str):
            raise BadPayload(field="terms")
        hours.parse(payload["time_zone"], payload["windows"])
        if row and (row.time_zone, row.windows) == (payload["time_zone"], payload["windows"]):
            raise NothingChanges

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Zone and windows, now and after."""
        row = _row(self.party(subject_ref))
        now = (row.time_zone, row.windows) if row else (None, [])
        zone, windows = payload.get("time_zone"), payload.get("windows", [])
        return [
            Line(lazy("Time zone"), now[0] or "–", zone or "–"),
            Line(lazy("Trading hours"), _shown(now[1]), _shown(windows)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write them down, or take them away."""
        self.check(request.subject_ref, request.payload)
        party, wanted = self.party(request.subject_ref), request.payload
        before = {name: value for name, value in self.state(request.subject_ref).items() if name != "name"}
        if wanted == ALWAYS:
            TradingHours.objects.filter(counterparty=party).delete()
        else:
            defaults = {"time_zone": wanted["time_zone"], "windows": wanted["windows"]}
            TradingHours.objects.update_or_create(counterparty=party, defaults=defaults)
        change = acts.carried(request, before=before, after=wanted)
        audit.record("hours.changed", actor=request.requested_by, subject=party, at=now, change=change)
        return _("%(party)s trades within these hours from now on.") % {"party": party.name}


def _row(party: Counterparty) -> TradingHours | None:
    return TradingHours.objects.filter(counterparty=party).first()


def _shown(windows: list[Mapping[str, Any]]) -> str:
    return "; ".join(hours.words(windows)) or _("always open")
