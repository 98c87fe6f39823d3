"""What the acts on the market share: their refusals, numbers in details, and acts on a client or an LP."""

import re
from decimal import Decimal
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from trading.lib.errors import Conflict, NotFound
from users.acts import Act, Payload
from users.models import Counterparty
from users.own_acts.base import BadPayload

PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)


class NothingChanges(Conflict):
    """What is proposed is as it is now."""

    code = "nothing_changes"
    text = lazy("Everything is as proposed already.")


class NotPaused(Conflict):
    """There is no pause to end."""

    code = "not_paused"
    text = lazy("{what} is not paused.")


def amount_of(payload: Payload, field: str, *, places: int) -> Decimal:
    """
    A number of the details: plain digits in a text, with at most so many decimals.

    :raises BadPayload: anything else.
    """
    value = payload.get(field)
    if not isinstance(value, str) or not PLAIN_NUMBER.fullmatch(value):
        raise BadPayload(field=field)
    amount = Decimal(value)
    if amount != amount.quantize(Decimal(1).scaleb(-places)):
        raise BadPayload(field=field)
    return amount


def plain(value: Decimal | None) -> str | None:
    """A number as details and evidence have it: plain digits, no more than it needs."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class OnParty(Act):
    """An act on one counterparty of one kind."""

    subject_type = "counterparty"
    kind: ClassVar[str] = Counterparty.Kind.CLIENT
    fields: ClassVar[dict[str, str | Promise]] = {"name": lazy("Counterparty"), "status": lazy("Status")}

    def party(self, subject_ref: str) -> Counterparty:
        """
        The client or LP the act is about.

        :raises NotFound: there is none of this kind.
        """
        party = Counterparty.objects.filter(ref=subject_ref).first()
        if party is None or (self.kind and party.kind != self.kind):
            raise NotFound
        return party
