"""A forgotten password at the console: proposed, collected once, set anew; the second factor is asked for as ever."""

import re
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.factories import REASON
from users.models import ApprovalRequest, PasswordReset, Role, TotpDevice, User

NEW = "a quite different horse 47"


@pytest.fixture
def adele(db: None) -> User:
    """The one who forgot it."""
    return scene.person("adele", Role.APPROVER)


def set_(client: Client, given: str, new: str = NEW, again: str = "") -> Any:
    typed = {"reset_code": given, "new_password": new, "again": again or new}
    return client.post("/sign-in/new-password/", typed, follow=True)


def test_from_the_proposal_to_the_new_password(console: Client, olga: User, adele: User) -> None:
    scene.authenticator(adele)
    assert "Reset password" in console.get(f"/users/{adele.ref}/").content.decode()
    typed = {"reason": REASON, "nominee": factories.founders()[0].ref, "otp_token": code(scene.TOTP_KEY), "key": "K-1"}
    console.post(f"/users/{adele.ref}/proposals/password.reset/", typed)
    request = ApprovalRequest.objects.get(act="password.reset")
    assert request.requested_by == olga
    factories.decide(request)
    made = PasswordReset.objects.get()
    where = f"/users/{adele.ref}/password-resets/{made.ref}/collection/"
    assert where in console.get(f"/users/{adele.ref}/").content.decode()

    page = console.post(where)
    found = re.search(r'id="reset-code">([^<]+)<', page.content.decode())
    assert found is not None
    assert page.headers["Cache-Control"] == "no-store"
    again = console.post(where, follow=True).content.decode()
    assert "cannot be collected any more" in again
    assert found[1] not in again
    assert where not in console.get(f"/users/{adele.ref}/").content.decode()

    hers = Client()
    answer = set_(hers, found[1])
    assert answer.redirect_chain == [("/sign-in/", 302)]
    assert "Your new password is set." in answer.content.decode()
    TotpDevice.objects.update(last_step=-1)
    assert hers.get("/").status_code == 302
    first = hers.post("/sign-in/", {"username": "adele", "password": NEW})
    assert first.headers["Location"] == "/sign-in/otp/"
    assert hers.get("/").status_code == 302
    assert hers.post("/sign-in/otp/", {"otp_token": code(scene.TOTP_KEY)}).headers["Location"] == "/"
    assert hers.get("/").status_code == 200


def test_others_neither_see_nor_get_the_code(olga: User, adele: User) -> None:
    factories.carry("password.reset", adele.ref)
    made = PasswordReset.objects.get()
    client = verified_client(olga)
    where = f"/users/{adele.ref}/password-resets/{made.ref}/collection/"

    assert where not in client.get(f"/users/{adele.ref}/").content.decode()
    assert client.post(where).status_code == 403
    assert client.get(where).status_code == 405
    assert client.post(f"/users/{olga.ref}/password-resets/{made.ref}/collection/").status_code == 404


@pytest.mark.parametrize(
    ("given", "again", "words"),
    [
        ("", NEW, "Reset code: enter the one you were given."),
        ("PWR-NONE-00", NEW, "This code is not right"),
        ("PWR-NONE-00", "other", "it is not the same"),
    ],
)
def test_what_is_wrong_is_said_and_no_secret_comes_back(
    client: Client, db: None, given: str, again: str, words: str
) -> None:
    answer = set_(client, given, again=again)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert NEW not in page
    assert "PWR-NONE" not in page
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_sign_in_page_shows_the_way(client: Client, db: None) -> None:
    assert 'href="/sign-in/new-password/"' in client.get("/sign-in/").content.decode()
    assert client.get("/sign-in/new-password/").status_code == 200


def test_nobody_is_offered_a_reset_of_what_has_no_password(console: Client) -> None:
    trader = factories.user("trader")

    assert "Reset password" not in console.get(f"/users/{trader.ref}/").content.decode()
