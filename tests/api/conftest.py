"""Programs at the REST interface, with the console's session."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from tests import factories
from tests.console import codes
from tests.remembered import remembered
from trading.lib import clock
from users.encryption import encrypt
from users.models import ApprovalRequest, TotpDevice, User
from users.sessions import BEGAN, SEEN

KEY = b"12345678901234567890"
LONG_ENOUGH = "She is the new dealer of Cedar Imports, checked by phone."


@pytest.fixture(autouse=True)
def plain_files(settings: Any) -> None:
    """Pages name their files without the hashes that a build adds."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]


def signed_in(user: User, *, with_otp: bool = True) -> Client:
    """A client with the user's session that checks forged requests as a browser's would be."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    if with_otp:
        device, _ = TotpDevice.objects.get_or_create(
            user=user, defaults={"name": "authenticator", "confirmed": True, "secret": encrypt(KEY)}
        )
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = device.persistent_id
        session[BEGAN] = session[SEEN] = clock.now().timestamp()
        session.save()
    return client


class Caller:
    """Somebody's program: sends JSON, the session and its token."""

    def __init__(self, user: User | None = None, *, with_otp: bool = True) -> None:
        self.login = user
        self.client = signed_in(user, with_otp=with_otp) if user else Client(enforce_csrf_checks=True)
        self.token = ""
        if user and with_otp:
            self.token = self.client.get("/api/session").json().get("csrf_token", "")
            if not self.token:  # refused already: any well-formed token will do
                self.token = "a" * 32
                self.client.cookies[django_settings.CSRF_COOKIE_NAME] = self.token

    @property
    def user(self) -> User:
        assert self.login is not None
        return self.login

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/{path}", query)

    def post(self, path: str, body: object = None, *, key: str | None = None, **headers: str) -> Any:
        sent = {"X-CSRFToken": self.token} | ({"Idempotency-Key": key} if key else {}) | headers
        return self.client.post(f"/api/{path}", body, content_type="application/json", headers=sent)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/api/{path}", headers={"X-CSRFToken": self.token})

    def propose(self, subject: User, *, approver: User, reason: str = LONG_ENOUGH, key: str = "", **more: Any) -> Any:
        body = {"reason": reason, "secondary_approver": approver.username, "roles": ["trader"]} | more
        return self.post(f"users/{subject.ref}/approve", body, key=key or factories.unique("key-of-test"))

    def decide(self, ref: str, digest: str, *, otp: str | None = None, **more: Any) -> Any:
        body = {"verdict": "approve", "reason": "I have called her, and the papers are in order."}
        body |= {"digest": digest, "otp": otp or self.code()} | more
        return self.post(f"approvals/{ref}/decision", body)

    def code(self) -> str:
        """A one-time code that was not used yet."""
        TotpDevice.objects.filter(user=self.user).update(last_step=-1)
        return codes.code(KEY)


@dataclass
class Desk:
    """Who is needed: somebody who proposes, two who decide, a pending user."""

    olga: Caller
    amir: Caller
    bella: Caller
    subject: User

    def proposed(self, **more: Any) -> ApprovalRequest:
        """A pending request of olga's that names amir."""
        answer = self.olga.propose(self.subject, approver=self.amir.user, **more)
        assert answer.status_code == 202, answer.content
        return ApprovalRequest.objects.get(ref=answer.json()["request"])


@remembered
def staff_and_newcomer() -> list[User]:
    """Olga of ops, the approvers Amir and Bella, and Tara, who is not let in yet."""
    olga, amir = factories.user("ops", username="olga"), factories.user("approver", username="amir")
    bella = factories.user("approver", username="bella")
    return [olga, amir, bella, factories.newcomer("tara", of=factories.counterparty())]


@pytest.fixture
def desk(db: None) -> Desk:
    olga, amir, bella, tara = staff_and_newcomer()
    return Desk(Caller(olga), Caller(amir), Caller(bella), tara)


@pytest.fixture
def caller() -> Callable[..., Caller]:
    return Caller
