"""Pairs: one more, other policy numbers, and the end of a pause."""

import re
from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from rfq.models import Fill, Pair
from rfq.operations.rating import add_policy
from rfq.own_acts.base import NothingChanges, NotPaused
from settlement.models import Asset
from settlement.operations import add_currency
from trading.lib.errors import Conflict, NotFound
from trading.lib.money import USDT
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalRequest
from users.own_acts.base import BadPayload, is_number

CODE = re.compile(rf"{USDT.code}/([A-Z]{{3}})", re.ASCII)
BOUNDS = {"price_scale": (0, 10), "rfq_ttl_seconds": (30, 3600), "quote_ttl_seconds": (10, 60)}
TERMS: dict[str, str | Promise] = {
    "price_scale": lazy("Decimals of a price"),
    "rfq_ttl_seconds": lazy("An RFQ lives (seconds)"),
    "quote_ttl_seconds": lazy("A quote lives unless its LP says otherwise (seconds)"),
}
MOST_DECIMALS = 6


class PairOpen(Conflict):
    """The pair is there already."""

    code = "pair_open"
    text = lazy("{pair} is traded already. Propose a change of it instead.")


class PairTraded(Conflict):
    """The step of a price cannot change under trades that were made."""

    code = "pair_traded"
    text = lazy("{pair} was traded already: the decimals of its price cannot change any more.")


class OnPair(Act):
    """An act on one pair, by its code."""

    subject_type = "pair"
    fields: ClassVar[dict[str, str | Promise]] = {"is_enabled": lazy("Is traded"), **TERMS}

    def pair(self, subject_ref: str) -> Pair:
        """
        The pair.

        :raises NotFound: there is none.
        """
        pair = Pair.objects.filter(code=subject_ref).first()
        if pair is None:
            raise NotFound
        return pair

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whether it is traded, and its policy numbers."""
        pair = self.pair(subject_ref)
        return {name: getattr(pair, name) for name in ("is_enabled", *TERMS)}


class OpenPair(Act):
    """
    Trade USDT against one more currency; the currency and its accounts are made with it.

    ``{"decimals": 2, "price_scale": 4, "rfq_ttl_seconds": 300, "quote_ttl_seconds": 30}``
    """

    name, title, subject_type = "pair.open", lazy("Open pair"), "pair"
    fields: ClassVar[dict[str, str | Promise]] = {
        "is_open": lazy("Is traded"),
        "decimals": lazy("Decimals of an amount"),
    }

    def state(self, subject_ref: str) -> dict[str, object]:
        """Whether it is there, and how many decimals its currency has, when that is known."""
        asset = Asset.objects.filter(code=_currency(subject_ref)).first()
        is_open = Pair.objects.filter(code=subject_ref).exists()
        return {"is_open": is_open, "decimals": asset.scale if asset else None}

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It is not there yet, its numbers make sense, and its currency is one."""
        state = self.state(subject_ref)
        if state["is_open"]:
            raise PairOpen(pair=subject_ref)
        if set(payload) != {"decimals", *TERMS}:
            raise BadPayload(field="terms")
        decimals = payload["decimals"]
        if not is_number(decimals, 0, MOST_DECIMALS) or state["decimals"] not in {None, decimals}:
            raise BadPayload(field="decimals")
        _require_bounds(payload)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The pair and its numbers."""
        lines = [
            Line(lazy("Pair"), "–", subject_ref),
            Line(lazy("Decimals of an amount"), "–", str(payload["decimals"])),
        ]
        return lines + [Line(words, "–", str(payload[name])) for name, words in TERMS.items()]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Open it."""
        self.check(request.subject_ref, request.payload)
        code, terms = request.subject_ref, dict(request.payload)
        asset = add_currency(code=_currency(code), scale=terms.pop("decimals"))
        pair = Pair.objects.create(code=code, quote_asset=asset, **terms)
        add_policy(pair)
        change = acts.carried(request, after=request.payload)
        audit.record("pair.opened", actor=request.requested_by, subject=pair, at=now, change=change)
        return _("%(pair)s is traded from now on.") % {"pair": code}


def _currency(code: str) -> str:
    found = CODE.fullmatch(code)
    if found is None:
        raise NotFound
    return found[1]


def _require_bounds(payload: Payload) -> None:
    for name in payload:
        if name in BOUNDS and not is_number(payload[name], *BOUNDS[name]):
            raise BadPayload(field=name)


class ChangePair(OnPair):
    """Other policy numbers, only those that change: ``{"quote_ttl_seconds": 20}``."""

    name, title = "pair.change", lazy("Change pair")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Known numbers within their bounds that differ from now; the price's decimals only before the first trade."""
        pair = self.pair(subject_ref)
        if not payload or not set(payload) <= set(TERMS):
            raise BadPayload(field="terms")
        _require_bounds(payload)
        if any(payload[name] == getattr(pair, name) for name in payload):
            raise NothingChanges
        if "price_scale" in payload and Fill.objects.filter(rfq__pair=pair).exists():
            raise PairTraded(pair=pair.code)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The numbers that change."""
        pair = self.pair(subject_ref)
        return [
            Line(words, str(getattr(pair, name)), str(payload[name]))
            for name, words in TERMS.items()
            if name in payload
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Write them down."""
        self.check(request.subject_ref, request.payload)
        pair = self.pair(request.subject_ref)
        before = {name: getattr(pair, name) for name in request.payload}
        Pair.objects.filter(pk=pair.pk).update(**request.payload)
        change = acts.carried(request, before=before, after=request.payload)
        audit.record("pair.changed", actor=request.requested_by, subject=pair, at=now, change=change)
        return _("%(pair)s is traded by these numbers from now on.") % {"pair": pair.code}


class ResumePair(OnPair):
    """Trade a paused pair again."""

    name, title = "pair.resume", lazy("Resume pair")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """It must be paused."""
        pair = self.pair(subject_ref)
        if payload:
            raise BadPayload(field="terms")
        if pair.is_enabled:
            raise NotPaused(what=pair.code)

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Paused, then not."""
        now = self.pair(subject_ref).is_enabled
        return [Line(lazy("Trading"), _("Goes on") if now else _("Paused"), _("Goes on"))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """End the pause."""
        self.check(request.subject_ref, request.payload)
        pair = self.pair(request.subject_ref)
        Pair.objects.filter(pk=pair.pk).update(is_enabled=True)
        change = acts.carried(request, before={"is_enabled": False}, after={"is_enabled": True})
        audit.record("pair.resumed", actor=request.requested_by, subject=pair, at=now, change=change)
        return _("%(pair)s is traded again.") % {"pair": pair.code}
