"""Counterparties with the accounts that their money needs."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from settlement import ledger
from settlement.models import Asset
from trading.lib.errors import Conflict, Forbidden
from trading.lib.operations import operation
from users import capabilities
from users import operations as user_operations
from users.models import Counterparty, User


class PartyNameTaken(Conflict):
    """There is a counterparty of that name, in whatever letters."""

    code = "party_name_taken"
    text = _("There is a counterparty {name} already. Open it, or write the new one's name as its register does.")


class WholeDeskOnly(Forbidden):
    """The actor serves some counterparties only, and a new one is none of them."""

    code = "whole_desk_only"
    text = _("You serve some counterparties only. Somebody who serves the whole desk has to do this.")


@operation
def admit_counterparty(*, name: str, kind: str, actor: User, now: datetime) -> Counterparty:
    """
    A client or an LP, with an account in each of the desk's assets. It trades once two people have set its terms.

    :raises MissingCapability: the actor lacks `user.create`.
    :raises WholeDeskOnly: the actor serves some counterparties only.
    :raises PartyNameTaken: there is one of that name.
    """
    capabilities.require(actor, "user.create")
    if actor.is_scoped:
        raise WholeDeskOnly
    name = " ".join(name.split())
    known = Counterparty.objects.filter(name__iexact=name).first()
    if known is not None:
        raise PartyNameTaken(name=known.name)
    made = user_operations.add_counterparty(name=name, kind=kind, actor=actor, now=now)
    ledger.open_counterparty_accounts(made, list(Asset.objects.order_by("code")))
    return made
