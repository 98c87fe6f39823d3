"""The seed: one small world, however often it is run and wherever it was interrupted."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from settlement import autosettle
from settlement.models import Journal
from trading.sandbox.people import PEOPLE, Part
from trading.sandbox.seed import MissingSecrets, seed
from users.models import Counterparty, User


@pytest.fixture
def sandbox_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PASSWORD", secrets.token_urlsafe(16))
    monkeypatch.setenv("SANDBOX_TOTP_KEY", secrets.token_hex(20))


class PowerCut(Exception):
    """The seed ends here."""


def cut_after(steps: int) -> Callable[[str], None]:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == steps:
            raise PowerCut

    return say


def counts() -> dict[str, int]:
    """How many rows every model of the desk has, but for what each run may add."""
    ours = [
        model for app in ("users", "settlement", "rfq", "alerting") for model in apps.get_app_config(app).get_models()
    ]
    return {model._meta.label: model._default_manager.count() for model in ours}


def flag_is_on() -> bool:
    with transaction.atomic():
        return autosettle.read().moves_by_itself


def test_second_run_makes_nothing(db: None, sandbox_secrets: None) -> None:
    seed(lambda _: None)
    made = counts()

    said: list[str] = []
    seed(said.append)

    assert said == []
    assert counts() == made


@pytest.mark.parametrize("steps", [1, 4, 7, 11, 14, 18])
def test_interrupted_run_is_finished_by_the_next(db: None, sandbox_secrets: None, steps: int) -> None:
    with pytest.raises(PowerCut):
        seed(cut_after(steps))

    seed(lambda _: None)

    assert Journal.objects.filter(key__startswith="deposit:seed:").count() == 9
    assert Counterparty.objects.count() == 6
    active = {person.username for person in PEOPLE if person.part != Part.REFUSED}
    assert set(User.objects.filter(status="active").values_list("username", flat=True)) == active
    assert flag_is_on()


def test_sandbox_says_that_it_turns_the_flag_on(db: None, sandbox_secrets: None) -> None:
    said: list[str] = []

    seed(said.append)

    assert [line for line in said if autosettle.FLAG in line and "ON" in line]


def test_production_gets_currencies_and_pairs_alone(db: None, settings: Any) -> None:
    settings.IS_SANDBOX = False

    seed(lambda _: None)

    assert not User.objects.exists()
    assert not Counterparty.objects.exists()
    assert not flag_is_on()


def test_sandbox_without_its_secrets_says_which(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_PASSWORD", raising=False)
    monkeypatch.delenv("SANDBOX_TOTP_KEY", raising=False)

    with pytest.raises(MissingSecrets, match="SANDBOX_PASSWORD and SANDBOX_TOTP_KEY"):
        seed(lambda _: None)
