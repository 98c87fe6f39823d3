"""Secrets in logs are found, by whatever name they have, and told without being repeated."""

from pathlib import Path

from trading.sandbox import leaks, localenv

ENVIRONMENT = {
    "SECRET_KEY": "a-key-of-the-framework",
    "FIELD_ENCRYPTION_KEYS": "newest-of-two,oldest-of-two",
    "TELEGRAM_BOT_TOKEN": "123456789:the-bots-own-half",
    "DATABASE_URL": "postgresql://desk:p%40ssword-of-it@127.0.0.1:5432/desk",
    "METRICS_TOKEN": "short",
    "DESK_URL": "http://localhost:9090",
}


def found_in(tmp_path: Path, line: str) -> list[str]:
    (tmp_path / "web.log").write_text(f"nothing here\n{line}\n")
    return leaks.leaks(leaks.secrets_of(ENVIRONMENT), tmp_path.glob("*.log"))


def test_each_kind_is_found_and_told_by_name_and_place(tmp_path: Path) -> None:
    for line, name in {
        "key=a-key-of-the-framework": "SECRET_KEY",
        "old key oldest-of-two": "FIELD_ENCRYPTION_KEYS[2]",
        "GET /bot123456789:the-bots-own-half/getMe": "TELEGRAM_BOT_TOKEN",
        "password 'p@ssword-of-it'": "DATABASE_URL (password)",
    }.items():
        found = found_in(tmp_path, line)
        assert f"web.log, line 2: {name}" in found
        assert not any(part in "".join(found) for part in ("framework", "two", "half", "ssword-of"))


def test_what_is_no_secret_is_not_found(tmp_path: Path) -> None:
    assert found_in(tmp_path, "short 123456789 http://localhost:9090 desk 5432") == []


def test_every_secret_that_a_checkout_makes_is_looked_for(tmp_path: Path) -> None:
    made = localenv.ensure(tmp_path / "desk.env")

    named = {name.partition("[")[0].partition(" (")[0] for name in leaks.secrets_of(made)}

    harmless = {"DESK_ENV", "AUTO_SETTLEMENT_ALLOWED", "DESK_URL", "TELEGRAM_API_URL", "SANDBOX_TELEGRAM_URL"}
    harmless |= {"SANDBOX_EVM_PORT", "SANDBOX_MAIL_PORT"}
    assert named == set(made) - harmless
