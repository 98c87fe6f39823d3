"""Taking a trade back by two people: its terms were wrong, and nothing of it has left the desk."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq.models import Dispute
from settlement.ledger import POSTED
from settlement.models import Balance, LedgerAccount, Settlement
from settlement.operations import reversing
from settlement.operations.reversing import ReversalNotCovered
from settlement.own_acts.settlements import OnSettlement
from trading.lib.money import Money
from users import acts, audit
from users.acts import Check, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload

LONGEST_EVIDENCE = 200
LONGEST_REF = 16


class ReverseFill(OnSettlement):
    """
    Book a settled trade back: ``{"evidence": "MAIL-2026-118, page 3", "dispute": "DSP-…"}``, the latter if there is.

    Only what is settled between balances at the desk: what is not settled is cancelled (`settlement.cancel`), what was
    paid out is corrected by a new trade or an adjustment (`ledger.adjust`).
    """

    name, title, after = "fill.reverse", lazy("Reverse trade"), Settlement.Status.REVERSED.label

    def check(self, subject_ref: str, payload: Payload) -> None:
        """
        It can be taken back; the evidence is named, and the dispute is about this trade.

        :raises ReversalNotCovered: the client's balances do not cover it as they stand now.
        """
        row = self.row(subject_ref)
        reversing.require_reversible(row)
        self.terms(row, payload)
        if not all(_covers(balance, moved) for _account, balance, moved in _taken_back(row)):
            raise ReversalNotCovered(ref=row.ref)

    def terms(self, row: Settlement, payload: Payload) -> tuple[str, str]:
        """
        Where the evidence is, and the dispute's ref ("" when there is none).

        :raises BadPayload: anything else, or a dispute about another trade.
        """
        if not {"evidence"} <= set(payload) <= {"evidence", "dispute"}:
            raise BadPayload(field="terms")
        evidence, dispute = payload["evidence"], payload.get("dispute", "")
        if not isinstance(evidence, str) or not evidence.strip() or len(evidence) > LONGEST_EVIDENCE:
            raise BadPayload(field="evidence")
        if not isinstance(dispute, str) or len(dispute) > LONGEST_REF:
            raise BadPayload(field="dispute")
        if dispute and not Dispute.objects.filter(ref=dispute, fill__settlement=row).exists():
            raise BadPayload(field="dispute")
        return evidence, dispute

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The terms, the status now and after, the client's balances now and after, the evidence and the dispute."""
        row = self.row(subject_ref)
        lines = super().describe(subject_ref, payload)
        lines += [
            Line(_named(account), _written(account, balance.posted), _written(account, balance.posted + moved))
            for account, balance, moved in _taken_back(row)
        ]
        lines.append(Line(lazy("Evidence"), "–", str(payload.get("evidence", "–"))))
        if dispute := payload.get("dispute"):
            lines.append(Line(lazy("Dispute"), "–", str(dispute)))
        return lines

    def checks(self, subject_ref: str) -> list[Check]:
        """Whether the client's balances cover it at this moment."""
        row = self.row(subject_ref)
        return [
            Check(
                *(("ok", _("Covered")) if _covers(balance, moved) else ("bad", _("Not covered"))),
                _named(account),
                _("%(available)s available") % {"available": _written(account, balance.posted - balance.held)},
            )
            for account, balance, moved in _taken_back(row)
            if moved < 0
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Book it back."""
        evidence, dispute = self.terms(self.row(request.subject_ref), request.payload)
        settlement = reversing.reverse(
            request.subject_ref, request=request, evidence=evidence, dispute=dispute, now=now
        )
        after = {"status": settlement.status, "trade": settlement.trade_ref, **request.payload}
        change = acts.carried(request, before={"status": Settlement.Status.SETTLED}, after=after)
        audit.record("fill.reversed", actor=request.requested_by, subject=settlement, at=now, change=change)
        return _("%(ref)s is reversed: what was booked for it is booked back.") % {"ref": settlement.trade_ref}


def _taken_back(row: Settlement) -> list[tuple[LedgerAccount, Balance, int]]:
    """The client's accounts that the reversal touches, their balances, and what each gets or loses. Three queries."""
    moved = [
        entry for journal in reversing.journals_of(row) for entry in journal.entries.all() if entry.layer == POSTED
    ]
    return [
        (entry.account, entry.account.balance, int(entry.amount))
        for entry in moved
        if entry.account.counterparty_id == row.client_id
    ]


def _covers(balance: Balance, moved: int) -> bool:
    """Whether the balance stays above its floor; the database asks again when it is posted."""
    return moved >= 0 or balance.posted + moved >= balance.held - balance.credit


def _named(account: LedgerAccount) -> str:
    return _("Client's balance in %(asset)s") % {"asset": account.asset_id}


def _written(account: LedgerAccount, minor: object) -> str:
    return str(Money.from_minor(minor, account.asset.unit))  # type: ignore[arg-type]
