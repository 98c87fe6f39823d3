"""What two people decide about settlements that wait: release, cancel, the backlog, and the limits of all that."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import autosettle, policies
from settlement.models import Settlement, SettlementPolicy
from settlement.operations import releasing, reviewing
from settlement.operations.releasing import NotReleasable, locked, require_payable
from settlement.own_acts.limits import ChangeLimits, Limits
from settlement.own_acts.proofs import void_of
from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, is_number

Status = Settlement.Status
RELEASABLE = (Status.FLAGGED_OFF, Status.AWAITING_APPROVAL)
CANCELLABLE = (
    Status.AWAITING_FUNDS,
    Status.FLAGGED_OFF,
    Status.AWAITING_APPROVAL,
    Status.APPROVED,
    Status.BLOCKED,
)
LARGEST_THRESHOLD = Decimal(10) ** 12


class NotCancellable(Conflict):
    """It is paid, being paid, or cancelled."""

    code = "not_cancellable"
    text = lazy("{ref} cannot be cancelled: it is {status}.")


class NothingWaits(Conflict):
    """No small settlement is flagged off."""

    code = "nothing_waits"
    text = lazy("Nothing waits that a batch could release.")


class SamePolicy(Conflict):
    """What is proposed holds already."""

    code = "same_settlement_policy"
    text = lazy("These limits hold already.")


class OnSettlement(Act):
    """An act on one settlement. Its client's scope is the act's."""

    subject_type = "settlement"
    fields: ClassVar[dict[str, str | Promise]] = {
        "client": lazy("Client"),
        "trade": lazy("Trade"),
        "status": lazy("Status"),
        "amount": lazy("Amount"),
        "destination": lazy("Destination"),
    }

    def row(self, subject_ref: str) -> Settlement:
        """
        The settlement the act is about.

        :raises NotFound: there is none.
        """
        rows = Settlement.objects.select_related("client", "lp", "quote_asset", "destination")
        found = rows.filter(ref=subject_ref).first()
        if found is None:
            raise NotFound
        return found

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose trade it is."""
        return Settlement.objects.filter(ref=subject_ref).values_list("client", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose, how much, where to, and how it stands."""
        row = self.row(subject_ref)
        return {
            "client": row.client.name,
            "trade": row.trade_ref,
            "status": row.status,
            "amount": f"{row.base_amount:f}",
            "destination": str(row.destination or ""),
        }

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """The terms, and the status now and after."""
        row = self.row(subject_ref)
        fiat = f"{row.quote_amount.normalize():f} {row.quote_asset_id}"
        terms = [
            (lazy("Client"), row.client.name),
            (lazy("Amount"), f"{row.base_amount.normalize():f} USDT"),
            (lazy("Against"), fiat),
            (lazy("Destination"), str(row.destination or _("Balance at the desk"))),
        ]
        return [
            *(Line(words, value, value) for words, value in terms),
            Line(lazy("Status"), row.get_status_display(), str(self.after)),
        ]

    after: ClassVar[str | Promise] = ""


class ReleaseSettlement(OnSettlement):
    """Pay a settlement that waits for people, whatever the flag says."""

    name, title, after = "settlement.release", lazy("Release settlement"), Status.APPROVED.label

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits."""
        row = self.row(subject_ref)
        if payload:
            raise BadPayload(field="terms")
        if row.status not in RELEASABLE:
            raise NotReleasable(ref=row.ref, status=row.get_status_display())

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Send it on, after looking again at what could stop it."""
        settlement = locked(request.subject_ref)
        self.check(request.subject_ref, request.payload)
        require_payable(settlement, autosettle.read(), now=now)
        before = settlement.status
        releasing.send_on(settlement, why="released", now=now)
        change = acts.carried(request, before={"status": before}, after={"status": settlement.status})
        audit.record("settlement.released", actor=request.requested_by, subject=settlement, at=now, change=change)
        return _("%(ref)s is on its way.") % {"ref": settlement.ref}


class CancelSettlement(OnSettlement):
    """
    End a settlement undelivered: the client's hold goes, LP and desk owe each other nothing for it.

    One in review takes the proof that its payment can never happen any more: ``{"check": "CHK-…"}``.
    """

    name, title, after = "settlement.cancel", lazy("Cancel settlement"), Status.CANCELLED.label

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Nothing of it is paid or signed."""
        row = self.row(subject_ref)
        if row.status == Status.NEEDS_REVIEW:
            void_of(row, payload)
            return
        if payload:
            raise BadPayload(field="terms")
        if row.status not in CANCELLABLE:
            raise NotCancellable(ref=row.ref, status=row.get_status_display())

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Cancel it. The trade itself stays as it was booked."""
        settlement = locked(request.subject_ref)
        self.check(request.subject_ref, request.payload)
        before = settlement.status
        payment = reviewing.latest(settlement)
        if payment is not None:
            reviewing.abandon(payment, now=now)
        releasing.cancel(settlement, now=now)
        after = {"status": settlement.status, **request.payload}
        change = acts.carried(request, before={"status": before}, after=after)
        audit.record("settlement.cancelled", actor=request.requested_by, subject=settlement, at=now, change=change)
        return _("%(ref)s is cancelled, and what was held for it is free.") % {"ref": settlement.ref}


class ReleaseBacklog(Act):
    """Release the oldest small settlements that are flagged off, so many at most: ``{"number": 50}``."""

    name, title, subject_type = "backlog.release", lazy("Release the backlog"), "flag"
    fields: ClassVar[dict[str, str | Promise]] = {"name": lazy("Flag")}

    def state(self, subject_ref: str) -> dict[str, object]:
        """Nothing that must stay as it was: each one is looked at again."""
        if subject_ref != autosettle.FLAG:
            raise NotFound
        return {"name": autosettle.FLAG}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Something waits, and the number is within the policy's batch."""
        self.state(subject_ref)
        policy = policies.current()
        if set(payload) != {"number"} or not is_number(payload["number"], 1, policy.backlog_batch):
            raise BadPayload(field="number")
        if not releasing.backlog(policy.release_threshold).exists():
            raise NothingWaits

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """How many wait and how many go on at most; who decides sees what it comes to now."""
        policy = policies.current()
        number = payload.get("number", policy.backlog_batch)
        waiting = list(releasing.backlog(policy.release_threshold).values_list("base_amount", flat=True))
        batch = waiting[:number]
        total = sum(batch, Decimal(0))
        return [
            Line(lazy("Waiting"), str(len(waiting)), str(len(waiting) - len(batch))),
            Line(lazy("Released at most"), "–", f"{len(batch)} · {total.normalize():,f} USDT"),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Release them; those that cannot be paid stay, with the reason in the evidence."""
        self.check(request.subject_ref, request.payload)
        number = request.payload["number"]
        released, left = releasing.release_batch(number=number, gate=autosettle.read(), now=now)
        change = acts.carried(request, before={}, after={"released": released, "left": left})
        audit.record("backlog.released", actor=request.requested_by, subject=request, at=now, change=change)
        return _("%(number)s settlements are on their way, %(left)s stay.") % {
            "number": len(released),
            "left": len(left),
        }


class ChangeSettlementPolicy(ChangeLimits):
    """
    Other limits: ``{"release_threshold": "100000", "backlog_batch": 50, "most_waiting": 2000, "oldest_hours": 72,
    "sla_minutes": 15}``.

    The threshold is USDT, a text of plain digits.
    """

    name, title, subject_type = "settlement_policy.change", lazy("Change settlement limits"), "settlement_policy"
    fields: ClassVar[dict[str, str | Promise]] = policies.FIELDS
    terms: ClassVar[Limits] = policies
    policy: ClassVar[type[Model]] = SettlementPolicy
    same: ClassVar[type[Conflict]] = SamePolicy

    def columns(self, payload: Payload) -> dict[str, Any]:
        """Numbers within their bounds."""
        for name, highest in policies.HIGHEST.items():
            if not is_number(payload[name], 1, highest):
                raise BadPayload(field=name)
        threshold = policies.amount_of(payload["release_threshold"])
        if threshold is None or not 0 < threshold < LARGEST_THRESHOLD:
            raise BadPayload(field="release_threshold")
        return {**payload, "release_threshold": threshold}

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write the next version down."""
        change = self.write(request, now=now)
        audit.record("settlement_policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("The limits of settlement are changed.")
