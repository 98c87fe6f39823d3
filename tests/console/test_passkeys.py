"""Passkeys at the console: signing in, deciding, proposing, one's own list, and who must add one."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.users.authenticator import Authenticator, enrol
from users.models import ApprovalRequest, AuditEvent, Passkey, Role, StepUp, TotpDevice, User

REASON = "Passport and registry extract were compared by me."


@pytest.fixture
def adele(db: None) -> User:
    """An approver with an authenticator app."""
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    return user


@pytest.fixture
def asked(adele: User) -> ApprovalRequest:
    """Somebody asks for a newcomer to be let in."""
    return factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])


def options(client: Client, scope: str, address: str = "/profile/passkeys/challenge/") -> dict[str, Any]:
    answer = client.post(address, {"scope": scope})
    assert answer.status_code == 200
    return dict(answer.json())


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def half_signed_in(user: User) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": user.username, "password": scene.PASSWORD})
    return client


def decision(request: ApprovalRequest, **given: str) -> dict[str, str]:
    usual = {"reason": REASON, "otp_token": "", "digest": bytes(request.digest).hex(), "verdict": "approve"}
    return usual | given


def test_a_passkey_is_the_second_step_of_the_sign_in(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    client = half_signed_in(adele)
    page = text(client.get("/sign-in/otp/"))
    before = client.session.session_key

    answer = client.post(
        "/sign-in/otp/", {"passkey": authenticator.answer(options(client, "", "/sign-in/passkey/")), "otp_token": ""}
    )

    assert "data-passkey-prove" in page
    assert 'name="otp_token"' in page
    assert answer.status_code == 302
    assert client.session.session_key != before
    assert client.get("/").status_code == 200
    assert " data-passkeys" in text(client.get("/"))
    assert AuditEvent.objects.filter(name="session.began", after__method="passkey").exists()


def test_the_sign_in_refuses_an_unverified_passkey_and_lets_nobody_in(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    client = half_signed_in(adele)
    proof = authenticator.answer(options(client, "", "/sign-in/passkey/"), verified=False)

    answer = client.post("/sign-in/otp/", {"passkey": proof, "otp_token": ""})

    assert answer.status_code == 422
    assert "This passkey does not pass." in text(answer)
    assert proof not in text(answer)
    assert client.get("/").status_code == 302


def test_no_challenge_is_given_before_the_password(adele: User) -> None:
    enrol(adele)
    assert Client().post("/sign-in/passkey/").status_code == 302
    assert half_signed_in(adele).post("/profile/passkeys/challenge/", {"scope": "passkeys:add"}).status_code == 302


def test_who_has_no_passkey_is_offered_none(adele: User) -> None:
    client = half_signed_in(adele)
    assert "data-passkey-prove" not in text(client.get("/sign-in/otp/"))
    assert client.post("/sign-in/passkey/").status_code == 404


@pytest.mark.parametrize("scope", ["", "sign-in", "register", "decide:", "decide:xyz", "passkeys:add "])
def test_challenges_are_given_for_known_purposes_only(adele: User, scope: str) -> None:
    enrol(adele)
    assert verified_client(adele).post("/profile/passkeys/challenge/", {"scope": scope}).status_code == 404


def test_a_decision_takes_a_passkey_in_the_place_of_a_code(adele: User, asked: ApprovalRequest) -> None:
    authenticator, _passkey = enrol(adele)
    client, digest = verified_client(adele), bytes(asked.digest).hex()
    page = text(client.get(f"/approvals/{asked.ref}/"))
    proof = authenticator.answer(options(client, f"decide:{digest}"))

    answer = client.post(f"/approvals/{asked.ref}/decision/", decision(asked, passkey=proof), follow=True)

    assert f'data-scope="decide:{digest}"' in page
    assert "newcomer is now Active." in text(answer)
    assert StepUp.objects.get(user=adele).method == "passkey"
    assert TotpDevice.objects.get(user=adele).last_step == -1


def test_a_passkey_asked_for_another_request_decides_nothing(adele: User, asked: ApprovalRequest) -> None:
    authenticator, _passkey = enrol(adele)
    client = verified_client(adele)
    proof = authenticator.answer(options(client, f"decide:{'0' * 64}"))

    answer = client.post(f"/approvals/{asked.ref}/decision/", decision(asked, passkey=proof))

    assert answer.status_code == 422
    assert "Use the passkey again." in text(answer)
    assert REASON in text(answer)
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "pending"


def test_a_code_decides_nothing_where_the_role_needs_a_passkey(adele: User, asked: ApprovalRequest) -> None:
    _authenticator, passkey = enrol(adele)
    factories.need_passkey("approver")

    answer = verified_client(adele, passkey).post(
        f"/approvals/{asked.ref}/decision/", decision(asked, otp_token=code(scene.TOTP_KEY))
    )

    assert answer.status_code == 422
    assert "Your role takes a passkey here." in text(answer)
    assert ApprovalRequest.objects.get(pk=asked.pk).status == "pending"


def test_a_proposal_takes_a_passkey_bound_to_it(adele: User) -> None:
    olga = scene.person("olga", Role.OPS)
    authenticator, _passkey = enrol(olga)
    newcomer = factories.newcomer("newcomer")
    client = verified_client(olga)
    address = f"/users/{newcomer.ref}/proposals/user.approve/"
    form = {"roles": ["ops"], "reason": REASON, "nominee": adele.ref, "otp_token": "", "key": "KEY-ABCD"}
    assert "data-binds" in text(client.get(f"/users/{newcomer.ref}/?act=user.approve"))

    for other in ({"passkey_for": "/elsewhere/"}, {"reason": REASON + "!"}, {"roles": ["ops", "approver"]}):
        asked_for = client.post("/profile/passkeys/challenge/", form | {"passkey_for": address} | other)
        refused = client.post(address, form | {"passkey": authenticator.answer(asked_for.json())})
        assert refused.status_code == 422
        assert "what you entered has changed since" in text(refused)
    asked_for = client.post("/profile/passkeys/challenge/", form | {"passkey_for": address})
    answer = client.post(address, form | {"passkey": authenticator.answer(asked_for.json())})

    assert answer.status_code == 302
    assert ApprovalRequest.objects.get(idempotency_key="KEY-ABCD").requested_by == olga


def test_one_adds_renames_and_removes_ones_own(adele: User) -> None:
    client, authenticator = verified_client(adele), Authenticator()
    asked_for = client.post("/profile/passkeys/", {"name": "phone", "otp_token": code(scene.TOTP_KEY)})
    made = authenticator.make(json.loads(asked_for.context["options"]))
    added = client.post("/profile/passkeys/new/", {"name": "phone", "passkey": made}, follow=True)
    passkey = Passkey.objects.get(user=adele)

    assert "The passkey is added." in text(added)
    assert "phone" in text(client.get("/profile/"))
    client.post(f"/profile/passkeys/{passkey.pk}/name/", {"name": "old phone"})
    assert "old phone" in text(client.get("/profile/passkeys/"))

    address = f"/profile/passkeys/{passkey.pk}/removal/"
    proof = authenticator.answer(options(client, f"passkeys:remove-{passkey.pk}"))
    gone = client.post(address, {"passkey": proof, "otp_token": ""}, follow=True)
    assert "The passkey is removed." in text(gone)
    assert not Passkey.objects.exists()
    assert client.get("/").status_code == 200


def test_removing_the_passkey_one_signed_in_with_leaves_the_session(adele: User) -> None:
    authenticator, passkey = enrol(adele)
    client = half_signed_in(adele)
    proof = authenticator.answer(options(client, "", "/sign-in/passkey/"))
    client.post("/sign-in/otp/", {"passkey": proof, "otp_token": ""})

    client.post(f"/profile/passkeys/{passkey.pk}/removal/", {"otp_token": code(scene.TOTP_KEY)})

    assert not Passkey.objects.exists()
    assert client.get("/").status_code == 200


def test_adding_and_removing_take_a_right_code(adele: User) -> None:
    _authenticator, passkey = enrol(adele)
    client = verified_client(adele)
    for address in ("/profile/passkeys/", f"/profile/passkeys/{passkey.pk}/removal/"):
        assert client.post(address, {"name": "x", "otp_token": ""}).status_code == 422
    assert Passkey.objects.count() == 1


def test_nobody_sees_or_touches_anothers(adele: User) -> None:
    _authenticator, passkey = enrol(adele)
    client = verified_client(scene.person("other", Role.OPS))

    assert "You have no passkey yet." in text(client.get("/profile/passkeys/"))
    assert client.get(f"/profile/passkeys/{passkey.pk}/removal/").status_code == 404
    assert client.post(f"/profile/passkeys/{passkey.pk}/name/", {"name": "x"}).status_code == 404


def test_what_no_browser_made_adds_nothing(adele: User) -> None:
    client = verified_client(adele)
    for made in ("", "{}", "nonsense"):
        answer = client.post("/profile/passkeys/new/", {"name": "phone", "passkey": made}, follow=True)
        assert answer.status_code == 200
    assert not Passkey.objects.exists()


def test_whose_role_needs_a_passkey_adds_one_before_anything_else(adele: User) -> None:
    factories.need_passkey("approver")
    client, authenticator = verified_client(adele), Authenticator()

    for room in ("/", "/approvals/", "/profile/"):
        assert client.get(room).headers["Location"] == "/profile/passkeys/"
    poll = client.get("/rfqs/", headers={"HX-Request": "true"})
    assert poll.headers["HX-Redirect"] == "/profile/passkeys/"
    assert "Your role needs a passkey." in text(client.get("/profile/passkeys/"))

    asked_for = client.post("/profile/passkeys/", {"name": "phone", "otp_token": code(scene.TOTP_KEY)})
    made = authenticator.make(json.loads(asked_for.context["options"]))
    client.post("/profile/passkeys/new/", {"name": "phone", "passkey": made})
    assert client.get("/").status_code == 200


def test_other_roles_are_not_held_up(olga: User) -> None:
    factories.need_passkey("approver")
    assert verified_client(olga).get("/").status_code == 200


def test_the_list_costs_as_many_queries_for_one_as_for_three(adele: User) -> None:
    client, counts = verified_client(adele), []
    for names in (["one"], ["two", "three"]):
        for name in names:
            enrol(adele, name)
        client.get("/profile/passkeys/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/profile/passkeys/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
