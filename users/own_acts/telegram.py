"""Telegram accounts."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from users import acts, audit
from users.acts import Line, Payload
from users.models import ApprovalRequest, TelegramLink, User
from users.own_acts.base import BadPayload, OnUser, WrongState, is_number

Status = User.Status
LARGEST_TELEGRAM_ID = 2**52  # the Bot API: at most 52 significant bits


class RelinkTelegram(OnUser):
    """Bind another Telegram account to a user and cut the old chat off: ``{"telegram_id": 7001}``."""

    name, title = "telegram.relink", lazy("Re-link Telegram")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """A numeric id, and an active user."""
        user = self.user(subject_ref)
        if not is_number(payload.get("telegram_id"), 1, LARGEST_TELEGRAM_ID):
            raise BadPayload(field="telegram_id")
        if user.status != Status.ACTIVE:
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The account, now and after."""
        return [
            Line(lazy("Telegram account"), str(self.state(subject_ref)["telegram"] or "–"), str(payload["telegram_id"]))
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """End the links of both ends and make the new one."""
        self.check(request.subject_ref, request.payload)
        user, telegram_id = self.user(request.subject_ref), request.payload["telegram_id"]
        before = self.state(request.subject_ref)["telegram"]
        live = TelegramLink.objects.filter(ended_at=None)
        (live.filter(user=user) | live.filter(telegram_id=telegram_id)).update(ended_at=now)
        TelegramLink.objects.create(user=user, telegram_id=telegram_id, linked_at=now)
        change = acts.carried(request, before={"telegram_id": before}, after={"telegram_id": telegram_id})
        audit.record("telegram.linked", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s is linked to %(account)s.") % {"user": user.username, "account": telegram_id}
