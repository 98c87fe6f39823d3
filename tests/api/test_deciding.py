"""Deciding over REST: the second person, fresh proof, and who is refused with which words."""

from typing import Any

import pytest

from tests import factories
from tests.api.conftest import Caller, Desk
from tests.factories.unusual import twin_of
from trading.lib import clock
from users import operations
from users.models import ApprovalDecision, ApprovalRequest, AuditEvent, StepUp, TotpDevice, User


def digest_of(request: ApprovalRequest) -> str:
    return bytes(request.digest).hex()


def test_the_named_persons_decision_lets_the_user_in(desk: Desk) -> None:
    request = desk.proposed()

    answer = desk.amir.decide(request.ref, digest_of(request))

    assert answer.status_code == 200
    body = answer.json()
    assert (body["request"], body["digest"], body["status"]) == (request.ref, digest_of(request), "executed")
    assert [said["decided_by"] for said in body["decisions"]] == ["amir"]
    user = User.objects.get(pk=desk.subject.pk)
    decision = ApprovalDecision.objects.get(request=request)
    assert user.status == "active"
    assert (user.approval_reason, user.approval_requested_by) == (request.reason, desk.olga.user)
    assert (user.secondary_approver, user.secondary_approved_at) == (desk.amir.user, decision.decided_at)
    assert user.approval_request == request
    event = AuditEvent.objects.get(name="user.activated", subject_ref=user.ref)
    assert (event.reason, event.secondary_approver, event.actor) == (request.reason, desk.amir.user, desk.olga.user)
    assert event.request_id == answer.headers["X-Request-ID"]


def test_another_approver_may_decide_in_their_place(desk: Desk) -> None:
    request = desk.proposed()

    assert desk.bella.decide(request.ref, digest_of(request)).json()["status"] == "executed"


def test_declining_ends_it(desk: Desk) -> None:
    request = desk.proposed()

    answer = desk.amir.decide(request.ref, digest_of(request), verdict="decline")

    assert (answer.status_code, answer.json()["status"]) == (200, "declined")
    assert User.objects.get(pk=desk.subject.pk).status == "pending"


# --- who may not -----------------------------------------------------------------------------


def refused(caller: Caller, request: ApprovalRequest, code: str) -> None:
    answer = caller.decide(request.ref, digest_of(request))
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert not ApprovalDecision.objects.filter(request=request).exists()
    assert User.objects.get(ref=request.subject_ref).status == "pending"


def test_the_proposer_may_not(desk: Desk) -> None:
    refused(desk.olga, desk.proposed(), "own_proposal")


def test_a_proposer_who_is_an_approver_too_may_not(desk: Desk) -> None:
    both = Caller(factories.user("ops", "approver"))
    ref = both.propose(desk.subject, approver=desk.amir.user).json()["request"]

    refused(both, ApprovalRequest.objects.get(ref=ref), "own_proposal")


def test_another_login_of_the_proposers_person_may_not(desk: Desk) -> None:
    twin = Caller(twin_of(desk.olga.user, "approver"))

    refused(twin, desk.proposed(), "own_proposal")


def test_the_person_concerned_may_not(desk: Desk) -> None:
    subject = Caller(twin_of(desk.subject, "approver"))

    refused(subject, desk.proposed(), "about_yourself")


@pytest.mark.parametrize("role", ["auditor", "admin", "ops"])
def test_other_roles_of_the_desk_may_not(desk: Desk, role: str) -> None:
    refused(Caller(factories.user(role)), desk.proposed(), "may_not_decide")


@pytest.mark.parametrize(("role", "kind"), [("trader", "client"), ("lp", "lp")])
def test_clients_and_lps_may_not(desk: Desk, role: str, kind: str) -> None:
    refused(Caller(factories.user(role, of=factories.counterparty(kind))), desk.proposed(), "not_of_the_desk")


def test_services_may_not(desk: Desk) -> None:
    refused(Caller(factories.user("service")), desk.proposed(), "not_of_the_desk")


def test_an_approver_made_after_the_proposal_may_not(desk: Desk) -> None:
    request = desk.proposed()

    refused(Caller(factories.user("approver")), request, "may_not_decide")


# --- what is too late or something else ------------------------------------------------------


def test_what_was_decided_is_told_with_who_and_when(desk: Desk) -> None:
    request = desk.proposed()
    desk.amir.decide(request.ref, digest_of(request))

    answer = desk.bella.decide(request.ref, digest_of(request))

    assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")
    message = answer.json()["message"]
    closed = ApprovalRequest.objects.get(pk=request.pk).closed_at
    assert closed is not None
    assert "amir" in message
    assert f"{closed:%Y-%m-%d %H:%M}" in message
    assert ApprovalDecision.objects.filter(request=request).count() == 1


def test_another_digest_conflicts(desk: Desk) -> None:
    request = desk.proposed()

    answer = desk.amir.decide(request.ref, "0" * 64)

    assert (answer.status_code, answer.json()["code"]) == (409, "stale_digest")
    assert f"{request.ref}, proposed by olga at {request.created_at:%Y-%m-%d %H:%M}" in answer.json()["message"]
    assert not StepUp.objects.filter(user=desk.amir.user).exists()


def aged(request: ApprovalRequest, owner: Any) -> None:
    """As if it had been proposed two days ago, by and to people who held their roles before."""
    owner.execute("alter table users_rolegrant disable trigger user")
    owner.execute("update users_rolegrant set granted_at = granted_at - interval '3 days'")
    owner.execute("alter table users_rolegrant enable trigger user")
    owner.execute("alter table users_approvalrequest disable trigger user")
    owner.execute(
        "update users_approvalrequest set created_at = created_at - interval '2 days',"
        " expires_at = expires_at - interval '2 days' where id = %s",
        [request.pk],
    )
    owner.execute("alter table users_approvalrequest enable trigger user")


def test_what_has_expired_conflicts(desk: Desk, owner: Any) -> None:
    request = desk.proposed()
    aged(request, owner)

    answer = desk.amir.decide(request.ref, digest_of(request))

    assert (answer.status_code, answer.json()["code"]) == (409, "request_expired")
    assert f"{request.ref}, proposed by olga, expired at 20" in answer.json()["message"]
    assert ApprovalRequest.objects.get(pk=request.pk).status == "expired"


def test_what_changed_meanwhile_conflicts(desk: Desk) -> None:
    request = desk.proposed()
    operations.link_telegram(user=desk.subject, telegram_id=4711, now=clock.now())

    answer = desk.amir.decide(request.ref, digest_of(request))

    assert (answer.status_code, answer.json()["code"]) == (409, "superseded")
    assert f"{request.ref}, proposed by olga at 20" in answer.json()["message"]
    assert ApprovalRequest.objects.get(pk=request.pk).status == "superseded"


def test_an_unknown_request_is_not_found(desk: Desk) -> None:
    assert desk.amir.decide("APR-ZZZZZZZZ", "0" * 64).status_code == 404
    assert desk.amir.get("approvals/APR-ZZZZZZZZ").status_code == 404
    assert desk.olga.post("approvals/APR-ZZZZZZZZ/withdrawal").status_code == 404


# --- reason and proof ------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", "\t" * 30, "\u200b" * 30, "fine"])
def test_a_decision_needs_a_reason_of_its_own(desk: Desk, reason: str) -> None:
    request = desk.proposed()

    answer = desk.amir.decide(request.ref, digest_of(request), reason=reason)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["reason"])
    assert ApprovalRequest.objects.get(pk=request.pk).status == "pending"


@pytest.mark.parametrize("otp", ["", "12345", "12345a", "１２３４５６"])
def test_a_decision_needs_a_code(desk: Desk, otp: str) -> None:
    request = desk.proposed()
    body = {"verdict": "approve", "reason": "x" * 30, "digest": digest_of(request), "otp": otp}

    answer = desk.amir.post(f"approvals/{request.ref}/decision", body)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["otp"])


def test_a_wrong_code_is_refused_and_too_many_have_to_wait(desk: Desk) -> None:
    request = desk.proposed()
    right = desk.amir.code()
    wrong = f"{(int(right) + 500_000) % 1_000_000:06d}"

    first = desk.amir.decide(request.ref, digest_of(request), otp=wrong)
    TotpDevice.objects.filter(user=desk.amir.user).update(throttling_failure_count=6)
    second = desk.amir.decide(request.ref, digest_of(request), otp=right)

    assert (first.status_code, first.json()["code"], list(first.json()["fields"])) == (400, "wrong_code", ["otp"])
    assert (second.status_code, second.json()["code"]) == (429, "too_many_codes")
    assert int(second.headers["Retry-After"]) >= 1
    assert ApprovalRequest.objects.get(pk=request.pk).status == "pending"


def test_a_code_works_once(desk: Desk) -> None:
    request = desk.proposed()
    code = desk.amir.code()
    operations.verify_otp(user=desk.amir.user, token=code, now=clock.now())

    answer = desk.amir.decide(request.ref, digest_of(request), otp=code)

    assert (answer.status_code, answer.json()["code"]) == (400, "reused_code")


def test_an_unknown_verdict_is_malformed(desk: Desk) -> None:
    request = desk.proposed()

    answer = desk.amir.decide(request.ref, digest_of(request), verdict="perhaps")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["verdict"])


# --- withdrawing, reading --------------------------------------------------------------------


def test_the_proposer_takes_it_back(desk: Desk) -> None:
    request = desk.proposed()

    answer = desk.olga.post(f"approvals/{request.ref}/withdrawal")
    again = desk.olga.post(f"approvals/{request.ref}/withdrawal")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


def test_nobody_else_takes_it_back(desk: Desk) -> None:
    answer = desk.amir.post(f"approvals/{desk.proposed().ref}/withdrawal")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_proposal")


def test_a_request_shows_what_will_change(desk: Desk) -> None:
    request = desk.proposed()

    body = desk.amir.get(f"approvals/{request.ref}").json()

    assert (body["digest"], body["quorum"], body["decisions"]) == (digest_of(request), 1, [])
    assert {"field": "Status", "now": "Pending", "after": "Active"} in body["changes"]


def test_the_list_is_read_page_by_page(desk: Desk) -> None:
    request = desk.proposed()
    seen: list[str] = []
    before = None
    while True:
        page = desk.amir.get("approvals", limit=2, **({"before": before} if before else {})).json()
        assert len(page["items"]) <= 2
        seen += [item["request"] for item in page["items"]]
        before = page["next"]
        if before is None:
            break

    assert seen == list(ApprovalRequest.objects.order_by("-pk").values_list("ref", flat=True))
    assert seen[0] == request.ref
    only = desk.amir.get("approvals", status="pending", act="user.approve").json()
    assert [item["request"] for item in only["items"]] == [request.ref]


@pytest.mark.parametrize("query", [{"limit": 101}, {"limit": 0}, {"status": "odd"}, {"before": "x' or 1=1"}])
def test_lists_are_bounded(desk: Desk, query: dict[str, Any]) -> None:
    assert desk.amir.get("approvals", **query).status_code == 400


def test_the_list_takes_the_same_queries_however_long(desk: Desk, django_assert_max_num_queries: Any) -> None:
    desk.amir.get("approvals")
    with django_assert_max_num_queries(8):
        desk.amir.get("approvals")


# --- the root --------------------------------------------------------------------------------


def test_the_description_names_every_call_and_its_refusals(desk: Desk) -> None:
    schema = Caller().get("openapi.json").json()

    assert schema["openapi"].startswith("3.")
    decide = schema["paths"]["/api/approvals/{ref}/decision"]["post"]
    assert {"200", "400", "401", "403", "404", "409", "429"} <= set(decide["responses"])
    approve = schema["paths"]["/api/users/{ref}/approve"]["post"]
    assert {"202", "400", "401", "403", "404", "409"} <= set(approve["responses"])
    assert {"ref", "Idempotency-Key"} <= {parameter["name"] for parameter in approve["parameters"]}


def test_the_page_of_the_description_is_for_people_of_the_desk(desk: Desk) -> None:
    page = desk.olga.get("docs")

    assert page.status_code == 200
    assert "/api/users/{ref}/approve" in page.content.decode()
    assert Caller().get("docs").status_code == 302


def test_unknown_addresses_and_methods_are_refused_in_the_same_shape(desk: Desk) -> None:
    unknown = Caller().get("nothing/here")
    method = desk.olga.client.put("/api/approvals", headers={"X-CSRFToken": desk.olga.token})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert method.headers["Allow"] == "GET"


def test_what_breaks_says_nothing_of_the_inside(desk: Desk, monkeypatch: Any, caplog: Any) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(operations, "propose", broken)

    answer = desk.olga.propose(desk.subject, approver=desk.amir.user)

    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "secret detail" not in answer.content.decode()
    assert "secret detail" in caplog.text
