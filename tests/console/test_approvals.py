"""What two people decide, at the console: proposing, deciding, refusing, withdrawing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from users.models import ApprovalDecision, ApprovalRequest, AuditEvent, Role, StepUp, TotpDevice, User

REASON = "Passport and registry extract were compared by me."
SCRIPT = {"HX-Request": "true"}


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


@pytest.fixture
def amir(db: None) -> User:
    """An approver."""
    return scene.person("amir", Role.APPROVER)


@pytest.fixture
def olga(db: None) -> User:
    """Operations."""
    return scene.person("olga", Role.OPS)


@pytest.fixture
def asked(olga: User, amir: User) -> ApprovalRequest:
    """Olga asks for a new trader to be let in."""
    return factories.propose("user.approve", factories.newcomer("newcomer").ref, by=olga, roles=["ops"])


def form(request: ApprovalRequest, **changes: str) -> dict[str, str]:
    usual = {"reason": REASON, "otp_token": code(scene.TOTP_KEY), "digest": bytes(request.digest).hex()}
    return usual | {"verdict": "approve"} | changes


def decide(client: Client, request: ApprovalRequest, *, follow: bool = True, **changes: str) -> Any:
    return client.post(f"/approvals/{request.ref}/decision/", form(request, **changes), follow=follow)


def wrong_code() -> str:
    right = {code(scene.TOTP_KEY, steps_ahead=steps) for steps in (-2, -1, 0, 1, 2)}
    return next(token for token in ("000000", "111111", "222222", "333333") if token not in right)


def test_the_second_persons_approval_is_carried_out_and_told(amir: User, asked: ApprovalRequest) -> None:
    answer = decide(verified_client(amir), asked)

    newcomer = User.objects.get(username="newcomer")
    assert answer.redirect_chain == [(f"/approvals/{asked.ref}/", 302)]
    assert "newcomer is now Active." in text(answer)
    assert "data-autofocus" in text(answer)
    assert newcomer.status == "active"
    assert newcomer.secondary_approver == amir
    assert newcomer.approval_reason == factories.REASON


def test_declining_changes_nothing_but_the_request(amir: User, asked: ApprovalRequest) -> None:
    answer = decide(verified_client(amir), asked, verdict="decline")

    assert "Declined. Nothing has changed." in text(answer)
    assert User.objects.get(username="newcomer").status == "pending"
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "declined"


def test_the_panel_shows_change_checks_history_and_form_in_this_order(amir: User, asked: ApprovalRequest) -> None:
    page = text(verified_client(amir).get(f"/approvals/{asked.ref}/"))

    parts = ("What changes", ">Checks<", ">History<", "Your decision")
    assert [page.index(part) for part in parts] == sorted(page.index(part) for part in parts)
    for words in ("Pending", "Active", "Operations", "1 approval needed", "amir", asked.reason, "Expires"):
        assert words in page
    assert f'value="{bytes(asked.digest).hex()}"' in page


def test_the_proposer_sees_withdraw_and_no_approve_and_is_refused_anyway(olga: User, asked: ApprovalRequest) -> None:
    client = verified_client(olga)
    page = text(client.get(f"/approvals/{asked.ref}/"))
    answer = decide(client, asked)

    assert "Your proposal" in page
    assert "Withdraw" in page
    assert 'value="approve"' not in page
    assert answer.status_code == 403
    assert "You proposed this. A different person has to decide." in text(answer)
    assert TotpDevice.objects.get(user=olga).last_step == -1


def test_withdrawing_closes_the_proposal(olga: User, asked: ApprovalRequest) -> None:
    answer = verified_client(olga).post(f"/approvals/{asked.ref}/withdrawal/", follow=True)

    assert "is withdrawn. Nothing has changed." in text(answer)
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "cancelled"


def test_only_the_proposer_withdraws(amir: User, asked: ApprovalRequest) -> None:
    answer = verified_client(amir).post(f"/approvals/{asked.ref}/withdrawal/")

    assert answer.status_code == 403
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "pending"


@pytest.mark.parametrize("role", [Role.OPS, Role.ADMIN, Role.AUDITOR])
def test_who_does_not_decide_sees_why_and_is_refused(asked: ApprovalRequest, role: str) -> None:
    client = verified_client(scene.person("other", role))
    page = text(client.get(f"/approvals/{asked.ref}/"))

    assert 'value="approve"' not in page
    assert "This needs an active approver who held the role when it was proposed." in page
    assert decide(client, asked).status_code == 403
    assert not StepUp.objects.filter(user__username="other").exists()


def test_a_role_gained_later_does_not_count(asked: ApprovalRequest) -> None:
    late = verified_client(scene.person("late", Role.APPROVER))

    assert decide(late, asked).status_code == 403
    assert asked.ref not in text(late.get("/approvals/"))


@pytest.mark.parametrize("reason", ["", "ok looks fine", "\t \t \t \t \t \t \t \t \t \t \t \t", "\u200b" * 30])
def test_a_poor_reason_is_kept_and_costs_no_code(amir: User, asked: ApprovalRequest, reason: str) -> None:
    answer = decide(verified_client(amir), asked, reason=reason)

    page = text(answer)
    assert answer.status_code == 422
    assert 'href="#id_reason"' in page
    assert page.count("write at least 20 characters") == 2
    assert reason.strip() in page
    assert TotpDevice.objects.get(user=amir).last_step == -1
    assert not ApprovalDecision.objects.filter(request=asked).exists()


def test_a_wrong_code_is_said_at_the_field_and_the_reason_kept(amir: User, asked: ApprovalRequest) -> None:
    token = wrong_code()
    answer = decide(verified_client(amir), asked, otp_token=token)

    page = text(answer)
    assert answer.status_code == 422
    assert 'href="#id_otp_token"' in page
    assert page.count("This code is not right") == 2
    assert REASON in page
    assert token not in page


def test_a_used_code_has_other_words(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    token = code(scene.TOTP_KEY)
    TotpDevice.objects.get(user=amir).verify_token(token)

    answer = decide(client, asked, otp_token=token)

    assert answer.status_code == 422
    assert "This code was already used. Wait for the next one" in text(answer)


def test_too_many_codes_are_throttled_with_the_time_to_wait(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    decide(client, asked, otp_token=wrong_code())

    answer = decide(client, asked)

    assert answer.status_code == 429
    assert re.search(r"Wait \d+ s", text(answer))


def test_whoever_comes_second_hears_who_decided_what_and_keeps_the_text(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    client.get(f"/approvals/{asked.ref}/")
    factories.decide(asked, verdict="decline")

    answer = decide(client, asked)

    page = text(answer)
    assert answer.status_code == 409
    assert "Already decided: <bdi>founder-b</bdi> Declined" in page
    assert factories.REASON in page
    assert REASON in page
    assert page.count("disabled>") == 2
    assert TotpDevice.objects.get(user=amir).last_step == -1


def test_the_same_decision_again_is_shown_not_refused(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    decide(client, asked)

    again = decide(client, asked)

    assert again.status_code == 200
    assert ApprovalDecision.objects.filter(request=asked).count() == 1


def test_a_stale_digest_is_refused_and_what_stands_now_is_shown(amir: User, asked: ApprovalRequest) -> None:
    answer = decide(verified_client(amir), asked, digest="ab" * 32)

    page = text(answer)
    assert answer.status_code == 409
    assert "is not what you were shown" in page
    assert REASON in page
    assert f'value="{bytes(asked.digest).hex()}"' in page
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "pending"


def test_a_changed_target_supersedes_the_request(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    factories.carry("user.reject", asked.subject_ref)

    answer = decide(client, asked)

    page = text(answer)
    assert answer.status_code == 409
    assert "has changed since" in page
    assert re.search(r"Status</th>.{0,60}pending.{0,90}rejected", page)
    assert "Changed since it was proposed" in text(client.get(f"/approvals/{asked.ref}/"))
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "superseded"
    assert TotpDevice.objects.get(user=amir).last_step == -1


def test_a_decision_needs_a_verdict(amir: User, asked: ApprovalRequest) -> None:
    answer = decide(verified_client(amir), asked, verdict="")

    assert answer.status_code == 422
    assert "Choose: approve or decline." in text(answer)


def test_scripts_get_the_panel_after_a_refusal_and_the_room_after_success(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    url = f"/approvals/{asked.ref}/decision/"

    refused = client.post(url, form(asked, reason="no"), headers=SCRIPT)
    done = client.post(url, form(asked), headers=SCRIPT, follow=True)

    assert refused.status_code == 422
    assert text(refused).lstrip().startswith("<section")
    assert "<html" not in text(done)
    assert done.headers["HX-Retarget"] == "#room"
    assert "is now Active." in text(done)


def test_a_session_that_proved_itself_afresh_has_a_new_key(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    before = client.session.session_key

    decide(client, asked)

    assert client.session.session_key != before
    assert client.get("/approvals/").status_code == 200


def test_tabs_list_what_their_counts_say(olga: User, amir: User, asked: ApprovalRequest) -> None:
    other = factories.propose("user.reject", factories.newcomer("second").ref)
    factories.decide(factories.propose("user.reject", factories.newcomer("third").ref), verdict="decline")
    olgas, amirs = verified_client(olga), verified_client(amir)

    def listed(client: Client, tab: str) -> set[str]:
        return set(re.findall(r'id="row-(APR-\w+)"', text(client.get(f"/approvals/?tab={tab}"))))

    assert listed(amirs, "waiting") == {asked.ref, other.ref}
    assert listed(olgas, "waiting") == set()
    assert listed(olgas, "mine") == {asked.ref}
    assert listed(olgas, "open") == {asked.ref, other.ref}
    assert len(listed(olgas, "decided")) >= 3
    assert re.search(r'tab-waiting"[^>]*>Waiting for you <span class="c"><bdi[^>]*>2<', text(amirs.get("/approvals/")))


@pytest.mark.parametrize("tab", ["waiting", "mine", "open", "decided"])
def test_lists_cost_the_same_queries_for_few_and_many(olga: User, amir: User, tab: str) -> None:
    client = verified_client(amir)
    counts = []
    for number in (2, 12):
        for _time in range(number):
            factories.propose("user.reject", factories.newcomer().ref, by=olga)
        client.get(f"/approvals/?tab={tab}")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/approvals/?tab={tab}")
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


def test_polls_are_empty_until_something_changes_and_hold_no_form(amir: User, asked: ApprovalRequest) -> None:
    client = verified_client(amir)
    found = re.search(r'data-poll hx-get="([^"]+)"', text(client.get("/approvals/")))
    assert found is not None
    url = found[1].replace("&amp;", "&")

    unchanged = client.get(url, headers=SCRIPT)
    factories.decide(asked)
    changed = client.get(url, headers=SCRIPT)

    assert unchanged.status_code == 204
    assert changed.status_code == 200
    assert "<form" not in text(changed)


def test_older_pages_follow_by_key(olga: User, amir: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from users.queries import approvals as queries  # noqa: PLC0415 - where the size stands

    monkeypatch.setattr(queries.page, "__kwdefaults__", {"size": 2})
    wanted = [factories.propose("user.reject", factories.newcomer().ref, by=olga).ref for _time in range(5)]
    client, seen, url = verified_client(amir), [], "/approvals/"
    while url:
        page = text(client.get(url))
        seen += re.findall(r'id="row-(APR-\w+)"', page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        url = older[1].replace("&amp;", "&") if older else ""

    assert seen == wanted[::-1]


def test_the_menu_counts_what_waits_for_the_reader(amir: User, olga: User, asked: ApprovalRequest) -> None:
    assert 'class="n hot"' in text(verified_client(amir).get("/rfqs/"))
    assert 'class="n hot"' not in text(verified_client(olga).get("/rfqs/"))


def test_what_was_decided_is_in_the_audit_log_with_both_names(amir: User, asked: ApprovalRequest) -> None:
    decide(verified_client(amir), asked)

    event = AuditEvent.objects.get(name="user.activated", subject_ref=asked.subject_ref)
    assert (event.actor, event.secondary_approver) == (asked.requested_by, amir)
    assert event.request_id


def test_refs_nobody_knows_are_not_found(amir: User) -> None:
    client = verified_client(amir)

    assert client.get("/approvals/APR-NONE/").status_code == 404
    assert client.post("/approvals/APR-NONE/decision/", {}).status_code == 404


def test_expired_requests_say_so(amir: User, asked: ApprovalRequest, owner: Any) -> None:
    owner.execute("alter table users_rolegrant disable trigger user")
    owner.execute("update users_rolegrant set granted_at = granted_at - interval '3 days'")
    owner.execute("alter table users_rolegrant enable trigger user")
    owner.execute("alter table users_approvalrequest disable trigger user")
    owner.execute(
        "update users_approvalrequest set created_at = created_at - %s, expires_at = expires_at - %s where ref = %s",
        [timedelta(days=2), timedelta(days=2), asked.ref],
    )
    owner.execute("alter table users_approvalrequest enable trigger user")
    owner.execute("alter table users_rolegrant disable trigger user")
    owner.execute("update users_rolegrant set granted_at = granted_at - %s", [timedelta(days=3)])
    owner.execute("alter table users_rolegrant enable trigger user")

    answer = decide(verified_client(amir), asked)

    assert answer.status_code == 409
    assert "expired at" in text(answer)
