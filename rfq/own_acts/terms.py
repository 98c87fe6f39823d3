"""A client's terms on a pair, and the end of a client's freeze."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq.models import Pair, TradingTerms
from rfq.own_acts.base import NothingChanges, OnParty
from trading.lib.errors import Conflict
from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, Counterparty
from users.own_acts.base import BadPayload, amount_of, grouped, plain

HIGHEST_MARKUP = Decimal(1000)
# The terms by name: what they are called, and with how many decimals.
TERMS: dict[str, tuple[str | Promise, int]] = {
    "markup_bps": (lazy("Mark-up (bps)"), 2),
    "minimum": (lazy("Minimum per trade (USDT)"), 6),
    "maximum": (lazy("Maximum per trade (USDT)"), 6),
    "daily_notional": (lazy("Daily notional (USDT)"), 6),
}


class ChangeTerms(OnParty):
    """
    Other terms for a client on one pair, or its first there. Amounts are USDT, texts of plain digits.

    ``{"pair": "USDT/EUR", "markup_bps": "15", "minimum": "100", "maximum": "500000", "daily_notional": "5000000"}``
    """

    name, title = "terms.change", lazy("Change client terms")

    def state(self, subject_ref: str) -> dict[str, object]:
        """The client, and its terms on every pair."""
        party = self.party(subject_ref)
        rows = TradingTerms.objects.filter(counterparty=party).select_related("pair").order_by("pair__code")
        return {"name": party.name, **{row.pair.code: [f"{name} {value}" for name, value in _of(row)] for row in rows}}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """A pair there is, terms in order, and something that changes."""
        party = self.party(subject_ref)
        if set(payload) != {"pair", *TERMS} or not isinstance(payload["pair"], str):
            raise BadPayload(field="terms")
        if not Pair.objects.filter(code=payload["pair"]).exists():
            raise BadPayload(field="pair")
        values = _values(payload)
        if values["markup_bps"] > HIGHEST_MARKUP:
            raise BadPayload(field="markup_bps")
        if not 0 < values["minimum"] <= values["maximum"]:
            raise BadPayload(field="maximum")
        if values["daily_notional"] < values["minimum"]:
            raise BadPayload(field="daily_notional")
        if _current(party, payload["pair"]) == {name: plain(value) for name, value in values.items()}:
            raise NothingChanges

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The terms on this pair, now and after; what stays is shown as well."""
        now = _current(self.party(subject_ref), payload["pair"])
        lines = [Line(lazy("Pair"), payload["pair"] if now else "–", payload["pair"])]
        return lines + [
            Line(words, grouped(now.get(name) or "–"), grouped(payload[name]))
            for name, (words, _places) in TERMS.items()
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write them down."""
        self.check(request.subject_ref, request.payload)
        party, code = self.party(request.subject_ref), request.payload["pair"]
        before = _current(party, code)
        pair = Pair.objects.get(code=code)
        defaults: dict[str, Any] = {**_values(request.payload)}
        TradingTerms.objects.update_or_create(counterparty=party, pair=pair, defaults=defaults)
        change = acts.carried(request, before=before, after=request.payload)
        audit.record("terms.changed", actor=request.requested_by, subject=party, at=now, change=change)
        return _("%(client)s trades %(pair)s on these terms from now on.") % {"client": party.name, "pair": code}


def _values(payload: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: amount_of(payload, name, places=places) for name, (_words, places) in TERMS.items()}


def _of(row: TradingTerms) -> list[tuple[str, str | None]]:
    return [(name, plain(getattr(row, name))) for name in TERMS]


def _current(party: Counterparty, pair: str) -> dict[str, str | None]:
    row = TradingTerms.objects.filter(counterparty=party, pair__code=pair).first()
    return dict(_of(row)) if row else {}


class NotFrozen(Conflict):
    """There is no freeze to end."""

    code = "not_frozen"
    text = lazy("{client} is not frozen.")


class UnfreezeClient(OnParty):
    """Let a frozen client trade again. Freezing takes one person, at once."""

    name, title = "client.unfreeze", lazy("Unfreeze client")
    fields: ClassVar[dict[str, str | Promise]] = OnParty.fields

    def state(self, subject_ref: str) -> dict[str, object]:
        """The client and its status."""
        party = self.party(subject_ref)
        return {"name": party.name, "status": party.status}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It must be frozen."""
        party = self.party(subject_ref)
        if payload:
            raise BadPayload(field="terms")
        if party.status != Counterparty.Status.FROZEN:
            raise NotFrozen(client=party.name)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """The status, now and after."""
        now = self.party(subject_ref).get_status_display()
        return [Line(lazy("Status"), now, str(Counterparty.Status.ACTIVE.label))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Take the step."""
        self.check(request.subject_ref, request.payload)
        party = self.party(request.subject_ref)
        before = party.status
        party.move(Counterparty.Status.ACTIVE, at=now)
        change = acts.carried(request, before={"status": before}, after={"status": party.status})
        audit.record("client.unfrozen", actor=request.requested_by, subject=party, at=now, change=change)
        return _("%(client)s may trade again.") % {"client": party.name}
