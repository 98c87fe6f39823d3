"""Each refused sign-in leaves a line in the log, without what was typed."""

import logging
from typing import Any

import pytest

from tests.console import scene
from tests.console.codes import code
from tests.users.authenticator import enrol, proof
from trading.lib import clock
from users import operations
from users.errors import WrongCode
from users.models import Role, User
from users.operations import passkeys
from users.operations.passkeys import PasskeyRefused
from users.operations.signing_in import LockedOut, WrongPassword


@pytest.fixture
def adele(db: None) -> User:
    user = scene.person("adele", Role.APPROVER)
    scene.authenticator(user)
    return user


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(one.getMessage(), getattr(one, "login", "")) for one in caplog.records if one.levelno == logging.WARNING]


def test_wrong_passwords_and_locks(adele: User, caplog: pytest.LogCaptureFixture) -> None:
    given: dict[str, Any] = {"password": "hunter2-typed", "address": "192.0.2.1", "now": clock.now()}
    for username, refusal in [("adele", WrongPassword)] * 5 + [("adele", LockedOut), ("my password", WrongPassword)]:
        with pytest.raises(refusal):
            operations.check_password(username=username, **given)

    assert lines(caplog) == [("wrong password", adele.ref)] * 5 + [("locked out", adele.ref), ("wrong password", "")]
    written = " ".join(str(vars(one)) for one in caplog.records)
    assert "hunter2-typed" not in written
    assert "my password" not in written


def test_wrong_codes_and_passkeys(adele: User, caplog: pytest.LogCaptureFixture) -> None:
    authenticator, _passkey = enrol(adele)
    wrong = next(token for token in ("000000", "111111", "222222", "333333") if token != code(scene.TOTP_KEY))
    with pytest.raises(WrongCode):
        operations.verify_otp(user=adele, token=wrong, now=clock.now())
    answer = proof(authenticator, adele, passkeys.SIGN_IN, verified=False)
    with pytest.raises(PasskeyRefused):
        passkeys.prove(user=adele, scope=passkeys.SIGN_IN, answer=answer, now=clock.now())

    assert lines(caplog) == [("wrong code", adele.ref), ("passkey refused", adele.ref)]
    assert wrong not in " ".join(str(vars(one)) for one in caplog.records if one.name.startswith("users."))
