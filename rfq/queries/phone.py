"""Who may be on the phone."""

from users.models import Counterparty, Role, User
from users.queries.scopes import within

ROLES = {Counterparty.Kind.CLIENT: Role.TRADER, Counterparty.Kind.LP: Role.LP}


def callers(kind: Counterparty.Kind, *, reader: User) -> list[User]:
    """Find the logins that trade for a party of this kind which the reader serves. One query."""
    people = User.objects.select_related("counterparty", "person").filter(
        within(reader, "counterparty"),
        counterparty__kind=kind,
        counterparty__status=Counterparty.Status.ACTIVE,
        status=User.Status.ACTIVE,
        kind=User.Kind.HUMAN,
        role_grants__role=ROLES[kind],
        role_grants__revoked_at=None,
    )
    return list(people.order_by("counterparty__name", "username"))
