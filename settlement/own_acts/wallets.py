"""Opening a paused wallet: two people, once its chain and the books agree. Pausing is one person's act, at once."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import pauses
from settlement.models import DatabaseHome, Reconciliation, Wallet
from settlement.operations.pausing import WalletSubject, locked
from trading.lib import clock
from trading.lib.errors import Conflict, NotFound
from trading.lib.money import Money
from users import acts, audit
from users.acts import Act, Check, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload

GOOD_FOR = timedelta(minutes=10)


class NotPaused(Conflict):
    """There is nothing to open."""

    code = "wallet_not_paused"
    text = lazy("Wallet {wallet} is not paused.")


class NotReconciled(Conflict):
    """Nobody has compared it since it was paused, or not completely, or too long ago."""

    code = "not_reconciled"
    text = lazy("Wallet {wallet} has not been compared with its chain since. That is done every minute: try again.")


class Differs(Conflict):
    """What was compared does not agree."""

    code = "reconciliation_differs"
    text = lazy("Wallet {wallet} stays paused while this differs: {what}.")


class NonceDiffers(Conflict):
    """The request says another nonce than the one that is next."""

    code = "nonce_differs"
    text = lazy("The next nonce of wallet {wallet} is {nonce}.")


class ResumeWallet(Act):
    """
    Let a wallet pay again.

    ``{"next_nonce": 57}``: the one it signs with next. More than the books have where they are older than the chain, as
    after a restore: then what the chain has is taken over, once all that left the wallet is explained.
    """

    name, title, subject_type = "wallet.resume", lazy("Let the wallet pay again"), "wallet"
    fields: ClassVar[dict[str, str | Promise]] = {
        "paused_at": lazy("Paused"),
        "reason": lazy("Reason of the pause"),
        "next_nonce": lazy("Next nonce"),
    }

    def state(self, subject_ref: str) -> dict[str, object]:
        """Since when it is paused, why, and which nonce is next."""
        wallet = self.row(subject_ref)
        return {"paused_at": wallet.paused_at, "reason": wallet.pause_reason, "next_nonce": wallet.next_nonce}

    def row(self, name: str) -> Wallet:
        """
        The wallet.

        :raises NotFound: there is none.
        """
        wallet = Wallet.objects.select_related("account__asset").filter(name=name).first()
        if wallet is None:
            raise NotFound(ref=name)
        return wallet

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It is paused, it was compared since, nothing differs, and the nonce is the one that is next."""
        wallet = self.row(subject_ref)
        if wallet.paused_at is None:
            raise NotPaused(wallet=wallet.name)
        nonce = payload.get("next_nonce")
        if set(payload) != {"next_nonce"} or not isinstance(nonce, int) or isinstance(nonce, bool):
            raise BadPayload(field="next_nonce")
        if nonce != (wanted := next_nonce(wallet, proof_of(wallet, now=clock.now()))):
            raise NonceDiffers(wallet=wallet.name, nonce=wanted)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Why it was paused, its nonce and balance on chain and in the books, and what is next."""
        wallet = self.row(subject_ref)
        why = pauses.words_of(wallet.pause_reason) if wallet.paused_at else "–"
        lines = [Line(lazy("Reason of the pause"), why, "–")]
        after = str(payload.get("next_nonce", "–"))
        lines.append(Line(lazy("Next nonce"), str(wallet.next_nonce), after))
        row = latest(wallet.name)
        if row is not None and (seen := row.of_wallet(wallet.name)):
            unit = wallet.account.asset.unit
            lines.append(Line(lazy("Nonce on chain"), str(seen["nonce"]), "–"))
            lines.append(Line(lazy("Balance on chain"), str(Money.from_minor(seen["balance_minor"], unit)), "–"))
            lines.append(Line(lazy("Balance in the books"), str(Money.from_minor(seen["posted_minor"], unit)), "–"))
        return lines

    def checks(self, subject_ref: str) -> list[Check]:
        """What the latest reconciliation found about it, which is the proof."""
        row = latest(subject_ref)
        if row is None:
            return []
        found = row.against(subject_ref)
        if not found:
            return [Check("ok", lazy("Agrees"), row.ref, _("Chain and books agree about it"), row.ended_at)]
        return [Check("bad", lazy("Differs"), row.ref, one["what"], row.ended_at) for one in found]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Open it, with the chain's nonce where that is ahead."""
        wallet = locked(self.row(request.subject_ref).pk)
        self.check(wallet.name, request.payload)
        proof = proof_of(wallet, now=clock.now())
        before = {"paused_at": wallet.paused_at, "reason": wallet.pause_reason, "next_nonce": wallet.next_nonce}
        wallet.next_nonce = request.payload["next_nonce"]
        wallet.paused_at, wallet.pause_reason, wallet.paused_by = None, "", None
        wallet.save(update_fields=["next_nonce", "paused_at", "pause_reason", "paused_by"])
        after = {"next_nonce": wallet.next_nonce, "reconciliation": proof.ref}
        change = acts.carried(request, before={name: str(value) for name, value in before.items()}, after=after)
        subject = WalletSubject(wallet.name)
        audit.record("wallet.resumed", actor=request.requested_by, subject=subject, at=now, change=change)
        return _("Wallet %(wallet)s pays again.") % {"wallet": wallet.name}


def latest(name: str) -> Reconciliation | None:
    """The latest round that looked at a wallet. One query."""
    rows = Reconciliation.objects.filter(accounts=None)
    return rows.filter(wallets__has_key=name).order_by("-pk").first()


def next_nonce(wallet: Wallet, proof: Reconciliation) -> int:
    """The nonce it signs with next: the chain's where that is ahead of the books."""
    seen = proof.of_wallet(wallet.name) or {}
    return max(wallet.next_nonce, int(seen.get("nonce", 0)))


def proof_of(wallet: Wallet, *, now: datetime) -> Reconciliation:
    """
    The reconciliation that says that it may pay again.

    A nonce that is ahead is not in its way: it is what the request takes over, once all that left is explained. After a
    restore the books, too, must have been compared since.

    :raises NotReconciled: none since it was paused, none lately, or not everything was read.
    :raises Differs: it found something.
    """
    assert wallet.paused_at is not None  # noqa: S101 - asked of paused ones
    home = DatabaseHome.objects.order_by("-pk").first()
    since = max([wallet.paused_at, now - GOOD_FOR, *([home.seen_at] if home else [])])
    row = latest(wallet.name)
    seen = row.of_wallet(wallet.name) if row else None
    if row is None or seen is None:
        raise NotReconciled(wallet=wallet.name)
    against = [one for one in row.against(wallet.name) if one["check"] != "nonce"]
    if not against and (row.begun_at < since or not seen["is_read"]):
        raise NotReconciled(wallet=wallet.name)
    if wallet.pause_reason == pauses.RESTORED:
        books = Reconciliation.objects.filter(accounts__isnull=False, begun_at__gte=wallet.paused_at).order_by("-pk")
        compared = books.first()
        if not against and (compared is None or compared.unseen):
            raise NotReconciled(wallet=wallet.name)
        against += [one for one in compared.differences if one["halts"]] if compared else []
    if against:
        raise Differs(wallet=wallet.name, what=f"{against[0]['check']}: {against[0]['ref']} {against[0]['what']}")
    return row


__all__ = ["Differs", "NonceDiffers", "NotPaused", "NotReconciled", "ResumeWallet"]
