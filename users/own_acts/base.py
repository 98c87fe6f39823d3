"""What acts share: their refusals, checks of details, and what an act on a user looks at."""

import re
from collections.abc import Collection
from decimal import Decimal
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from trading.lib.errors import Conflict, Invalid, NotFound
from users.acts import Act, Payload
from users.models import RoleGrant, TelegramLink, User

PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,8})?", re.ASCII)


class WrongState(Conflict):
    """The user's status does not allow the act."""

    code = "wrong_user_state"
    text = lazy("{username} is {status}; this cannot be proposed now.")


class BadPayload(Invalid):
    """The proposal's details are missing or make no sense."""

    code = "bad_payload"
    text = lazy("The proposal's {field} is missing or not allowed here.")


def is_number(value: object, least: int, most: int) -> bool:
    """Whether the value is a whole number (no truth value) from `least` to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


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


def grouped(value: object) -> str:
    """A number of `plain`, for people to read: 750000 as 750,000. What is no number stays as it is."""
    text = str(value)
    return f"{Decimal(text):,f}" if PLAIN_NUMBER.fullmatch(text) else text


def require_roles(roles: object, *, field: str, among: Collection[str]) -> None:
    """
    Roles among these, each once.

    :raises BadPayload: something else.
    """
    if not isinstance(roles, list) or any(role not in among for role in roles) or len(set(roles)) < len(roles):
        raise BadPayload(field=field)


class OnUser(Act):
    """What acts on users have in common."""

    subject_type = "user"
    fields: ClassVar[dict[str, str | Promise]] = {
        "username": lazy("Username"),
        "person": lazy("Person"),
        "counterparty": lazy("Counterparty"),
        "status": lazy("Status"),
        "roles": lazy("Roles"),
        "telegram": lazy("Telegram account"),
    }

    def user(self, subject_ref: str) -> User:
        """
        The user the act is about.

        :raises NotFound: there is none.
        """
        user = User.objects.select_related("person", "counterparty").filter(ref=subject_ref).first()
        if user is None:
            raise NotFound
        return user

    def state(self, subject_ref: str) -> dict[str, object]:
        """Who it is, for whom, in which status, with which roles and account."""
        user = self.user(subject_ref)
        roles = RoleGrant.objects.filter(user=user, revoked_at=None).order_by("role").values_list("role", flat=True)
        link = TelegramLink.objects.filter(user=user, ended_at=None).first()
        return {
            "username": user.username,
            "person": user.person.full_name if user.person else None,
            "counterparty": user.counterparty.ref if user.counterparty else None,
            "status": user.status,
            "roles": list(roles),
            "telegram": link.telegram_id if link else None,
        }
