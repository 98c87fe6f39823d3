"""Programs at the REST interface, with an API key."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.api.conftest import Desk
from tests.users.approvals import suspend
from tests.users.keys import collected
from trading.lib import clock
from users import keys, operations
from users.models import ApiKey, ApprovalDecision, User

ANCHOR = {"scopes": ["audit.anchor"]}


@pytest.fixture
def robot(db: None) -> User:
    return factories.user("service")


def call(key: str, path: str = "me", *, address: str = "127.0.0.1", **headers: str) -> Any:
    client = Client(enforce_csrf_checks=True, REMOTE_ADDR=address)
    return client.get(f"/api/{path}", headers={"Authorization": f"Bearer {key}"} | headers)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_says_whose_it_is_and_what_it_may(robot: User) -> None:
    key, text = collected(robot, **ANCHOR)

    answer = call(text)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["username"], body["credential"], body["key"]) == (robot.username, "key", key.ref)
    assert body["capabilities"] == ["audit.anchor"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_its_use_is_noted_once_a_minute(robot: User) -> None:
    key, text = collected(robot, **ANCHOR)
    call(text)
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    call(text)

    assert first is not None
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first


def test_the_latest_seal_is_anchored_elsewhere_with_a_key(robot: User) -> None:
    _key, text = collected(robot, **ANCHOR)
    seal = operations.seal_audit(now=clock.now())
    assert seal is not None

    answer = call(text, "audit/seal")

    assert (answer.status_code, answer.json()["number"]) == (200, seal.number)
    assert answer.json()["hash"] == bytes(seal.hash).hex()


@pytest.mark.parametrize("text", ["", "desk_live_", "desk_live_abc_def"])
def test_mistyped_keys_are_refused(db: None, text: str) -> None:
    answer = call(text)

    assert refusal(answer) == (401, "mistyped_key" if text else "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="desk"'


def test_a_key_nobody_made_is_refused(robot: User) -> None:
    assert refusal(call(keys.new().text)) == (401, "unknown_key")


def test_the_right_id_with_another_secret_is_refused(robot: User) -> None:
    key, _text = collected(robot, **ANCHOR)
    forged = keys.Key(key.identifier or "", keys.new().secret)

    assert refusal(call(forged.text)) == (401, "unknown_key")


def test_revoked_expired_and_suspended_keys_are_refused(robot: User, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = collected(robot, **ANCHOR)
    real = clock.now
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: real() + timedelta(days=31))
        assert refusal(call(text)) == (401, "expired_key")
    suspend(robot)
    assert refusal(call(text)) == (401, "key_of_inactive_user")
    operations.revoke_key(key_ref=key.ref, actor=factories.user("ops"), reason="It leaked.", now=clock.now())
    assert refusal(call(text)) == (401, "revoked_key")


def test_a_key_works_from_its_addresses_only(robot: User, settings: Any) -> None:
    _key, text = collected(robot, addresses=["192.0.2.0/24", "2001:db8::/32"], **ANCHOR)
    lie = {"X-Forwarded-For": "192.0.2.7"}

    assert call(text, address="192.0.2.7").status_code == 200
    assert call(text, address="2001:db8::7").status_code == 200
    assert call(text, address="::ffff:192.0.2.7").status_code == 200
    assert refusal(call(text, address="198.51.100.7")) == (403, "foreign_address")
    assert refusal(call(text, address="198.51.100.7", **lie)) == (403, "foreign_address")
    settings.TRUSTED_PROXIES = 1
    assert call(text, address="10.0.0.1", **lie).status_code == 200
    assert refusal(call(text, address="10.0.0.1", **{"X-Forwarded-For": "192.0.2.7, 198.51.100.7"})) == (
        403,
        "foreign_address",
    )


def test_a_key_does_not_do_what_it_was_not_made_for(robot: User) -> None:
    _key, text = collected(robot, scopes=["settlement.execute"])

    answer = call(text, "audit/seal")

    assert refusal(answer) == (403, "missing_scope")
    assert "audit.anchor" in answer.json()["message"]


def test_a_key_loses_what_its_login_loses(db: None) -> None:
    leo = factories.user("lp")
    _key, text = collected(leo)
    operations.revoke_role(user=leo, role="lp", actor=None, reason="for a test", now=clock.now())  # type: ignore[arg-type]

    assert call(text).json()["capabilities"] == []


ONLY_PEOPLE = [
    ("get", "session"),
    ("get", "approvals"),
    ("get", "approvals/{request}"),
    ("post", "approvals/{request}/decision"),
    ("post", "approvals/{request}/withdrawal"),
    ("post", "users/{subject}/approve"),
    ("post", "users/{subject}/reject"),
]


@pytest.mark.parametrize(("method", "path"), ONLY_PEOPLE)
def test_a_key_neither_proposes_nor_decides_nor_looks(desk: Desk, method: str, path: str) -> None:
    request = desk.proposed()
    _key, text = collected(factories.user("service"), **ANCHOR)
    client = Client(enforce_csrf_checks=True)
    where = "/api/" + path.format(request=request.ref, subject=desk.subject.ref)
    body = {"verdict": "approve", "reason": "I have called her, and all is fine.", "digest": "a" * 64, "otp": "123456"}

    answer = getattr(client, method)(
        where,
        body if method == "post" else None,
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}", "Idempotency-Key": "a-key-of-eight"},
    )

    assert refusal(answer) == (403, "not_with_a_key")
    assert not ApprovalDecision.objects.filter(request=request).exists()
    request.refresh_from_db()
    assert request.status == "pending"


def test_a_key_beside_a_session_is_a_key(desk: Desk) -> None:
    """Otherwise a page could use somebody's session without its token."""
    request = desk.proposed()
    _key, text = collected(factories.user("service"), **ANCHOR)

    answer = desk.amir.post(
        f"approvals/{request.ref}/withdrawal", {}, **{"Authorization": f"Bearer {text}", "X-CSRFToken": ""}
    )

    assert refusal(answer) == (403, "not_with_a_key")


def test_a_session_says_whose_it_is_too(desk: Desk) -> None:
    body = desk.amir.get("me").json()

    assert (body["credential"], body["key"], body["username"]) == ("session", None, desk.amir.user.username)
