"""What two people decide about USDT on a chain: it is the firm's own, or its chain undid it and it is taken off."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement.arrival_reasons import OWN_FUNDS
from settlement.models import Deposit
from settlement.operations import undone_arrivals
from settlement.own_acts.deposits import NotNow, OnDeposit, paid_by_line, plain, shown
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload

Status = Deposit.Status
LONGEST_EVIDENCE = 200
CLIENT, FIRM = "client", "firm"
BEARERS = {CLIENT: lazy("Who it was booked for"), FIRM: lazy("The firm")}


class OnArrival(OnDeposit):
    """An act on what came on a chain: the details name amount and transaction, and one thing more."""

    def require(self, row: Deposit, payload: Payload, *, status: str, more: str) -> None:
        """
        Refuse what is not there, or other details than the chain's.

        :raises NotNow: it is not (any more) what the act is about.
        :raises BadPayload: the details are not its.
        """
        if row.status != status or not row.is_on_chain:
            raise NotNow(ref=row.ref, status=row.get_status_display())
        if set(payload) != {"amount", "transaction", more}:
            raise BadPayload(field="terms")
        for field, told in (("amount", plain(row)), ("transaction", row.tx_hash)):
            if payload[field] != told:
                raise BadPayload(field=field)


class TakeOwn(OnArrival):
    """
    Book what waits in suspense as the firm's own: it topped its wallet up.

    ``{"amount": "…", "transaction": "0x…", "evidence": "…"}``: where an auditor finds that the firm sent it.
    """

    name, title = "deposit.take_own", lazy("Book as the firm's own money")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits in suspense, and it is said where the evidence is."""
        self.require(self.row(subject_ref), payload, status=Status.SUSPENSE, more="evidence")
        evidence = payload["evidence"]
        if not isinstance(evidence, str) or not evidence.strip() or len(evidence) > LONGEST_EVIDENCE:
            raise BadPayload(field="evidence")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """How much, from where, and the evidence."""
        row = self.row(subject_ref)
        return [
            Line(lazy("Amount"), shown(row), shown(row)),
            paid_by_line(row),
            Line(lazy("Sender"), row.sender, row.sender),
            Line(lazy("Evidence"), "–", str(payload.get("evidence", "–"))),
            Line(lazy("Status"), row.get_status_display(), str(Status.LEFT_OUT.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Out of suspense, into the firm's capital."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        undone_arrivals.take_as_own(row, reason=OWN_FUNDS, now=now)
        change = acts.carried(request, before={"status": "suspense"}, after=request.payload)
        audit.record("deposit.taken_as_own", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(amount)s is the firm's own.") % {"amount": shown(row)}


class TakeOff(OnArrival):
    """
    Take off again what its chain undid: from the balance it was put on, or as a loss of the firm.

    ``{"amount": "…", "transaction": "0x…", "bearer": "client" | "firm"}``.
    """

    name, title = "deposit.take_off", lazy("Take deposit off again")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Its chain undid it, and it is said who bears it."""
        row = self.row(subject_ref)
        self.require(row, payload, status=Status.UNDONE, more="bearer")
        if payload["bearer"] not in BEARERS:
            raise BadPayload(field="bearer")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Whose balance loses how much, and why."""
        row = self.row(subject_ref)
        client = row.client.name if row.client else "–"
        return [
            Line(lazy("Client"), client, client),
            Line(lazy("Amount"), shown(row), "–"),
            paid_by_line(row),
            Line(lazy("Who bears it"), "–", str(BEARERS.get(str(payload.get("bearer")), "–"))),
            Line(lazy("Status"), row.get_status_display(), str(Status.TAKEN_OFF.label)),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """
        Book that the wallet never had it.

        :raises UsedAlready: the balance that it was put on does not cover it.
        """
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        is_firms_loss = request.payload["bearer"] == FIRM
        undone_arrivals.take_off(row, is_firms_loss=is_firms_loss, now=now)
        change = acts.carried(request, before={"status": "undone"}, after=request.payload)
        event = "deposit.written_off" if is_firms_loss else "deposit.taken_off"
        audit.record(event, actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s is taken off again.") % {"ref": row.ref}


ACTS: tuple[type[Act], ...] = (TakeOwn, TakeOff)
