import os
import pwd
import re
import socket
from pathlib import Path

import pytest

from trading.sandbox import desk, localenv, smoke
from trading.sandbox.localenv import ROOT, SetupError


def settings(**more: str) -> dict[str, str]:
    made = {"DESK_URL": "http://localhost:9090", "SANDBOX_TELEGRAM_URL": "http://127.0.0.1:9091"}
    return {**made, "SANDBOX_MAIL_PORT": "9292", **more}


@pytest.fixture
def run_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(desk, "RUN", tmp_path)
    return tmp_path


def test_second_desk_is_refused_with_the_number_of_the_first(run_folder: Path) -> None:
    with desk._only_one():
        assert desk.running_pid()
        with pytest.raises(SetupError, match=r"already running \(process \d+\)"), desk._only_one():
            pytest.fail("two desks at once")

    assert desk.running_pid() is None


def test_desk_of_somebody_else_is_refused_by_name(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = pwd.getpwuid(run_folder.stat().st_uid).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: run_folder.stat().st_uid + 1)

    with pytest.raises(SetupError, match=f"is that of {owner}: run it as {owner}"), desk._only_one():
        pytest.fail("two users in one set-up")

    assert list(run_folder.iterdir()) == []


def test_taken_port_names_the_variable_that_chooses_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SetupError, match=rf"Port {port}.*`DESK_PORT={port + 100} make run"):
            desk._require_port(port, "DESK_PORT", "the console")


def test_port_of_the_system_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localenv, "obstacle", lambda _port: PermissionError(13, "Permission denied"))

    with pytest.raises(SetupError, match=r"Port 80.*not for ordinary users.*`DESK_PORT=9170 make run"):
        desk._require_port(80, "DESK_PORT", "the console")


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "90.5"])
def test_what_is_no_port_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SANDBOX_TELEGRAM_PORT", text)

    with pytest.raises(SetupError, match=f"SANDBOX_TELEGRAM_PORT is {re.escape(text)}, which is no port"):
        desk.environment()


def test_one_port_for_both_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PORT", "9191")
    monkeypatch.setenv("SANDBOX_TELEGRAM_PORT", "9191")
    monkeypatch.setattr(localenv, "read", lambda _path: settings())

    with pytest.raises(SetupError, match="each page needs a port of its own"):
        desk.environment()


def test_chosen_ports_reach_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DESK_URL", "SANDBOX_TELEGRAM_URL", "TELEGRAM_API_URL", "TELEGRAM_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESK_PORT", "9190")
    monkeypatch.setenv("SANDBOX_TELEGRAM_PORT", "9191")
    monkeypatch.setattr(localenv, "read", lambda _path: settings(TELEGRAM_API_URL="http://127.0.0.1:9091"))

    made = desk.environment()

    assert made["DESK_URL"] == "http://localhost:9190"
    assert made["SANDBOX_TELEGRAM_URL"] == made["TELEGRAM_API_URL"] == "http://127.0.0.1:9191"


def test_sandbox_takes_the_mail_unless_a_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMAIL_URL", "SANDBOX_MAIL_PORT", "SANDBOX_TELEGRAM_URL", "TELEGRAM_API_URL", "TELEGRAM_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(localenv, "read", lambda _path: settings(TELEGRAM_API_URL="http://127.0.0.1:9091"))
    assert desk.environment()["EMAIL_URL"] == "smtp://127.0.0.1:9292"

    monkeypatch.setenv("EMAIL_URL", "smtp+tls://mail.desk.example")
    assert desk.environment()["EMAIL_URL"] == "smtp+tls://mail.desk.example"


def test_the_node_of_the_run_before_is_not_taken_for_a_chain_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = '[{"chain": "ethereum", "nodes": ["http://127.0.0.1:8545"]}]'
    monkeypatch.setattr(localenv, "read", lambda _path: settings(EVM_CHAINS=before))
    monkeypatch.setenv("EVM_CHAINS", before)  # as manage.py has read it from the file
    assert "EVM_CHAINS" not in desk.environment()

    monkeypatch.setenv("EVM_CHAINS", "[]")
    assert desk.environment()["EVM_CHAINS"] == "[]"


def test_programs_never_see_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner@server/desk")

    assert "DATABASE_OWNER_URL" not in desk.environment()


def test_welcome_says_where_to_go_and_how_to_get_in() -> None:
    said = desk.welcome(settings(SANDBOX_PASSWORD="from desk.env"))

    for wanted in ("http://localhost:9091/", "http://localhost:9090/", "from desk.env", "manage.py otp", desk.OPEN):
        assert wanted in said


def test_every_variable_of_desk_env_is_explained_in_the_example(tmp_path: Path) -> None:
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert localenv.ensure(tmp_path / "desk.env").keys() <= explained


def test_every_variable_of_the_settings_is_explained_in_the_example() -> None:
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = re.findall(r'env\.[a-z_]+\(\s*"([A-Z_]+)"', (ROOT / "trading" / "settings.py").read_text())

    assert set(read) <= explained


class TestOneTimeCode:
    """The examples of RFC 6238, appendix B, cut to six digits."""

    KEY = b"12345678901234567890"

    @pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
    def test_code_is_the_standards(self, at: int, code: str) -> None:
        assert smoke.one_time_code(self.KEY, at) == code


def test_forms_give_their_hidden_fields_and_all_names() -> None:
    page = '<form><input type="hidden" name="csrfmiddlewaretoken" value="t&amp;k"><input name="username"></form>'

    forms = smoke.Forms(page)

    assert forms.hidden == {"csrfmiddlewaretoken": "t&k"}
    assert forms.names == {"csrfmiddlewaretoken", "username"}
