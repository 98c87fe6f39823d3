"""Whether the desk's books say what a receipt says."""

import json
from dataclasses import dataclass
from typing import Any

from rfq.models import Receipt
from rfq.operations.receipts import evidence_of
from rfq.queries import receipts as queries
from rfq.receipts.envelope import Found
from rfq.receipts.facts import facts_of
from users.models import User


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that the books hold otherwise."""

    name: str
    receipt: str
    books: str


@dataclass(frozen=True, slots=True)
class Books:
    """
    What the books hold of a receipt: whether the desk issued it, and which facts it would sign otherwise now.

    A difference is no forgery by itself: after a reorganisation of the chain another transaction paid.
    """

    is_issued: bool
    differences: tuple[Difference, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether the desk issued exactly this, and would sign the same today."""
        return self.is_issued and not self.differences


def compare(found: Found, *, reader: User | None) -> Books:
    """Look a receipt up. Four queries at most."""
    receipt = queries.issued(str(found.facts.get("receipt", "")), reader=reader)
    if receipt is None or receipt.facts.encode() != found.content:
        return Books(is_issued=False)
    return Books(is_issued=True, differences=tuple(_differences(found.facts, _today(receipt))))


def _today(receipt: Receipt) -> dict[str, Any]:
    fill = queries.whole().get(pk=receipt.fill_id)
    facts = facts_of(
        fill, receipt.side, evidence_of(fill), ref=receipt.ref, salt=receipt.salt, issued_at=receipt.issued_at
    )
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _differences(said: dict[str, Any], held: dict[str, Any]) -> list[Difference]:
    names = sorted(said.keys() | held.keys())
    return [
        Difference(name, json.dumps(said.get(name)), json.dumps(held.get(name)))
        for name in names
        if said.get(name) != held.get(name)
    ]
