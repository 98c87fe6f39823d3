"""A trade's receipt as PDF: the signed facts in the reader's words, and the same facts for machines inside it."""

import base64
import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq.models import Receipt
from rfq.papers import words
from rfq.queries import receipts as queries
from rfq.receipts import envelope
from trading.lib import pdf
from trading.lib.documents import PDF, Paper, Wanted
from trading.lib.errors import NotFound
from trading.lib.pdf import Attachment, Block, Facts, Heading, Note, Sheet
from trading.lib.signing import Signature
from users.models import User

KIND = "receipt"
# The facts in their order, and what they are called. A receipt says those it has.
LABELS: dict[str, str | Promise] = {
    "receipt": lazy("Receipt"),
    "party": lazy("Party"),
    "client": lazy("Client"),
    "lp": lazy("LP"),
    "fill": lazy("Trade"),
    "rfq": lazy("Request"),
    "settlement": lazy("Settlement"),
    "pair": lazy("Pair"),
    "side": lazy("Side"),
    "base_amount": lazy("Quantity (USDT)"),
    "price": lazy("Price, all in"),
    "quote_amount": lazy("Amount"),
    "lp_price": lazy("LP's price"),
    "lp_quote_amount": lazy("LP's amount"),
    "markup_amount": lazy("Mark-up"),
    "traded_at": lazy("Traded at"),
    "settled_at": lazy("Settled at"),
    "reversed_at": lazy("Reversed at"),
    "reversal": lazy("Reversed by request"),
    "destination": lazy("Went to"),
    "transaction": lazy("Transaction"),
    "reference": lazy("Reference mid"),
    "spread_bps": lazy("Price from the reference (bps)"),
    "lp_spread_bps": lazy("LP's price from the reference (bps)"),
    "cover_bps": lazy("Ahead of the cover (bps)"),
    "audit_hash": lazy("Audit hash"),
    "issued_at": lazy("Issued at"),
}
WORDS = frozenset({"party", "client", "lp", "side"})
AMOUNTS = frozenset({"quote_amount", "lp_quote_amount", "markup_amount"})
NUMBERS = AMOUNTS | {"base_amount", "price", "lp_price", "spread_bps", "lp_spread_bps", "cover_bps"}
INSTANTS = frozenset({"traded_at", "settled_at", "reversed_at", "issued_at"})
BALANCE = "balance"


def wanted(fill_ref: str) -> Wanted:
    """Name the receipt of a trade, for whoever reads it."""
    return Wanted(KIND, fill_ref)


def make(reader_id: int, asked: Wanted) -> Paper:
    """
    Give a reader the latest receipt that was issued for its side. Two queries.

    :raises NotFound: none was issued, or it is not the reader's.
    """
    reader = User.objects.select_related("counterparty").get(pk=reader_id)
    fill, side = queries.fill_for(reader, asked.ref), queries.side_of(reader)
    receipt = Receipt.objects.filter(fill=fill, side=side).order_by("-pk").first()
    if receipt is None:
        raise NotFound(ref=asked.ref)
    return paper(receipt, time_zone=reader.time_zone)


def paper(receipt: Receipt, *, time_zone: str) -> Paper:
    """Draw an issued receipt in the active language, sealed; the same bytes every time."""
    return Paper(f"receipt-{receipt.ref}.pdf", PDF, envelope.seal(_draw(receipt, time_zone)))


def enveloped(receipt: Receipt) -> bytes:
    """An issued receipt as JSON."""
    return envelope.wrap(receipt.facts.encode(), Signature(receipt.key, base64.b64decode(receipt.signature)))


def rows_of(facts: dict[str, Any], *, time_zone: str) -> list[tuple[str, str, bool]]:
    """The facts for people: label, value, and whether it is words (else it reads from left to right)."""
    is_lp = facts.get("for") == Receipt.Side.LP
    labels = LABELS | ({"price": lazy("Price")} if is_lp else {})
    known = [name for name in labels if facts.get(name) is not None]
    return [(str(labels[name]), _value(name, facts, time_zone), name in WORDS) for name in known]


def _draw(receipt: Receipt, time_zone: str) -> bytes:
    facts = json.loads(receipt.facts)
    issued = words.moment(receipt.issued_at, time_zone)
    title = _("Receipt of a reversed trade") if receipt.is_of_reversal else _("Receipt")
    said = [Note(_("This trade was reversed: all that was booked for it was booked back."))]
    blocks: list[Block] = [
        *(said if receipt.is_of_reversal else []),
        Facts(
            [(label, value, "text" if text else "code") for label, value, text in rows_of(facts, time_zone=time_zone)]
        ),
        Heading(_("Signature")),
        Note(
            _(
                "The desk signed these facts (Ed25519, key {key}). They lie in this file as receipt.json, and the "
                "file's last line seals all of it. The desk's public keys: {url}"
            ).format(key=receipt.key, url=f"{settings.DESK_URL}/receipts/keys")
        ),
        Note(f"SHA-256 {receipt.digest}", "code"),
        Note(receipt.signature, "code"),
    ]
    sheet = Sheet(
        title=title,
        running=f"{receipt.ref} · {facts['fill']}",
        made=_("Issued at {at} ({zone})").format(at=issued, zone=time_zone),
        made_at=receipt.issued_at,
        language=words.language(),
        page_of=_("Page {page} of {pages}"),
        blocks=blocks,
        attachments=_attached(receipt),
    )
    return pdf.render(sheet)


def _attached(receipt: Receipt) -> list[Attachment]:
    return [
        Attachment("receipt.json", enveloped(receipt), "The receipt: facts, key and signature"),
        Attachment("facts.json", receipt.facts.encode(), "The facts exactly as they were signed"),
        Attachment("facts.sig", base64.b64decode(receipt.signature), "Their Ed25519 signature, 64 bytes"),
    ]


def _value(name: str, facts: dict[str, Any], time_zone: str) -> str:
    value = facts[name]
    if name in {"party", "client", "lp"}:
        return f"{value['name']} ({value['ref']})"
    if name == "side":
        return words.side(value)
    if name in INSTANTS:
        return words.moment(datetime.fromisoformat(value), time_zone)
    if name == "reference":
        return f"{words.exact(value['mid'])} · {', '.join(value['sources'])}"
    if name in NUMBERS:
        unit = f" {facts['quote_asset']}" if name in AMOUNTS else ""
        return words.exact(value) + unit
    return _("balance at the desk") if value == BALANCE else str(value)
