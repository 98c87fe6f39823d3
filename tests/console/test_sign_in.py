"""Signing in: password, then a one-time code."""

import base64
import re
from typing import Any

import pytest
from django.test import Client

from tests.console import scene
from tests.console.codes import code
from users.models import AuditEvent, Counterparty, RecoveryCode, Role, Session, TotpDevice, User

SIGN_IN, OTP, RECOVERY, ENROL = "/sign-in/", "/sign-in/otp/", "/sign-in/recovery/", "/sign-in/enrol/"


def give_password(client: Client, username: str = "olga", **more: str) -> Any:
    return client.post(SIGN_IN, {"username": username, "password": scene.PASSWORD, **more})


def wrong_code() -> str:
    right = {code(scene.TOTP_KEY, steps_ahead=steps) for steps in (-2, -1, 0, 1, 2)}
    return next(token for token in ("000000", "111111", "222222", "333333") if token not in right)


def test_password_then_code_lead_to_the_page_wanted(client: Client, olga: User) -> None:
    scene.authenticator(olga)

    first = give_password(client, next="/settlements/?state=stuck")
    second = client.post(OTP, {"otp_token": code(scene.TOTP_KEY)})

    assert (first.status_code, first.headers["Location"]) == (302, OTP)
    assert (second.status_code, second.headers["Location"]) == (302, "/settlements/?state=stuck")
    assert client.get("/").status_code == 200


def test_session_has_a_new_key_after_each_factor(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    give_password(client)
    between = client.session.session_key

    client.post(OTP, {"otp_token": code(scene.TOTP_KEY)})

    assert client.session.session_key != between
    assert Session.objects.count() == 1


def test_password_alone_opens_no_room(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    give_password(client)

    answer = client.get("/rfqs/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=%2Frfqs%2F")
    assert client.get(answer.headers["Location"]).headers["Location"] == OTP


def test_wrong_password_keeps_the_name_and_clears_the_secret(client: Client, olga: User) -> None:
    answer = client.post(SIGN_IN, {"username": "olga", "password": "not the password"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="olga"' in page
    assert "not the password" not in page
    assert "Username or password is wrong" in page


@pytest.mark.parametrize("username", ["nobody", "pending", "suspended"])
def test_who_may_not_sign_in_hears_the_same_words(client: Client, db: None, username: str) -> None:
    user = scene.person("suspended", Role.OPS)
    user.move(User.Status.SUSPENDED, at=user.created_at)

    answer = give_password(client, username)

    assert answer.status_code == 422
    assert "Username or password is wrong" in answer.content.decode()


def test_clients_people_are_sent_to_telegram(client: Client, db: None) -> None:
    company = Counterparty.objects.create(name="Pars Export Co.", kind="client")
    scene.person("tara", Role.TRADER, counterparty=company)

    answer = give_password(client, "tara")

    assert answer.status_code == 422
    assert "Telegram bot" in answer.content.decode()
    assert not Session.objects.exists()


def test_wrong_and_reused_codes_have_different_words(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    token = code(scene.TOTP_KEY)
    give_password(client)
    client.post(OTP, {"otp_token": token})
    client.post("/sign-out/")
    give_password(client)

    reused = client.post(OTP, {"otp_token": token})
    wrong = client.post(OTP, {"otp_token": wrong_code()})

    assert (reused.status_code, wrong.status_code) == (422, 422)
    assert "already used" in reused.content.decode()
    assert "not right" in wrong.content.decode()
    assert token not in reused.content.decode()


def test_after_wrong_codes_the_right_one_has_to_wait(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    give_password(client)
    client.post(OTP, {"otp_token": wrong_code()})

    answer = client.post(OTP, {"otp_token": code(scene.TOTP_KEY)})

    assert answer.status_code == 422
    assert re.search(r"Wait \d+ s", answer.content.decode())


def test_spaces_and_persian_digits_are_understood(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    give_password(client)
    token = code(scene.TOTP_KEY).translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))

    answer = client.post(OTP, {"otp_token": f" {token[:3]} {token[3:]} "})

    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a"])
def test_what_cannot_be_a_code_costs_no_attempt(client: Client, olga: User, typed: str) -> None:
    device = scene.authenticator(olga)
    give_password(client)

    answer = client.post(OTP, {"otp_token": typed})

    assert answer.status_code == 422
    assert TotpDevice.objects.get(pk=device.pk).throttling_failure_count == 0


def test_code_input_can_be_pasted_into_and_filled_in(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    give_password(client)

    page = client.get(OTP).content.decode()

    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page


def test_enrolment_ends_with_ten_recovery_codes_shown_once(client: Client, olga: User) -> None:
    assert give_password(client).headers["Location"] == ENROL
    page = client.get(ENROL).content.decode()
    found = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page)
    assert found is not None
    key = base64.b32decode(found[1].replace(" ", ""))

    answer = client.post(ENROL, {"otp_token": code(key)})

    codes = re.findall(r"<li>((?:[A-Z2-9]{4}-){3}[A-Z2-9]{4})</li>", answer.content.decode())
    assert len(codes) == 10
    assert answer.headers["Cache-Control"] == "no-store"
    assert RecoveryCode.objects.filter(used_at=None).count() == 10
    assert client.get("/").status_code == 200
    assert client.get(ENROL).headers["Location"] == "/"


def test_enrolment_shows_the_same_secret_until_it_is_confirmed(client: Client, olga: User) -> None:
    give_password(client)

    pages = [client.get(ENROL).content.decode() for _ in range(2)]

    secrets = [re.findall(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page) for page in pages]
    assert secrets[0] == secrets[1]
    assert "<svg" in pages[0]
    assert "style=" not in pages[0]


def test_enrolment_with_a_wrong_code_confirms_nothing(client: Client, olga: User) -> None:
    give_password(client)
    client.get(ENROL)

    answer = client.post(ENROL, {"otp_token": "123456"})

    assert answer.status_code == 422
    assert not TotpDevice.objects.filter(confirmed=True).exists()


def test_who_has_an_authenticator_cannot_enrol_another(client: Client, olga: User) -> None:
    scene.authenticator(olga)
    give_password(client)

    assert client.get(ENROL).headers["Location"] == OTP
    assert TotpDevice.objects.count() == 1


def test_recovery_code_signs_in_once_and_is_audited(client: Client, olga: User) -> None:
    give_password(client)
    page = client.get(ENROL).content.decode()
    key = base64.b32decode(re.findall(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page)[0].replace(" ", ""))
    page = client.post(ENROL, {"otp_token": code(key)}).content.decode()
    recovery = re.findall(r"<li>((?:[A-Z2-9]{4}-){3}[A-Z2-9]{4})</li>", page)[3]
    client.post("/sign-out/")

    give_password(client)
    first = client.post(RECOVERY, {"recovery_code": recovery})
    first_page = client.get("/").content.decode()
    client.post("/sign-out/")
    give_password(client)
    again = client.post(RECOVERY, {"recovery_code": recovery})

    assert first.headers["Location"] == "/"
    assert "You signed in with a recovery code; 9 are left" in first_page
    assert again.status_code == 422
    assert "used before" in again.content.decode()
    assert AuditEvent.objects.filter(name="device.recovery_code_used").count() == 1


@pytest.mark.parametrize("url", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_sign_in_never_leads_elsewhere(client: Client, olga: User, url: str) -> None:
    scene.authenticator(olga)
    give_password(client, next=url)

    assert client.post(OTP, {"otp_token": code(scene.TOTP_KEY)}).headers["Location"] == "/"


def test_sign_out_ends_the_session(console: Client) -> None:
    answer = console.post("/sign-out/")

    assert answer.headers["Location"] == SIGN_IN
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not Session.objects.exists()
    assert console.get("/").status_code == 302


def test_sign_out_is_not_a_link(console: Client) -> None:
    assert console.get("/sign-out/").status_code == 405
    assert console.get("/").status_code == 200


def test_forms_without_their_token_are_refused(olga: User) -> None:
    client = Client(enforce_csrf_checks=True)

    answer = give_password(client)

    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()
