"""What the acts on the market share: their refusals, and acts on a client or an LP."""

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from trading.lib.errors import Conflict, NotFound
from users.acts import Act
from users.models import Counterparty


class NothingChanges(Conflict):
    """What is proposed is as it is now."""

    code = "nothing_changes"
    text = lazy("Everything is as proposed already.")


class NotPaused(Conflict):
    """There is no pause to end."""

    code = "not_paused"
    text = lazy("{what} is not paused.")


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
