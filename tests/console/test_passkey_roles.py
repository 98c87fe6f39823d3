"""Roles that take a passkey: the sign-in, after a recovery code, the profile, programs, and the policy's page."""

import json
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.api.conftest import Caller
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.console.test_passkeys import half_signed_in, options, text
from tests.users.authenticator import Authenticator, enrol
from users import operations
from users.models import ApprovalRequest, Passkey, RecoveryCode, Role, TokenFamily, TotpDevice, User
from users.operations.devices import new_recovery_codes

REASON = "Codes can be phished, and approvers let money move."


@pytest.fixture
def adele(db: None) -> User:
    """An approver with an authenticator app; her role takes a passkey."""
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    scene.person("ada", Role.ADMIN)
    scene.person("audrey", Role.AUDITOR)
    factories.need_passkey("approver")
    return user


def recovery_code(user: User) -> str:
    return new_recovery_codes(user)[0]


def with_recovery_code(user: User) -> Client:
    client, typed = half_signed_in(user), recovery_code(user)
    client.post("/sign-in/recovery/", {"recovery_code": typed})
    return client


def test_who_has_a_passkey_signs_in_with_nothing_else(adele: User) -> None:
    authenticator, _passkey = enrol(adele)
    client = half_signed_in(adele)
    page = text(client.get("/sign-in/otp/"))

    by_code = client.post("/sign-in/otp/", {"otp_token": code(scene.TOTP_KEY)})
    inside = client.get("/")
    proof = authenticator.answer(options(client, "", "/sign-in/passkey/"))
    by_passkey = client.post("/sign-in/otp/", {"passkey": proof, "otp_token": ""})

    assert 'name="otp_token"' not in page
    assert "Your role signs in with a passkey." in page
    assert by_code.status_code == 422
    assert "Your role takes a passkey here." in text(by_code)
    assert TotpDevice.objects.get(user=adele).last_step == -1
    assert inside.status_code == 302
    assert by_passkey.status_code == 302
    assert client.get("/").status_code == 200


def test_who_has_none_signs_in_with_a_code_and_can_only_add_one(adele: User) -> None:
    client, authenticator = half_signed_in(adele), Authenticator()
    client.post("/sign-in/otp/", {"otp_token": code(scene.TOTP_KEY)})
    before = client.session.session_key

    assert client.get("/approvals/").headers["Location"] == "/profile/passkeys/"
    TotpDevice.objects.filter(user=adele).update(last_step=-1)
    asked_for = client.post("/profile/passkeys/", {"name": "phone", "otp_token": code(scene.TOTP_KEY)})
    made = authenticator.make(json.loads(asked_for.context["options"]))
    client.post("/profile/passkeys/new/", {"name": "phone", "passkey": made})

    assert client.get("/approvals/").status_code == 200
    assert client.session["_auth_user_id"] == str(adele.pk)
    assert client.session["otp_device_id"] == Passkey.objects.get().persistent_id
    assert client.session.session_key != before


def test_a_recovery_code_opens_nothing_but_adding_a_passkey(adele: User) -> None:
    enrol(adele)
    client = with_recovery_code(adele)
    page = text(client.get("/profile/passkeys/"))

    for room in ("/", "/approvals/", "/profile/", "/policies/", "/audit/"):
        assert client.get(room).headers["Location"] == "/profile/passkeys/", room
    assert "You signed in with a recovery code, and your role needs a passkey" in page
    assert client.post("/profile/recovery-codes/", {"otp_token": code(scene.TOTP_KEY)}).status_code == 302
    assert client.get("/api/me").status_code == 403

    refused = client.post("/profile/passkeys/", {"name": "new", "otp_token": ""})
    asked_for = client.post("/profile/passkeys/", {"name": "new", "otp_token": code(scene.TOTP_KEY)})
    made = Authenticator().make(json.loads(asked_for.context["options"]))
    client.post("/profile/passkeys/new/", {"name": "new", "passkey": made})

    assert refused.status_code == 422
    assert Passkey.objects.filter(user=adele).count() == 2
    assert client.get("/approvals/").status_code == 200


def test_a_session_that_a_code_opened_before_is_held_up_and_makes_no_passkey(adele: User) -> None:
    enrol(adele)
    client = verified_client(adele)  # by a code, as it was allowed until a moment ago

    assert client.get("/").headers["Location"] == "/profile/passkeys/"
    assert "Sign out, and sign in with it." in text(client.get("/profile/passkeys/"))
    answer = client.post("/profile/passkeys/", {"name": "new", "otp_token": code(scene.TOTP_KEY)})
    assert answer.status_code == 422
    assert Passkey.objects.count() == 1


def test_the_interface_and_the_review_are_held_up_too(adele: User) -> None:
    _authenticator, passkey = enrol(adele)
    audrey = User.objects.get(username="audrey")
    assert verified_client(adele).get("/api/session").json()["code"] == "passkey_needed"
    assert verified_client(adele, passkey).get("/api/session").status_code == 200

    reviewer = verified_client(audrey)
    assert reviewer.get("/admin/").status_code == 200
    with pytest.MonkeyPatch.context() as bound:
        bound.setattr("users.access.capabilities.takes_passkey", lambda user: user == audrey)
        assert reviewer.get("/admin/").headers["Location"] == "/profile/passkeys/"


def test_programs_get_no_tokens_for_who_needs_a_passkey(adele: User) -> None:
    body = {"username": "adele", "password": scene.PASSWORD, "otp": code(scene.TOTP_KEY)}

    answer = Caller().post("token", body)
    wrong = Caller().post("token", body | {"password": "not the password at all"})

    assert (answer.status_code, answer.json()["code"]) == (403, "passkey_needed")
    assert wrong.json()["code"] == "wrong_password"
    assert not TokenFamily.objects.exists()
    assert TotpDevice.objects.get(user=adele).last_step == -1


def test_the_profile_takes_the_passkey_and_no_code(adele: User) -> None:
    authenticator, passkey = enrol(adele)
    client, new = verified_client(adele, passkey), "another horse battery staple"
    typed = {"current_password": scene.PASSWORD, "new_password": new, "again": new, "otp_token": ""}

    refused = client.post("/profile/recovery-codes/", {"otp_token": code(scene.TOTP_KEY)})
    proof = authenticator.answer(options(client, "profile:recovery-codes"))
    codes = client.post("/profile/recovery-codes/", {"otp_token": "", "passkey": proof})
    proof = authenticator.answer(options(client, "profile:password"))
    changed = client.post("/profile/password/", typed | {"passkey": proof}, follow=True)

    assert refused.status_code == 422
    assert "Your role takes a passkey here." in text(refused)
    assert codes.status_code == 200
    assert RecoveryCode.objects.filter(device__user=adele).count() == 10
    assert "Your password is changed." in text(changed)
    assert User.objects.get(pk=adele.pk).check_password(new)


def test_a_proposal_takes_the_passkey_and_no_code(db: None) -> None:
    olga = scene.person("olga", Role.OPS)
    _authenticator, passkey = enrol(olga)
    newcomer = factories.newcomer("newcomer")
    nominee = factories.founders()[0]
    factories.need_passkey("ops")
    form = {"roles": ["ops"], "reason": REASON, "nominee": nominee.ref, "otp_token": code(scene.TOTP_KEY), "key": "K-1"}

    answer = verified_client(olga, passkey).post(f"/users/{newcomer.ref}/proposals/user.approve/", form)

    assert answer.status_code == 422
    assert "Your role takes a passkey here." in text(answer)
    assert not ApprovalRequest.objects.filter(idempotency_key="K-1").exists()


def test_an_administrator_proposes_what_a_role_takes(adele: User) -> None:
    ada = User.objects.get(username="ada")
    client = verified_client(ada)
    scene.authenticator(ada)
    form: dict[str, Any] = {"factor": "passkey", "reason": REASON, "otp_token": code(scene.TOTP_KEY), "key": "K-2"}
    listed, page = text(client.get("/policies/")), text(client.get("/policies/second-factors/admin/"))

    answer = client.post("/policies/second-factors/admin/proposals/", form, follow=True)
    same = client.post("/policies/second-factors/approver/proposals/", form | {"key": "K-3"})

    assert "/policies/second-factors/approver/" in listed
    assert "Passkey only" in listed
    assert "Propose the other" in page
    assert "is proposed. Nothing has changed yet" in text(answer)
    request = ApprovalRequest.objects.get(act="second_factor.change", subject_ref="admin")
    assert request.payload == {"passkey_required": True}
    assert "0 of 3" in text(client.get(f"/approvals/{request.ref}/"))
    assert "change proposed" in text(client.get("/policies/"))
    assert same.status_code == 409
    assert "takes this second factor already" in text(same)


def test_others_look_and_propose_nothing(adele: User) -> None:
    audrey = User.objects.get(username="audrey")
    client = verified_client(audrey)
    form = {"factor": "passkey", "reason": REASON, "otp_token": code(scene.TOTP_KEY), "key": "K-4"}

    assert "Propose the other" not in text(client.get("/policies/second-factors/admin/"))
    assert client.post("/policies/second-factors/admin/proposals/", form).status_code == 403
    assert client.get("/policies/second-factors/trader/").status_code == 404
    assert operations.current_policy("second_factor.change").approver_role == "approver"
