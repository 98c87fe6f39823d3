"""Users, counterparties, policies, the flag and the audit log at the console."""

import csv
import io
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement import autosettle
from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from users.models import ApprovalPolicy, ApprovalRequest, AuditEvent, Role, RoleGrant, TotpDevice, User

REASON = "Registry extract and passport are complete."


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


@pytest.fixture
def olga(db: None) -> User:
    return scene.person("olga", Role.OPS)


@pytest.fixture
def ada(db: None) -> User:
    return scene.person("ada", Role.ADMIN)


@pytest.fixture
def audrey(db: None) -> User:
    return scene.person("audrey", Role.AUDITOR)


def propose(client: Client, url: str, **fields: object) -> Any:
    usual = {"reason": REASON, "otp_token": code(scene.TOTP_KEY), "key": factories.unique("key")}
    return client.post(url, usual | fields, follow=True)


def nominee() -> str:
    return factories.founders()[1].ref


def test_approving_a_user_is_proposed_with_roles_and_a_second_person(olga: User) -> None:
    newcomer = factories.newcomer("newcomer")
    answer = propose(
        verified_client(olga), f"/users/{newcomer.ref}/proposals/user.approve/", roles=["ops"], nominee=nominee()
    )

    request = ApprovalRequest.objects.get(subject_ref=newcomer.ref)
    assert answer.redirect_chain == [(f"/approvals/{request.ref}/", 302)]
    assert "is proposed. Nothing has changed yet" in text(answer)
    assert (request.requested_by, request.nominee, request.payload) == (
        olga,
        factories.founders()[1],
        {"roles": ["ops"]},
    )
    assert User.objects.get(pk=newcomer.pk).status == "pending"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("reason", "fine", "write at least 20 characters"),
        ("nominee", "", "name who is asked to decide"),
        ("roles", [], "choose at least one"),
        ("otp_token", "12", "it has 6 digits"),
    ],
)
def test_what_is_missing_is_said_and_costs_no_code(olga: User, field: str, value: object, words: str) -> None:
    newcomer, client = factories.newcomer("newcomer"), verified_client(olga)
    fields = {"roles": ["ops"], "nominee": nominee()} | {field: value}
    answer = propose(client, f"/users/{newcomer.ref}/proposals/user.approve/", **fields)

    assert answer.status_code == 422
    assert text(answer).count(words) == 2
    assert TotpDevice.objects.get(user=olga).last_step == -1
    assert not ApprovalRequest.objects.filter(subject_ref=newcomer.ref).exists()


def test_only_eligible_people_are_offered_and_taken(olga: User, ada: User) -> None:
    newcomer, client = factories.newcomer("newcomer"), verified_client(olga)
    page = text(client.get(f"/users/{newcomer.ref}/?act=user.approve"))
    answer = propose(client, f"/users/{newcomer.ref}/proposals/user.approve/", roles=["ops"], nominee=ada.ref)

    assert "(founder-a)" in page
    assert "(ada)" not in page
    assert "(olga)" not in page
    assert answer.status_code == 422


def test_the_same_key_again_is_the_same_proposal(olga: User) -> None:
    newcomer, client = factories.newcomer("newcomer"), verified_client(olga)
    for _time in range(2):
        answer = propose(client, f"/users/{newcomer.ref}/proposals/user.reject/", nominee=nominee(), key="KEY-1")

    assert answer.status_code == 200
    assert ApprovalRequest.objects.filter(subject_ref=newcomer.ref).count() == 1


def test_a_second_proposal_of_the_same_is_a_conflict_that_names_the_first(olga: User) -> None:
    newcomer, client = factories.newcomer("newcomer"), verified_client(olga)
    first = factories.propose("user.reject", newcomer.ref)
    answer = propose(client, f"/users/{newcomer.ref}/proposals/user.reject/", nominee=nominee())

    assert answer.status_code == 409
    assert first.ref in text(answer)
    assert REASON in text(answer)
    assert TotpDevice.objects.get(user=olga).last_step == -1


def test_who_may_not_propose_is_offered_nothing_and_refused(audrey: User) -> None:
    newcomer, client = factories.newcomer("newcomer"), verified_client(audrey)

    assert "Approve user" not in text(client.get(f"/users/{newcomer.ref}/"))
    assert propose(client, f"/users/{newcomer.ref}/proposals/user.reject/", nominee=nominee()).status_code == 403


def test_nobody_is_offered_anything_about_themselves(ada: User) -> None:
    client = verified_client(ada)

    assert "Grant role" not in text(client.get(f"/users/{ada.ref}/"))
    answer = propose(client, f"/users/{ada.ref}/proposals/role.grant/", role="approver", nominee=nominee())
    assert answer.status_code == 403


def test_a_role_is_granted_by_proposal_and_revoked_at_once(ada: User, olga: User) -> None:
    client = verified_client(ada)
    propose(client, f"/users/{olga.ref}/proposals/role.grant/", role="approver", nominee=nominee())
    factories.decide(ApprovalRequest.objects.get(subject_ref=olga.ref, act="role.grant"))
    answer = client.post(f"/users/{olga.ref}/role-revocation/", {"role": "approver", "reason": REASON}, follow=True)

    assert "The role is revoked." in text(answer)
    grant = RoleGrant.objects.get(user=olga, role="approver")
    assert grant.revoked_at is not None


def test_one_person_suspends_at_once_with_a_reason(ada: User, olga: User) -> None:
    client = verified_client(ada)
    refused = client.post(f"/users/{olga.ref}/suspension/", {"reason": "because"})
    done = client.post(f"/users/{olga.ref}/suspension/", {"reason": REASON}, follow=True)

    assert refused.status_code == 422
    assert "because" in text(refused)
    assert "olga is suspended" in text(done)
    assert User.objects.get(pk=olga.pk).status == "suspended"
    assert AuditEvent.objects.get(name="user.suspended").reason == REASON


def test_auditors_stop_nobody(audrey: User, olga: User) -> None:
    assert verified_client(audrey).post(f"/users/{olga.ref}/suspension/", {"reason": REASON}).status_code == 403


def test_the_evidence_of_a_user_is_shown(olga: User) -> None:
    page = text(verified_client(olga).get(f"/users/{olga.ref}/"))

    assert olga.approval_request is not None
    for words in (factories.REASON, "founder-a", "founder-b", olga.approval_request.ref, "Operations", "Set up"):
        assert words in page


def test_users_are_found_by_name_counterparty_and_status(olga: User) -> None:
    company = factories.counterparty("client", "Pars Export Co.")
    factories.newcomer("navid", of=company)
    client = verified_client(olga)

    def rows(query: str) -> int:
        return text(client.get(f"/users/?{query}")).count("<tr data-row")

    assert [rows("q=pars"), rows("q=navid"), rows("status=pending"), rows("q=zzz")] == [1, 1, 1, 0]
    assert "Pars Export Co." in text(client.get("/counterparties/?q=pars"))
    assert "navid" in text(client.get(f"/counterparties/{company.ref}/"))


def test_refs_of_people_entities_and_requests_are_found_by_the_search(olga: User) -> None:
    company, client = factories.counterparty(), verified_client(olga)
    asked = factories.propose("user.reject", factories.newcomer().ref)

    for ref, room in ((olga.ref, "users"), (company.ref, "counterparties"), (asked.ref, "approvals")):
        assert client.get(f"/search/?q={ref.lower()}").headers["Location"] == f"/{room}/{ref}/"
    nothing = client.get("/search/?q=USR-NONE")
    assert (nothing.status_code, nothing.context["sections"]) == (200, [])


@pytest.mark.parametrize("room", ["/users/", "/counterparties/", "/audit/"])
def test_lists_cost_the_same_queries_for_few_and_many(olga: User, room: str) -> None:
    client, counts = verified_client(olga), []
    for number in (2, 12):
        for _time in range(number):
            factories.newcomer(of=factories.counterparty())
        client.get(room)
        with CaptureQueriesContext(connection) as asked:
            client.get(room)
        counts.append(len(asked))

    assert counts[0] == counts[1] <= 13


def test_other_terms_are_proposed_and_in_force_after_the_decision(ada: User) -> None:
    factories.user("approver")
    client = verified_client(ada)
    terms = {
        "quorum": 1,
        "approver_role": "approver",
        "proposer_roles": ["ops"],
        "expires_after": 60,
        "execute_within": 60,
        "step_up_within": 5,
    }
    answer = propose(client, "/policies/user.approve/proposals/", **terms)
    request = ApprovalRequest.objects.get(act="policy.change")

    assert answer.status_code == 200
    assert request.payload == {"expires_after": 3600}
    for words in ("Expires after", "1440 min", "60 min"):
        assert words in text(answer)
    factories.decide(request)
    assert ApprovalPolicy.objects.filter(act="user.approve").count() == 2
    assert "In force" in text(client.get("/policies/user.approve/"))


def test_a_policy_as_it_is_cannot_be_proposed(ada: User) -> None:
    client = verified_client(ada)
    page = text(client.get("/policies/flag.on/"))
    terms = dict(re.findall(r'name="(quorum|expires_after|execute_within|step_up_within)" value="(\d+)"', page))
    answer = propose(
        client, "/policies/flag.on/proposals/", approver_role="approver", proposer_roles=["admin", "ops"], **terms
    )

    assert answer.status_code == 422
    assert "Every term is as it is now" in text(answer)


def test_the_flag_goes_off_at_once_and_on_by_two(olga: User) -> None:
    factories.turn_flag_on()
    client = verified_client(olga)
    off = client.post(f"/flags/{autosettle.FLAG}/off/", {"reason": REASON}, follow=True)
    was_off = not autosettle.read().moves_by_itself
    asked = propose(client, f"/flags/{autosettle.FLAG}/proposals/")

    assert "Automatic settlement is off." in text(off)
    assert was_off
    assert "is proposed" in text(asked)
    assert ApprovalRequest.objects.filter(act="flag.on", status="pending").count() == 1


def test_in_production_the_flags_name_is_typed(olga: User, settings: Any) -> None:
    client = verified_client(olga)
    settings.IS_SANDBOX = False
    refused = propose(client, f"/flags/{autosettle.FLAG}/proposals/", typed_name="auto")
    taken = propose(client, f"/flags/{autosettle.FLAG}/proposals/", typed_name=autosettle.FLAG)

    assert refused.status_code == 422
    assert "type it exactly" in text(refused)
    assert "is proposed" in text(taken)


def test_auditors_see_all_events_and_others_their_own(olga: User, audrey: User) -> None:
    factories.propose("user.reject", factories.newcomer().ref, by=olga)
    foreign = AuditEvent.objects.filter(actor_name="founder-a").latest("pk")
    own, everything = verified_client(olga), verified_client(audrey)

    assert set(re.findall(r'c-sub"><bdi>([^<]+)<', text(own.get("/audit/")))) == {"olga"}
    assert {"founder-a", "olga"} <= set(re.findall(r'c-sub"><bdi>([^<]+)<', text(everything.get("/audit/"))))
    assert own.get(f"/audit/{foreign.pk}/").status_code == 404
    assert everything.get(f"/audit/{foreign.pk}/").status_code == 200


def test_events_are_found_by_text_name_actor_and_day(audrey: User) -> None:
    request = factories.propose("user.reject", factories.newcomer().ref)
    client = verified_client(audrey)

    def names(query: str) -> set[str]:
        return set(re.findall(r'<bdi dir="ltr">([a-z_]+\.[a-z_]+)</bdi></a>', text(client.get(f"/audit/?{query}"))))

    assert names(f"q={request.ref.lower()}") == {"approval.proposed"}
    assert names("name=user.act") == {"user.activated"}
    assert "approval.proposed" in names("actor=FOUNDER-A&q=test+needs")
    assert names("since=2000-01-01&until=2000-01-02") == set()
    assert names("since=yesterday&before=x")


def test_an_export_is_whole_safe_for_spreadsheets_and_noted(audrey: User) -> None:
    AuditEvent.objects.create(
        at=audrey.created_at, name="note.made", actor_name="=cmd()", subject_type="note", subject_ref="N-1"
    )
    client = verified_client(audrey)
    before = AuditEvent.objects.count()
    table = client.post("/audit/export/", {"format": "csv"})
    lines = client.post("/audit/export/", {"format": "jsonl", "name": "note"})

    rows = list(csv.DictReader(io.StringIO(table.getvalue().decode())))
    assert len(rows) == before
    assert rows[-1]["actor"] == "'=cmd()"
    assert [json.loads(line)["name"] for line in lines.getvalue().decode().splitlines()] == ["note.made"]
    noted = AuditEvent.objects.filter(name="audit.exported").latest("pk")
    assert (noted.actor, noted.after["format"], noted.after["filters"]) == (audrey, "jsonl", {"name": "note"})


@pytest.mark.parametrize(
    ("role", "open_to"),
    [
        (Role.OPS, {"approvals", "users", "counterparties", "flags", "audit"}),
        (Role.APPROVER, {"approvals", "users", "counterparties", "policies", "flags", "audit"}),
        (Role.ADMIN, {"approvals", "users", "counterparties", "policies", "flags"}),
        (Role.AUDITOR, {"approvals", "users", "counterparties", "policies", "flags", "audit"}),
    ],
)
def test_each_role_sees_and_reaches_its_rooms(db: None, role: str, open_to: set[str]) -> None:
    client = verified_client(scene.person("somebody", role))
    menu = set(re.findall(r'href="/(\w+)/" data-key', text(client.get("/"))))

    for room in ("approvals", "users", "counterparties", "policies", "flags", "audit"):
        assert (client.get(f"/{room}/").status_code == 200) == (room in open_to), room
        assert (room in menu) == (room in open_to), room
