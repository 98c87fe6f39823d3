"""Proposing over REST: nothing happens, and what is missing is said."""

from typing import Any

import pytest

from tests import factories
from tests.api.conftest import LONG_ENOUGH, Caller, Desk
from tests.factories.unusual import twin_of
from users.models import ApprovalRequest, User

BLANKS = [
    "",
    "   ",
    "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t",
    "\u200b" * 40,
    "\u00a0\ufeff\u2060" * 20,
    "too short",
]


def status_of(user: User) -> str:
    return User.objects.get(pk=user.pk).status


def test_a_proposal_is_accepted_and_changes_nothing(desk: Desk) -> None:
    answer = desk.olga.propose(desk.subject, approver=desk.amir.user)

    assert answer.status_code == 202
    body = answer.json()
    request = ApprovalRequest.objects.get(ref=body["request"])
    assert body["digest"] == bytes(request.digest).hex()
    assert (body["status"], body["requested_by"], body["secondary_approver"]) == ("pending", "olga", "amir")
    assert (body["subject"], body["reason"], body["payload"]) == (desk.subject.ref, LONG_ENOUGH, {"roles": ["trader"]})
    assert status_of(desk.subject) == "pending"


@pytest.mark.parametrize("act", ["approve", "reject"])
@pytest.mark.parametrize("reason", BLANKS)
def test_a_reason_without_meaning_is_refused(desk: Desk, act: str, reason: str) -> None:
    body = {"reason": reason, "secondary_approver": "amir"}

    answer = desk.olga.post(f"users/{desk.subject.ref}/{act}", body, key="key-12345678")

    assert answer.status_code == 400
    assert answer.json()["code"] == "reason_too_short"
    assert "20 characters" in answer.json()["fields"]["reason"]
    assert not ApprovalRequest.objects.filter(subject_ref=desk.subject.ref).exists()


@pytest.mark.parametrize("missing", ["reason", "secondary_approver"])
def test_what_is_missing_is_named(desk: Desk, missing: str) -> None:
    body = {"reason": LONG_ENOUGH, "secondary_approver": "amir"}
    del body[missing]

    answer = desk.olga.post(f"users/{desk.subject.ref}/approve", body, key="key-12345678")

    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "fields", "request_id"}
    assert list(answer.json()["fields"]) == [missing]
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "more",
    [
        {"roles": ["king"]},
        {"roles": ["ops"] * 8},
        {"roles": "ops"},
        {"reason": "x" * 1001},
        {"reason": LONG_ENOUGH + "\x00"},
        {"secondary_approver": "amir\x00"},
        {"secondary_approver": "nobody-of-that-name"},
        {"surprise": "field"},
    ],
)
def test_malformed_bodies_are_refused(desk: Desk, more: dict[str, Any]) -> None:
    answer = desk.olga.propose(desk.subject, approver=desk.amir.user, **more)

    assert answer.status_code == 400, answer.content
    assert answer.json()["fields"]
    assert not ApprovalRequest.objects.filter(subject_ref=desk.subject.ref).exists()


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "", '{"reason": "\\ud800", "secondary_approver": "amir"}'])
def test_what_is_no_json_object_is_refused(desk: Desk, body: str) -> None:
    path = f"/api/users/{desk.subject.ref}/approve"
    headers = {"X-CSRFToken": desk.olga.token, "Idempotency-Key": "key-12345678"}

    answer = desk.olga.client.post(path, body, content_type="application/json", headers=headers)

    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "malformed"


def test_a_huge_body_is_refused(desk: Desk) -> None:
    answer = desk.olga.propose(desk.subject, approver=desk.amir.user, reason="x" * 1_100_000)

    assert answer.status_code == 413


def test_an_approver_who_cannot_decide_is_a_wrong_field(desk: Desk) -> None:
    for username in (desk.olga.user, factories.user("auditor")):
        answer = desk.olga.propose(desk.subject, approver=username)

        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["secondary_approver"]


@pytest.mark.parametrize("role", ["approver", "admin", "auditor"])
def test_only_proposing_roles_propose(desk: Desk, role: str) -> None:
    answer = Caller(factories.user(role)).propose(desk.subject, approver=desk.bella.user)

    assert answer.status_code == 403
    assert answer.json()["code"] == "may_not_propose"


def test_nobody_proposes_about_their_own_person(desk: Desk) -> None:
    other_login = twin_of(desk.olga.user)

    answer = desk.olga.propose(other_login, approver=desk.amir.user)

    assert (answer.status_code, answer.json()["code"]) == (403, "about_yourself")


def test_an_unknown_user_is_not_found(desk: Desk) -> None:
    body = {"reason": LONG_ENOUGH, "secondary_approver": "amir"}

    assert desk.olga.post("users/USR-ZZZZZZZZ/approve", body, key="key-12345678").status_code == 404
    assert desk.olga.post("users/1;drop/approve", body, key="key-12345678").status_code == 400


def test_a_user_who_is_not_pending_conflicts(desk: Desk) -> None:
    active = factories.user("trader")

    answer = desk.olga.propose(active, approver=desk.amir.user)

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_user_state")


def test_a_second_proposal_is_told_of_the_first(desk: Desk) -> None:
    first = desk.proposed()

    answer = desk.olga.propose(desk.subject, approver=desk.amir.user)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_open")
    assert first.ref in answer.json()["message"]


def test_a_rejection_is_decided_by_two_as_well(desk: Desk) -> None:
    body = {"reason": "Her papers were forged, says the registry.", "secondary_approver": "amir"}

    proposed = desk.olga.post(f"users/{desk.subject.ref}/reject", body, key="key-12345678").json()
    assert status_of(desk.subject) == "pending"
    desk.amir.decide(proposed["request"], proposed["digest"])

    assert status_of(desk.subject) == "rejected"


# --- who may come in -------------------------------------------------------------------------


def test_without_a_session_nothing_is_answered(desk: Desk) -> None:
    for answer in (
        Caller().get("approvals"),
        Caller().get("session"),
        Caller().propose(desk.subject, approver=desk.amir.user),
        Caller().post("approvals/APR-AAAAAAAA/decision", {}),
    ):
        assert answer.status_code == 401
        assert answer.json()["code"] == "not_signed_in"


def test_a_password_alone_is_not_enough(desk: Desk) -> None:
    half = Caller(desk.olga.user, with_otp=False)

    assert half.get("approvals").status_code == 401
    assert half.propose(desk.subject, approver=desk.amir.user).status_code == 401


def test_a_session_that_is_over_is_not_enough(desk: Desk) -> None:
    session = desk.olga.client.session
    session["session_seen_at"] = session["session_began_at"] = 0
    session.save()

    assert desk.olga.get("approvals").status_code == 401


def test_a_forged_request_is_refused(desk: Desk) -> None:
    desk.olga.token = ""

    answer = desk.olga.propose(desk.subject, approver=desk.amir.user)

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert not ApprovalRequest.objects.filter(subject_ref=desk.subject.ref).exists()


def test_a_request_from_another_site_is_refused(desk: Desk) -> None:
    body = {"reason": LONG_ENOUGH, "secondary_approver": "amir"}
    path = f"users/{desk.subject.ref}/approve"

    answer = desk.olga.post(path, body, key="key-12345678", Origin="https://elsewhere.example")

    assert answer.status_code == 403


@pytest.mark.parametrize("role", ["trader", "lp"])
def test_clients_and_lps_are_refused(desk: Desk, role: str) -> None:
    stranger = Caller(factories.user(role, of=factories.counterparty("client" if role == "trader" else "lp")))

    for answer in (stranger.get("approvals"), stranger.propose(desk.subject, approver=desk.amir.user)):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_of_the_desk")


def test_services_are_refused(desk: Desk) -> None:
    robot = Caller(factories.user("service"))

    assert robot.get("approvals").status_code == 403
    assert robot.propose(desk.subject, approver=desk.amir.user).status_code == 403


# --- the same again --------------------------------------------------------------------------


def test_the_same_key_and_body_is_the_same_request(desk: Desk) -> None:
    first = desk.olga.propose(desk.subject, approver=desk.amir.user, key="key-12345678")
    again = desk.olga.propose(desk.subject, approver=desk.amir.user, key="key-12345678")

    assert again.status_code == 202
    assert again.json() == first.json()
    assert ApprovalRequest.objects.filter(subject_ref=desk.subject.ref).count() == 1


@pytest.mark.parametrize("other", [{"reason": LONG_ENOUGH + " Indeed."}, {"roles": ["ops"]}])
def test_the_same_key_with_another_body_conflicts(desk: Desk, other: dict[str, Any]) -> None:
    first = desk.olga.propose(desk.subject, approver=desk.amir.user, key="key-12345678")

    answer = desk.olga.propose(desk.subject, approver=desk.amir.user, key="key-12345678", **other)

    assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")
    assert first.json()["request"] in answer.json()["message"]


def test_the_same_key_naming_another_approver_conflicts(desk: Desk) -> None:
    desk.olga.propose(desk.subject, approver=desk.amir.user, key="key-12345678")

    assert desk.olga.propose(desk.subject, approver=desk.bella.user, key="key-12345678").status_code == 409


@pytest.mark.parametrize("key", [None, "short", "x" * 65, "with blank in it"])
def test_a_proposal_needs_a_key(desk: Desk, key: str | None) -> None:
    body = {"reason": LONG_ENOUGH, "secondary_approver": "amir"}

    answer = desk.olga.post(f"users/{desk.subject.ref}/approve", body, key=key)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["Idempotency-Key"]
