"""`manage.py`: a database that cannot be reached is one sentence; everything else keeps its traceback."""

import pytest
from django.db import OperationalError

import manage


def fail_with(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(_arguments: list[str]) -> None:
        raise OperationalError(text)

    monkeypatch.setattr(manage, "execute_from_command_line", execute)
    monkeypatch.setenv("DATABASE_URL", "postgresql://desk_app@127.0.0.1:1/desk")


@pytest.mark.parametrize("text", ["connection failed: Connection refused", "connection timeout expired"])
def test_database_out_of_reach_is_one_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(text, monkeypatch)

    with pytest.raises(SystemExit) as ended:
        manage.main()

    assert ended.value.code == f"manage.py: PostgreSQL cannot be used: start it, or correct DATABASE_URL. {text}"


def test_other_trouble_of_the_database_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with("deadlock detected", monkeypatch)

    with pytest.raises(OperationalError, match="deadlock detected"):
        manage.main()
