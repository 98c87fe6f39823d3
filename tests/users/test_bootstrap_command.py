"""The first two people of a desk, by command."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from trading.management.commands import bootstrap as command
from users import capabilities
from users.models import ApprovalPolicy, User

REASON = "They founded the desk and know each other's faces."
PASSWORD = "a long enough passphrase"


@pytest.fixture
def answers(db: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked for, answered by a person at the terminal."""
    asked: list[str] = []

    def password(prompt: str) -> str:
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr(command, "getpass", password)
    monkeypatch.setattr("builtins.input", lambda prompt: prompt.removeprefix("Full name of ").rstrip(": ").title())
    return asked


def bootstrap(**options: Any) -> str:
    out = StringIO()
    call_command("bootstrap", stdout=out, **({"first": "ann", "second": "ben", "reason": REASON} | options))
    return out.getvalue()


def test_the_first_two_are_let_in_on_each_others_word(answers: list[str]) -> None:
    assert "each on the other's word" in bootstrap()

    ann, ben = User.objects.get(username="ann"), User.objects.get(username="ben")
    assert (ann.status, ben.status) == ("active", "active")
    assert (ann.secondary_approver, ben.secondary_approver) == (ben, ann)
    assert ann.check_password(PASSWORD)
    assert ann.person is not None
    assert ann.person.full_name == "Ann"
    assert capabilities.holds(ann, "approval.view")
    assert ApprovalPolicy.objects.filter(act="user.approve").exists()
    assert len(answers) == 4
    call_command("audit_verify", stdout=StringIO())


def test_names_and_passwords_may_come_from_options(db: None, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")

    bootstrap(first_name="Ann Ash", second_name="Ben Birk", first_password_file=file, second_password_file=file)

    assert User.objects.get(username="ben").check_password(PASSWORD)


def test_pending_logins_are_taken_as_they_are(answers: list[str]) -> None:
    ann = factories.pending_user("ann")

    bootstrap()

    assert User.objects.get(pk=ann.pk).status == "active"
    assert len(answers) == 2


def test_a_desk_with_people_is_refused_before_anything_is_asked(answers: list[str]) -> None:
    factories.founders()

    with pytest.raises(CommandError, match="has active people already"):
        bootstrap()
    assert answers == []
    assert not User.objects.filter(username="ann").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reason": "because"}, "at least 20 characters"),
        ({"first": "Ann Ash"}, "lower-case"),
        ({"second": "ann"}, "two different persons"),
        ({"first_password_file": Path("/nowhere/at/all")}, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(answers: list[str], options: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        bootstrap(**options)
    assert not User.objects.filter(status="active").exists()


def test_weak_and_mistyped_passwords_are_refused(answers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "getpass", lambda _prompt: "short")
    with pytest.raises(CommandError, match="too short"):
        bootstrap()

    typed = iter(["a long enough passphrase", "another long passphrase"])
    monkeypatch.setattr(command, "getpass", lambda _prompt: next(typed))
    with pytest.raises(CommandError, match="not the same"):
        bootstrap()
    assert not User.objects.exists()
