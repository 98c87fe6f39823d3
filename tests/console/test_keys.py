"""API keys at the console: proposed, shown once to the proposer, revoked."""

from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.users.keys import TERMS, issued
from users import keys
from users.models import ApiKey, ApprovalRequest, Role, User

REASON = "Their quoting program was reviewed with their engineers."


@pytest.fixture
def ada(db: None) -> User:
    """An administrator."""
    return scene.person("ada", Role.ADMIN)


@pytest.fixture
def leo(db: None) -> User:
    return factories.user("lp", username="leo")


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


def propose(client: Client, user: User, **fields: object) -> Any:
    usual = {
        "name": "quoter",
        "scopes": ["rfq.quote", "settlement.own"],
        "addresses": "192.0.2.0/24\n2001:db8::1",
        "days": "30",
        "replaces": "",
        "reason": REASON,
        "nominee": factories.founders()[1].ref,
        "otp_token": code(scene.TOTP_KEY),
        "key": factories.unique("key"),
    }
    return client.post(f"/users/{user.ref}/proposals/key.issue/", usual | fields, follow=True)


def test_a_key_is_proposed_with_its_terms(ada: User, leo: User) -> None:
    client = verified_client(ada)
    assert "Issue API key" in text(client.get(f"/users/{leo.ref}/?act=key.issue"))

    answer = propose(client, leo)

    request = ApprovalRequest.objects.get(act="key.issue")
    assert answer.redirect_chain == [(f"/approvals/{request.ref}/", 302)]
    assert request.payload == {
        "name": "quoter",
        "scopes": ["rfq.quote", "settlement.own"],
        "addresses": ["192.0.2.0/24", "2001:db8::1/128"],
        "days": 30,
        "replaces": None,
    }
    for words in ("rfq.quote, settlement.own", "192.0.2.0/24, 2001:db8::1/128", "30 days"):
        assert words in text(answer)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "say which program"),
        ("scopes", [], "choose at least one"),
        ("addresses", "here", "write networks like"),
        ("addresses", "192.0.2.1 " * 21, "at most 20 networks"),
        ("days", "91", "less than or equal to 90"),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_kept(ada: User, leo: User, field: str, value: object, words: str) -> None:
    answer = propose(verified_client(ada), leo, **{field: value})

    assert answer.status_code == 422
    assert words in text(answer)
    assert REASON in text(answer)
    assert not ApprovalRequest.objects.filter(act="key.issue").exists()


def test_the_proposer_alone_sees_the_key_once(ada: User, leo: User) -> None:
    request = factories.propose("key.issue", leo.ref, by=ada, **TERMS)
    factories.decide(request)
    key = ApiKey.objects.get()
    hers, others = verified_client(ada), verified_client(scene.person("boris", Role.ADMIN))
    where = f"/users/{leo.ref}/keys/{key.ref}/collection/"

    assert "Show the key, once" in text(hers.get(f"/users/{leo.ref}/"))
    assert "Show the key, once" not in text(others.get(f"/users/{leo.ref}/"))
    assert hers.get(where).status_code == 405
    assert others.post(where).status_code == 403
    shown = hers.post(where)
    again = hers.post(where, follow=True)

    found = next(word for word in text(shown).replace("<", " ").replace(">", " ").split() if word.startswith("desk_"))
    key.refresh_from_db()
    assert keys.parse(found).identifier == key.identifier
    assert shown.headers["Cache-Control"] == "no-store"
    assert found not in text(again)
    assert "cannot be collected" in text(again)


def test_a_key_is_revoked_with_a_reason(ada: User, leo: User) -> None:
    key, client = issued(leo), verified_client(ada)
    where = f"/users/{leo.ref}/keys/{key.ref}/revocation/"

    assert "stops working at once" in text(client.get(where))
    missing = client.post(where, {"reason": "short"})
    done = client.post(where, {"reason": "The program was shut down today."}, follow=True)
    late = client.post(where, {"reason": "The program was shut down today."})

    assert (missing.status_code, late.status_code) == (422, 409)
    assert "is revoked. It does not work any more." in text(done)
    assert "is revoked already" in text(late)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_is_found_at_its_own_login_only(ada: User, leo: User) -> None:
    key = issued(leo)
    other, client = factories.user("lp"), verified_client(ada)

    for path in ("collection", "revocation"):
        assert client.post(f"/users/{other.ref}/keys/{key.ref}/{path}/").status_code == 404


def test_auditors_revoke_nothing(leo: User) -> None:
    key = issued(leo)

    answer = verified_client(scene.person("audrey", Role.AUDITOR)).post(f"/users/{leo.ref}/keys/{key.ref}/revocation/")

    assert answer.status_code == 403
