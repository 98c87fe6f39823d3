"""Which roles need a passkey: the first versions. Two people carry every later one (`second_factor.change`)."""

from datetime import datetime

from django.conf import settings

from users.models import SecondFactorPolicy
from users.models.roles import STAFF_ROLES


def lay_down(*, now: datetime) -> None:
    """
    Give every role of the desk its first version, as `PASSKEY_ROLES` says. Assumes a transaction.

    None needs a passkey in a sandbox: its demo people have none.
    """
    known = set(SecondFactorPolicy.objects.values_list("role", flat=True))
    required = () if settings.IS_SANDBOX else settings.PASSKEY_ROLES
    for role in STAFF_ROLES:
        if role not in known:
            SecondFactorPolicy.objects.create(role=role, version=1, passkey_required=role in required, made_at=now)
