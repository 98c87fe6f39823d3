"""Correcting the ledger by two people: one journal of two legs, with a reason and the evidence for it."""

import re
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import ledger
from settlement.ledger import Posting
from settlement.models import Balance, LedgerAccount
from settlement.operations.waiting import wake
from trading.lib.errors import NotFound
from trading.lib.money import Money
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest, Counterparty
from users.own_acts.base import BadPayload

LEDGER = "LEDGER"  # what an adjustment is about that touches no counterparty
LONGEST_EVIDENCE = 200
PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?", re.ASCII)
Kind = LedgerAccount.Kind
PARTIES = (Kind.CLIENT, Kind.LP)


def adjustable(subject_ref: str) -> list[LedgerAccount]:
    """List the accounts an adjustment of a counterparty, or of the desk alone, may touch. One query."""
    rows = LedgerAccount.objects.exclude(kind=Kind.HOLD).select_related("asset", "counterparty", "balance")
    own = rows.filter(counterparty__ref=subject_ref).order_by("code") if subject_ref != LEDGER else []
    return [*own, *rows.filter(counterparty=None).order_by("code")]


class AdjustLedger(Act):
    """
    Post one correction, of a counterparty's account or between the desk's own; holds are never touched.

    ``{"debit": "client:CPY-…:EUR", "credit": "suspense:EUR", "amount": "12.50", "evidence": "BANK-2026-118"}``:
    whole units, a text of plain digits. No balance falls below its floor.
    """

    name, title, subject_type = "ledger.adjust", lazy("Adjust the ledger"), "ledger"
    fields: ClassVar[dict[str, str | Promise]] = {"name": lazy("Counterparty")}

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose account it touches."""
        return Counterparty.objects.filter(ref=subject_ref).values_list("pk", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose; balances may move meanwhile, the floors hold when it is posted."""
        if subject_ref == LEDGER:
            return {"name": LEDGER}
        name = Counterparty.objects.filter(ref=subject_ref).values_list("name", flat=True).first()
        if name is None:
            raise NotFound(ref=subject_ref)
        return {"name": name}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """
        Two accounts of one asset, an amount it has the decimals for, and where the evidence is.

        :raises InsufficientBalance: a balance would fall below its floor as it stands now.
        """
        self.state(subject_ref)
        debit, credit, amount = self.terms(subject_ref, payload)
        minor = ledger.minor(amount, debit.asset.unit)
        for account, debited in ((debit, minor), (credit, -minor)):
            _require_floor(account, debited)

    def terms(self, subject_ref: str, payload: Payload) -> tuple[LedgerAccount, LedgerAccount, Decimal]:
        """
        The account that is debited, the one that is credited, and how much.

        :raises BadPayload: anything else.
        """
        if set(payload) != {"debit", "credit", "amount", "evidence"}:
            raise BadPayload(field="terms")
        known = {account.code: account for account in adjustable(subject_ref)}
        for field in ("debit", "credit"):
            if payload[field] not in known:
                raise BadPayload(field=field)
        debit, credit = known[payload["debit"]], known[payload["credit"]]
        is_theirs = subject_ref == LEDGER or {debit.kind, credit.kind} & set(PARTIES)
        if debit == credit or debit.asset_id != credit.asset_id or not is_theirs:
            raise BadPayload(field="credit")
        written = payload["amount"]
        if not isinstance(written, str) or not PLAIN.fullmatch(written):
            raise BadPayload(field="amount")
        amount = Decimal(written)
        if amount == 0 or amount != amount.quantize(debit.asset.unit.step):
            raise BadPayload(field="amount")
        evidence = payload["evidence"]
        if not isinstance(evidence, str) or not evidence.strip() or len(evidence) > LONGEST_EVIDENCE:
            raise BadPayload(field="evidence")
        return debit, credit, amount

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Both accounts with what they have now and after, and the evidence."""
        if not payload:
            return []
        debit, credit, amount = self.terms(subject_ref, payload)
        return [
            Line(lazy("Debit"), _standing(debit, Decimal(0)), _standing(debit, amount)),
            Line(lazy("Credit"), _standing(credit, Decimal(0)), _standing(credit, -amount)),
            Line(lazy("Amount"), "–", str(Money(amount, debit.asset.unit))),
            Line(lazy("Evidence"), "–", str(payload["evidence"])),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """
        Post it.

        :raises InsufficientBalance: a balance would fall below its floor.
        """
        debit, credit, amount = self.terms(request.subject_ref, request.payload)
        minor = ledger.minor(amount, debit.asset.unit)
        legs = ledger.pair_of(debit.code, credit.code, minor)
        ledger.post(Posting(f"adjust:{request.ref}", "adjust", request.ref, legs))
        if credit.kind == Kind.CLIENT and credit.counterparty is not None:
            wake(credit.counterparty)
        change = acts.carried(request, before={}, after={**request.payload, "subject": request.subject_ref})
        audit.record("ledger.adjusted", actor=request.requested_by, subject=request, at=now, change=change)
        return _("%(ref)s is booked.") % {"ref": request.ref}


def _require_floor(account: LedgerAccount, debited: int) -> None:
    """Who proposes it is told, before anybody decides; the database asks again when it is posted."""
    balance = getattr(account, "balance", None)
    if not isinstance(balance, Balance):
        return
    change = debited if account.normal == LedgerAccount.Normal.DEBIT else -debited
    if change < 0 and balance.posted + change < balance.held - balance.credit:
        raise ledger.InsufficientBalance


def _standing(account: LedgerAccount, debited: Decimal) -> str:
    """The account and, where its balance is kept, what it has once so much is debited."""
    balance = getattr(account, "balance", None)
    if not isinstance(balance, Balance):
        return account.code
    unit = account.asset.unit
    sign = 1 if account.normal == LedgerAccount.Normal.DEBIT else -1
    return f"{account.code} · {Money(Money.from_minor(balance.posted, unit).amount + sign * debited, unit)}"
