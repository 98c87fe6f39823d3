"""The sandbox's mail server takes what the desk mails, delivers nothing, and shows it."""

import smtplib
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from tests.sandbox.conftest import KEY, TOKEN, Running, free_port
from trading.sandbox.telegram.server import Configuration, ConfigurationError

CONSOLE = "http://localhost:9090"


def letter(subject: str, text: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "desk@desk.example", "olga@desk.example", subject
    made.set_content(text)
    return made


def configuration(folder: Path) -> Configuration:
    return Configuration(
        token=TOKEN, control_key=KEY, directory=folder, port=free_port(), mail_port=free_port(), console=CONSOLE
    )


def test_letters_are_taken_and_shown_newest_first_also_after_a_restart(tmp_path: Path) -> None:
    where = configuration(tmp_path)
    with Running(where), smtplib.SMTP("127.0.0.1", where.mail_port) as server:
        server.send_message(letter("First", "Your code is 1234 5678."))
        server.send_message(letter("هشدار", "گرم <b>"), to_addrs=["ops@desk.example", "amir@desk.example"])

    with Running(where):
        page = httpx.get(f"http://127.0.0.1:{where.port}/mail", trust_env=False).text
    assert page.index("هشدار") < page.index("First")
    assert "To ops@desk.example, amir@desk.example" in page
    assert "گرم &lt;b&gt;" in page


def test_links_lead_to_the_console_alone(tmp_path: Path) -> None:
    where = configuration(tmp_path)
    with Running(where), smtplib.SMTP("127.0.0.1", where.mail_port) as server:
        server.send_message(
            letter(
                "Links",
                f"{CONSOLE}/alerts/?a=1&b=2 and https://elsewhere.example/ and http://localhost:9090.evil.example/",
            )
        )
        page = httpx.get(f"http://127.0.0.1:{where.port}/mail", trust_env=False).text

    assert page.count('<a href="http') == 1
    assert f'<a href="{CONSOLE}/alerts/?a=1&amp;b=2">' in page


def test_port_that_is_none_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TELEGRAM_BOT_TOKEN": TOKEN, "SANDBOX_CONTROL_KEY": KEY, "SANDBOX_MAIL_PORT": "70000"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match="SANDBOX_MAIL_PORT is '70000'"):
        Configuration.from_environment(tmp_path)
