"""What a person sees who typed too many wrong passwords."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.console import scene
from tests.console.conftest import verified_client
from users.models import Role, User
from users.operations.signing_in import LIMITS, Scope

FEW = LIMITS[Scope.ADDRESS]
ENDS = re.compile(r"before \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC")


def type_(client: Client, password: str, *, name: str = "olga", **headers: str) -> Any:
    return client.post("/sign-in/", {"username": name, "password": password}, headers=headers)


def test_the_screen_names_when_the_lock_out_ends(client: Client, olga: User) -> None:
    for _ in range(FEW):
        assert type_(client, "wrong").status_code == 422

    answer = type_(client, scene.PASSWORD)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    page = answer.content.decode()
    assert ENDS.search(page)
    assert 'value="olga"' in page
    assert scene.PASSWORD not in page


@pytest.mark.parametrize("name", ["olga", "nobody-at-all"])
def test_a_name_nobody_has_hears_the_same_words(client: Client, olga: User, name: str) -> None:
    answers = [type_(client, "wrong", name=name) for _ in range(FEW + 1)]

    assert [answer.status_code for answer in answers] == [*[422] * FEW, 429]
    assert all("Username or password is wrong" in answer.content.decode() for answer in answers[:FEW])
    assert ENDS.search(answers[FEW].content.decode())


def test_a_header_anybody_can_write_makes_no_new_address(client: Client, olga: User) -> None:
    for number in range(FEW):
        type_(client, "wrong", **{"X-Forwarded-For": f"203.0.113.{number}"})

    assert type_(client, scene.PASSWORD, **{"X-Forwarded-For": "203.0.113.99"}).status_code == 429


def test_behind_our_own_proxy_only_what_it_wrote_counts(settings: Any, client: Client, olga: User) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(FEW):
        type_(client, "wrong", **{"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.9"})

    assert type_(client, scene.PASSWORD, **{"X-Forwarded-For": "203.0.113.99, 198.51.100.9"}).status_code == 429
    assert type_(client, scene.PASSWORD, **{"X-Forwarded-For": "198.51.100.9, 203.0.113.99"}).status_code == 302


def test_who_is_signed_in_already_notices_nothing(client: Client, olga: User) -> None:
    hers = verified_client(olga)
    for _ in range(FEW + 1):
        type_(client, "wrong")

    assert hers.get("/").status_code == 200


def test_the_desk_sees_who_is_locked_out_until_when(client: Client, olga: User) -> None:
    adele = verified_client(scene.person("adele", Role.OPS))
    assert "Locked out" not in adele.get(f"/users/{olga.ref}/").content.decode()
    for _ in range(FEW):
        type_(client, "wrong")

    assert "Locked out" in adele.get(f"/users/{olga.ref}/").content.decode()
