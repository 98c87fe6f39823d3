"""That money may go to an address or a bank account: what was asked for, approved by two."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from settlement import addresses, banks
from settlement.models import BankAccount, PayoutAddress, Wallet
from trading.lib.errors import Conflict, NotFound
from users import acts, audit
from users.acts import Act, Check, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, is_number

LONGEST_COOLING = 24 * 30
FOUR_EYES = lazy("Look twice")


class NotAskedFor(Conflict):
    """It is approved or ended already."""

    code = "not_asked_for"
    text = lazy("{ref} does not wait for an approval: it is approved or ended.")


class AddAddress(Act):
    """
    Let USDT go to an address that was asked for, after its cooling period.

    ``{"chain": "tron", "address": "T…", "cooling_hours": 24}``: what is signed is what is paid to.
    """

    name, title, subject_type = "address.add", lazy("Approve address"), "address"
    fields: ClassVar[dict[str, str | Promise]] = {
        "counterparty": lazy("Counterparty"),
        "chain": lazy("Chain"),
        "address": lazy("Address"),
        "label": lazy("Label"),
        "approved": lazy("Approved"),
        "ended": lazy("Ended"),
    }

    def row(self, subject_ref: str) -> PayoutAddress:
        """
        The address the act is about.

        :raises NotFound: there is none.
        """
        row = PayoutAddress.objects.select_related("counterparty", "asked_by").filter(ref=subject_ref).first()
        if row is None:
            raise NotFound
        return row

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose address it is."""
        return PayoutAddress.objects.filter(ref=subject_ref).values_list("counterparty", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose, where, and whether it is approved or ended."""
        row = self.row(subject_ref)
        return {
            "counterparty": row.counterparty.name,
            "chain": row.chain,
            "address": row.address,
            "label": row.label,
            "approved": row.approved_at is not None,
            "ended": row.revoked_at is not None,
        }

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits, the details name it, and it cools for as long as the desk wants at least."""
        row = self.row(subject_ref)
        if row.approved_at is not None or row.revoked_at is not None:
            raise NotAskedFor(ref=row.ref)
        if set(payload) != {"chain", "address", "cooling_hours"}:
            raise BadPayload(field="terms")
        if (payload["chain"], payload["address"]) != (row.chain, row.address):
            raise BadPayload(field="address")
        if not is_number(payload["cooling_hours"], settings.ADDRESS_COOLING_HOURS, LONGEST_COOLING):
            raise BadPayload(field="cooling_hours")
        addresses.require_valid(row.chain, row.address)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Whose and which address, whole, and when it may be used."""
        row = self.row(subject_ref)
        hours = payload.get("cooling_hours", settings.ADDRESS_COOLING_HOURS)
        after = ngettext("%(number)s hour after the approval", "%(number)s hours after the approval", hours)
        return [
            Line(lazy("Counterparty"), row.counterparty.name, row.counterparty.name),
            Line(lazy("Chain"), "–", row.chain),
            Line(lazy("Address"), "–", row.address),
            Line(lazy("Label"), "–", row.label or "–"),
            Line(lazy("Usable"), "–", after % {"number": hours}),
        ]

    def checks(self, subject_ref: str) -> list[Check]:
        """Who asked, and addresses that look like it at both ends: somebody may have planted one."""
        row = self.row(subject_ref)
        asked = [Check("info", lazy("Asked"), lazy("Asked for by"), str(row.asked_by or "–"), row.created_at)]
        others = PayoutAddress.objects.exclude(pk=row.pk).values_list("address", flat=True)
        wallets = Wallet.objects.values_list("address", flat=True)
        alike = addresses.lookalikes(row.address, {*others, *wallets})
        return asked + [Check("bad", FOUR_EYES, lazy("Begins and ends like another address"), one) for one in alike]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Approve it. The database stamps when, and from when it may be used."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        PayoutAddress.objects.filter(pk=row.pk).update(approved_at=now, usable_from=now)
        row.refresh_from_db()
        after = {**request.payload, "usable_from": row.usable_from.isoformat() if row.usable_from else None}
        change = acts.carried(request, before={"approved": False}, after=after)
        audit.record("address.added", actor=request.requested_by, subject=row, at=now, change=change)
        return _("USDT may go to %(ref)s.") % {"ref": row.ref}


class AddBankAccount(Act):
    """
    Let money go to a bank account that was asked for; one of the desk's own is what clients are told to pay to.

    ``{"currency": "EUR", "number": "DE…"}``: what is signed is what is paid to.
    """

    name, title, subject_type = "bank_account.add", lazy("Approve bank account"), "bank_account"
    fields: ClassVar[dict[str, str | Promise]] = {
        "counterparty": lazy("Counterparty"),
        "currency": lazy("Currency"),
        "holder": lazy("Holder"),
        "number": lazy("Account"),
        "bank": lazy("Bank"),
        "bic": lazy("BIC"),
        "label": lazy("Label"),
        "approved": lazy("Approved"),
        "ended": lazy("Ended"),
    }

    def row(self, subject_ref: str) -> BankAccount:
        """
        The account the act is about.

        :raises NotFound: there is none.
        """
        row = BankAccount.objects.select_related("counterparty", "asked_by").filter(ref=subject_ref).first()
        if row is None:
            raise NotFound
        return row

    def counterparty_id(self, subject_ref: str) -> int | None:
        """Whose account it is; nobody's is the desk's."""
        return BankAccount.objects.filter(ref=subject_ref).values_list("counterparty", flat=True).first()

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whose, which, and whether it is approved or ended."""
        row = self.row(subject_ref)
        return {
            "counterparty": row.counterparty.name if row.counterparty else "–",
            "currency": row.currency_id,
            "holder": row.holder,
            "number": row.number,
            "bank": row.bank,
            "bic": row.bic,
            "label": row.label,
            "approved": row.approved_at is not None,
            "ended": row.ended_at is not None,
        }

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It waits, and the details name it."""
        row = self.row(subject_ref)
        if row.approved_at is not None or row.ended_at is not None:
            raise NotAskedFor(ref=row.ref)
        if payload != {"currency": row.currency_id, "number": row.number}:
            raise BadPayload(field="number")
        banks.require_number(row.number, is_iban=row.is_iban)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Whose and which account, whole; the account of the desk it takes the place of."""
        row = self.row(subject_ref)
        before = BankAccount.objects.none()
        if row.counterparty is None:
            before = BankAccount.objects.filter(
                counterparty=None, currency=row.currency, approved_at__isnull=False, ended_at=None
            )
        now = before.first()
        whose = row.counterparty.name if row.counterparty else _("The desk itself: clients pay in by it")
        return [
            Line(lazy("Counterparty"), whose, whose),
            Line(lazy("Currency"), row.currency_id, row.currency_id),
            Line(lazy("Holder"), now.holder if now else "–", row.holder),
            Line(lazy("Account"), banks.number_of(now) if now else "–", banks.number_of(row)),
            Line(lazy("Bank"), now.bank if now else "–", f"{row.bank} {row.bic}".strip()),
            Line(lazy("Label"), now.label if now else "–", row.label or "–"),
        ]

    def checks(self, subject_ref: str) -> list[Check]:
        """Who asked, whether the holder is the counterparty, and who else has the number."""
        row = self.row(subject_ref)
        found = [Check("info", lazy("Asked"), lazy("Asked for by"), str(row.asked_by), row.created_at)]
        if row.counterparty and row.holder.casefold() != row.counterparty.name.casefold():
            found.append(Check("bad", FOUR_EYES, lazy("The holder has another name than the counterparty"), row.holder))
        same = BankAccount.objects.filter(number=row.number).exclude(counterparty=row.counterparty)
        for other in same.select_related("counterparty"):
            whose = str(other.counterparty or _("The desk"))
            found.append(Check("bad", FOUR_EYES, lazy("Somebody else has the same account"), whose))
        return found

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Approve it; the desk's own before it ends."""
        self.check(request.subject_ref, request.payload)
        row = self.row(request.subject_ref)
        if row.counterparty is None:
            old = BankAccount.objects.filter(counterparty=None, currency=row.currency, approved_at__isnull=False)
            old.filter(ended_at=None).update(ended_at=now)
        BankAccount.objects.filter(pk=row.pk).update(approved_at=now)
        change = acts.carried(request, before={"approved": False}, after=request.payload)
        audit.record("bank_account.added", actor=request.requested_by, subject=row, at=now, change=change)
        return _("%(ref)s is approved.") % {"ref": row.ref}
