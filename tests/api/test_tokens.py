"""Programs that act for a person: tokens after both factors, the next ones, their end, and how often one may call."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.test import Client

from tests import factories
from tests.api.conftest import Desk
from tests.concurrency.threads import at_once
from tests.console import codes, scene
from tests.users.approvals import revoke, suspend
from tests.users.keys import collected
from trading.lib import clock
from users import limits, operations, tokens
from users.models import AuditEvent, CallCount, Role, TokenFamily, TotpDevice, User
from users.operations.tokens import EndedTokens, ReusedToken, UnknownRefreshToken


@pytest.fixture
def amir(db: None) -> User:
    user = scene.person("amir", Role.APPROVER)
    scene.authenticator(user)
    return user


def post(path: str, body: object, **headers: str) -> Any:
    return Client(enforce_csrf_checks=True).post(f"/api/{path}", body, content_type="application/json", headers=headers)


def sign_in(user: User, **changes: str) -> Any:
    TotpDevice.objects.filter(user=user).update(last_step=-1)
    both = {"username": user.username, "password": scene.PASSWORD, "otp": codes.code(scene.TOTP_KEY)}
    return post("token", both | changes)


def get(token: str, path: str = "me") -> Any:
    return Client(enforce_csrf_checks=True).get(f"/api/{path}", headers={"Authorization": f"Bearer {token}"})


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- issuing ---------------------------------------------------------------------------------


def test_both_factors_give_tokens_that_say_who(amir: User) -> None:
    answer = sign_in(amir)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert answer.headers["Cache-Control"] == "no-store"
    me = get(body["access_token"]).json()
    assert (me["username"], me["credential"]) == ("amir", "token")
    assert get(body["access_token"], "approvals").status_code == 200
    issued = AuditEvent.objects.get(name="token.issued")
    assert (issued.actor, issued.address) == (amir, "127.0.0.1")


def test_no_token_without_both_factors(amir: User) -> None:
    assert refusal(sign_in(amir, password="something else entirely")) == (401, "wrong_password")
    assert refusal(sign_in(amir, otp="000000")) == (401, "wrong_code")
    assert refusal(sign_in(amir, username="nobody")) == (401, "wrong_password")
    without = scene.person("ada", Role.ADMIN)
    assert refusal(sign_in(without)) == (401, "wrong_code")
    assert not TokenFamily.objects.exists()


def test_a_code_gives_tokens_once(amir: User) -> None:
    both = {"username": "amir", "password": scene.PASSWORD, "otp": codes.code(scene.TOTP_KEY)}

    first, second = post("token", both), post("token", both)

    assert first.status_code == 200
    assert refusal(second) == (401, "wrong_code")


def test_the_lock_out_holds_here_too(amir: User) -> None:
    for _ in range(5):
        sign_in(amir, password="something else entirely")

    answer = sign_in(amir)

    assert refusal(answer) == (429, "locked_out")
    assert 800 < int(answer.headers["Retry-After"]) <= 900


@pytest.mark.parametrize("body", [{}, {"username": "amir"}, {"username": "a", "password": "b", "otp": "1"}, [], "x"])
def test_malformed_sign_ins_are_refused(db: None, body: object) -> None:
    assert refusal(post("token", body))[0] == 400


# --- the access token ------------------------------------------------------------------------


def forged(family: TokenFamily, secret: str = "", algorithm: str = "HS256", **changes: Any) -> str:
    now = clock.now()
    changes |= {"nbf": now + timedelta(hours=1)} if changes.get("nbf") == "in an hour" else {}
    claims = {
        "iss": django_settings.DESK_URL,
        "aud": tokens.AUDIENCE,
        "sub": family.user.ref,
        "sid": family.ref,
        "typ": "access",
        "jti": "once",
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=5),
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret or django_settings.JWT_SECRET, algorithm=algorithm)


@pytest.fixture
def family(amir: User) -> TokenFamily:
    return operations.issue_tokens(user=amir, address=None, now=clock.now()).family


WRONG: list[dict[str, Any]] = [
    {"secret": "another secret of at least thirty-two bytes"},
    {"algorithm": "HS512"},
    *({name: None} for name in tokens.REQUIRED),
    {"aud": "another-api"},
    {"aud": ["desk-api", "another-api"]},
    {"iss": "https://elsewhere.example"},
    {"typ": "refresh"},
    {"sid": "TOK-NOBODYS"},
    {"sub": "USR-NOBODYS"},
    {"nbf": "in an hour"},
]


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_tokens_that_are_not_ours_are_refused(family: TokenFamily, changes: dict[str, Any]) -> None:
    assert get(forged(family)).status_code == 200

    status, code = refusal(get(forged(family, **changes)))

    assert status == 401
    assert code in {"bad_token", "ended_tokens"}


def test_a_token_without_a_signature_is_refused(family: TokenFamily) -> None:
    claims = jwt.decode(forged(family), options={"verify_signature": False})

    assert refusal(get(jwt.encode(claims, "", algorithm="none"))) == (401, "bad_token")


def test_an_expired_token_is_refused(family: TokenFamily) -> None:
    assert refusal(get(forged(family, exp=clock.now() - timedelta(seconds=1)))) == (401, "expired_token")


def test_suspension_and_a_change_of_roles_end_all_tokens_at_once(amir: User) -> None:
    for change in (lambda: revoke(amir, "approver"), lambda: suspend(amir)):
        made = operations.issue_tokens(user=amir, address=None, now=clock.now())
        assert get(made.access).status_code == 200
        change()
        assert refusal(get(made.access)) == (401, "ended_tokens")
        with pytest.raises(EndedTokens):
            operations.refresh_tokens(refresh=made.refresh, now=clock.now())


def test_ending_all_sessions_ends_the_tokens(amir: User) -> None:
    made = operations.issue_tokens(user=amir, address=None, now=clock.now())
    reason = "The laptop was left in a train."
    operations.end_all_sessions(user=amir, actor=factories.founders()[0], reason=reason, now=clock.now())

    assert refusal(get(made.access)) == (401, "ended_tokens")


def test_a_decision_by_token_still_takes_a_fresh_code(desk: Desk) -> None:
    request = desk.proposed()
    made = operations.issue_tokens(user=desk.amir.user, address=None, now=clock.now())
    body = {"verdict": "approve", "reason": "I have called her, and the papers are in order."}
    body |= {"digest": bytes(request.digest).hex(), "otp": "000000"}
    where, who = f"approvals/{request.ref}/decision", {"Authorization": f"Bearer {made.access}"}

    wrong = post(where, body, **who)
    TotpDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    right = post(where, body | {"otp": desk.amir.code()}, **who)

    assert refusal(wrong) == (400, "wrong_code")
    assert (right.status_code, right.json()["status"]) == (200, "executed")


def test_clients_tokens_open_nothing_of_the_desk(db: None) -> None:
    made = operations.issue_tokens(user=factories.user("trader"), address=None, now=clock.now())

    assert get(made.access).status_code == 200
    assert refusal(get(made.access, "approvals")) == (403, "not_of_the_desk")


# --- refreshing ------------------------------------------------------------------------------


def test_each_refresh_token_works_once_and_a_second_use_ends_all(amir: User) -> None:
    first = sign_in(amir).json()
    second = post("token/refresh", {"refresh_token": first["refresh_token"]}).json()
    assert get(second["access_token"]).status_code == 200

    again = post("token/refresh", {"refresh_token": first["refresh_token"]})

    assert refusal(again) == (401, "reused_refresh_token")
    assert refusal(get(second["access_token"])) == (401, "ended_tokens")
    assert refusal(post("token/refresh", {"refresh_token": second["refresh_token"]})) == (401, "ended_tokens")
    assert AuditEvent.objects.get(name="token.reused").subject_ref == amir.ref


def test_two_at_once_end_the_family_too(amir: User) -> None:
    made = operations.issue_tokens(user=amir, address=None, now=clock.now())

    outcomes = at_once([lambda: operations.refresh_tokens(refresh=made.refresh, now=clock.now()) for _ in range(2)])

    assert sum(isinstance(one, ReusedToken) for one in outcomes) == 1
    assert TokenFamily.objects.get().ended_at is not None


def test_a_family_lasts_eight_hours(amir: User) -> None:
    made = operations.issue_tokens(user=amir, address=None, now=clock.now())

    with pytest.raises(EndedTokens):
        operations.refresh_tokens(refresh=made.refresh, now=clock.now() + timedelta(hours=8, seconds=1))
    with pytest.raises(UnknownRefreshToken):
        operations.refresh_tokens(refresh="x" * 43, now=clock.now())


def test_revoking_ends_them_and_says_nothing_of_what_is_not_there(amir: User) -> None:
    made = sign_in(amir).json()

    for token in (made["refresh_token"], made["refresh_token"], "x" * 43):
        assert post("token/revoke", {"refresh_token": token}).status_code == 204

    assert refusal(get(made["access_token"])) == (401, "ended_tokens")
    assert AuditEvent.objects.filter(name="token.revoked").count() == 1


def test_tokens_are_not_kept_in_clear(amir: User) -> None:
    made = operations.issue_tokens(user=amir, address=None, now=clock.now())

    (row,) = made.family.refresh_tokens.all()
    assert made.refresh.encode() not in bytes(row.hash)
    assert made.refresh not in repr(list(AuditEvent.objects.values()))


# --- how often -------------------------------------------------------------------------------


def test_a_key_that_calls_too_often_waits(settings: Any, db: None) -> None:
    settings.API_RATE_CALLER = 3
    _key, text = collected(factories.user("service"), scopes=["audit.anchor"])
    _other, another = collected(factories.user("service"), scopes=["audit.anchor"])

    answers = [get(text) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refusal(answers[3]) == (429, "rate_limited")
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60
    assert get(another).status_code == 200


def test_guessing_from_one_address_is_bounded_whatever_is_guessed(settings: Any, db: None) -> None:
    settings.API_RATE_ADDRESS = 2

    assert [get("desk_live_guess").status_code for _ in range(3)] == [401, 401, 429]
    assert get("a.b.c").status_code == 429


def test_sign_ins_from_one_address_are_bounded(settings: Any, amir: User) -> None:
    settings.API_RATE_TOKEN = 1
    sign_in(amir, password="something else entirely")

    assert refusal(sign_in(amir)) == (429, "rate_limited")


def test_the_next_minute_counts_anew(db: None) -> None:
    noon = factories.NOON
    limits.count("key:x", limit=1, now=noon)
    with pytest.raises(limits.TooManyRequests) as told:
        limits.count("key:x", limit=1, now=noon + timedelta(seconds=50))
    assert told.value.facts == {"seconds": 10}
    limits.count("key:x", limit=1, now=noon + timedelta(seconds=60))


def test_calls_at_once_are_all_counted(db: None) -> None:
    at_once([lambda: limits.count("key:x", limit=100, now=factories.NOON) for _ in range(20)])

    assert CallCount.objects.get().number == 20
    assert limits.sweep(now=factories.NOON + timedelta(hours=1)) == 1
