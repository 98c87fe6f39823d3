"""Issuing a trade's receipt: once for each reader, and then the same one for ever."""

import base64
import hashlib
import secrets
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from rfq.models import Fill, Receipt
from rfq.queries import receipts as queries
from rfq.receipts import envelope
from rfq.receipts.facts import Evidence, facts_of
from settlement import payments
from settlement.models import Settlement
from trading.lib import signing
from trading.lib.errors import Conflict
from trading.lib.ids import new_ref
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import AuditEvent, User

OWN, DESK = "settlement.own", "settlement.view"
DELIVERED = (Settlement.Status.SETTLED, Settlement.Status.SETTLED_MANUALLY, Settlement.Status.REVERSED)
SALT_BYTES = 16


class ReceiptNotYet(Conflict):
    """The trade is not settled."""

    code = "receipt_not_yet"
    text = _("{ref} is not settled yet. Its receipt comes with the settlement.")


@operation
def issue_receipt(*, trade_ref: str, actor: User, now: datetime) -> Receipt:
    """
    Sign the receipt of a trade for the actor's side, or give the one that was signed before.

    Once it is reversed there is a new one, which says so.

    :param trade_ref: the fill's ref, or its RFQ's.
    :raises MissingCapability: the actor reads no settlements.
    :raises NotFound: there is no such trade, or it is not the actor's.
    :raises ReceiptNotYet: it is not settled.
    """
    side = queries.side_of(actor)
    capabilities.require(actor, DESK if side == Receipt.Side.DESK else OWN)
    fill = queries.fill_for(actor, trade_ref)
    if found := _issued(fill, side):
        return found
    Settlement.objects.select_for_update().get(pk=fill.settlement_id)  # one signs, others wait for it
    fill = queries.fill_for(actor, trade_ref)  # as it stands now
    if found := _issued(fill, side):
        return found
    if fill.settlement.status not in DELIVERED:
        raise ReceiptNotYet(ref=fill.ref)
    receipt = _sign(fill, side, actor, now)
    change = audit.Change(after={"fill": fill.ref, "for": side, "digest": receipt.digest, "key": receipt.key})
    audit.record("receipt.issued", actor=actor, subject=receipt, at=now, change=change)
    return receipt


def _is_reversed(fill: Fill) -> bool:
    return fill.settlement.status == Settlement.Status.REVERSED


def _issued(fill: Fill, side: str) -> Receipt | None:
    return Receipt.objects.filter(fill=fill, side=side, is_of_reversal=_is_reversed(fill)).first()


def _sign(fill: Fill, side: str, actor: User, now: datetime) -> Receipt:
    ref, salt = new_ref("RCT"), secrets.token_hex(SALT_BYTES)
    content = envelope.canonical(facts_of(fill, side, evidence_of(fill), ref=ref, salt=salt, issued_at=now))
    signature = signing.sign(content)
    return Receipt.objects.create(
        ref=ref,
        fill=fill,
        side=side,
        facts=content.decode(),
        digest=hashlib.sha256(content).hexdigest(),
        key=signature.key,
        signature=base64.b64encode(signature.value).decode(),
        salt=salt,
        is_of_reversal=_is_reversed(fill),
        issued_at=now,
        issued_by=actor,
    )


def evidence_of(fill: Fill) -> Evidence:
    """What the books hold beside the fill. Three queries at most."""
    event = AuditEvent.objects.filter(name="fill.booked", subject_ref=fill.ref).order_by("pk").first()
    paid = payments.of(fill.settlement)
    return Evidence(paid.chain, paid.reference, audit.event_digest(event) if event else b"", paid.account)
