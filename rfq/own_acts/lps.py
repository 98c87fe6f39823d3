"""An LP's cap and automatic pause, and the end of a pause that was not its own."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq.models import LpTerms
from rfq.own_acts.base import NothingChanges, NotPaused, OnParty
from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, Counterparty
from users.own_acts.base import BadPayload, amount_of, grouped, is_number, plain

FEWEST, MOST, WHOLE = 5, 1000, 100
RATES = ("minimum_response_percent", "maximum_reject_percent")
TERMS: dict[str, str | Promise] = {
    "unsettled_cap": lazy("Cap on unsettled trades (USDT)"),
    "pause_window": lazy("RFQs the rates are taken over"),
    "minimum_response_percent": lazy("Least share of RFQs answered (%)"),
    "maximum_reject_percent": lazy("Largest share of answers refused (%)"),
}


class ChangeLpTerms(OnParty):
    """
    Another cap or other numbers of the automatic pause; what is null is without.

    ``{"unsettled_cap": "2000000", "pause_window": 20, "minimum_response_percent": 50, "maximum_reject_percent": null}``
    """

    name, title, kind = "lp_terms.change", lazy("Change LP terms"), Counterparty.Kind.LP
    fields: ClassVar[dict[str, str | Promise]] = {**OnParty.fields, **TERMS}

    def state(self, subject_ref: str) -> dict[str, object]:
        """The LP and its terms. A pause does not change them."""
        party = self.party(subject_ref)
        return {"name": party.name, **_current(party)}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """All terms, in order, and something that changes."""
        party = self.party(subject_ref)
        if set(payload) != set(TERMS):
            raise BadPayload(field="terms")
        if payload["unsettled_cap"] is not None and amount_of(payload, "unsettled_cap", places=6) <= 0:
            raise BadPayload(field="unsettled_cap")
        for rate in RATES:
            if payload[rate] is not None and not is_number(payload[rate], 0, WHOLE):
                raise BadPayload(field=rate)
        has_rate = any(payload[rate] is not None for rate in RATES)
        window = payload["pause_window"]
        if has_rate != (window is not None) or (has_rate and not is_number(window, FEWEST, MOST)):
            raise BadPayload(field="pause_window")
        if _current(party) == _canonical(payload):
            raise NothingChanges

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Every term, now and after."""
        now = _current(self.party(subject_ref))
        return [Line(words, _shown(now[name]), _shown(payload[name])) for name, words in TERMS.items()]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write them down."""
        self.check(request.subject_ref, request.payload)
        party = self.party(request.subject_ref)
        before = _current(party)
        defaults: dict[str, Any] = {**request.payload}
        if defaults["unsettled_cap"] is not None:
            defaults["unsettled_cap"] = Decimal(defaults["unsettled_cap"])
        LpTerms.objects.update_or_create(lp=party, defaults=defaults)
        change = acts.carried(request, before=before, after=request.payload)
        audit.record("lp_terms.changed", actor=request.requested_by, subject=party, at=now, change=change)
        return _("%(lp)s quotes on these terms from now on.") % {"lp": party.name}


def _current(party: Counterparty) -> dict[str, object]:
    row = LpTerms.objects.filter(lp=party).first() or LpTerms()
    return {name: getattr(row, name) for name in TERMS} | {"unsettled_cap": plain(row.unsettled_cap)}


def _canonical(payload: Payload) -> dict[str, object]:
    cap = payload["unsettled_cap"]
    return {**payload, "unsettled_cap": plain(Decimal(cap)) if cap is not None else None}


def _shown(value: object) -> str:
    return "–" if value is None else grouped(value)


class ResumeLp(OnParty):
    """Let an LP quote again that somebody else than itself paused."""

    name, title, kind = "lp.resume", lazy("Resume LP"), Counterparty.Kind.LP
    fields: ClassVar[dict[str, str | Promise]] = {
        **OnParty.fields,
        "paused_at": lazy("Paused"),
        "pause_reason": lazy("Reason of the pause"),
    }

    def state(self, subject_ref: str) -> dict[str, object]:
        """Since when it is paused, and why."""
        party = self.party(subject_ref)
        row = LpTerms.objects.filter(lp=party).first() or LpTerms()
        return {"name": party.name, "paused_at": row.paused_at, "pause_reason": row.pause_reason}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It must be paused."""
        state = self.state(subject_ref)
        if payload:
            raise BadPayload(field="terms")
        if state["paused_at"] is None:
            raise NotPaused(what=state["name"])

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Paused, then not; and why it was."""
        state = self.state(subject_ref)
        return [Line(lazy("Quoting"), _("Paused: %(reason)s") % {"reason": state["pause_reason"]}, _("Goes on"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """End the pause."""
        self.check(request.subject_ref, request.payload)
        party, before = self.party(request.subject_ref), self.state(request.subject_ref)
        LpTerms.objects.filter(lp=party).update(paused_at=None, paused_by=None, pause_reason="")
        change = acts.carried(request, before={"pause_reason": before["pause_reason"]}, after={"paused": False})
        audit.record("lp.resumed", actor=request.requested_by, subject=party, at=now, change=change)
        return _("%(lp)s may quote again.") % {"lp": party.name}
