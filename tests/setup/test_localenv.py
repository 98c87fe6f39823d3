from pathlib import Path

from cryptography.fernet import Fernet

from trading.sandbox import localenv


def test_first_run_makes_secrets_that_only_their_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "local" / "desk.env"

    made = localenv.ensure(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(made["SECRET_KEY"]) >= 32
    assert len(bytes.fromhex(made["SANDBOX_TOTP_KEY"])) == 20
    Fernet(made["FIELD_ENCRYPTION_KEYS"])


def test_two_checkouts_share_no_secret(tmp_path: Path) -> None:
    first, second = localenv.ensure(tmp_path / "a"), localenv.ensure(tmp_path / "b")

    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "SANDBOX_PASSWORD", "SANDBOX_TOTP_KEY", "DATABASE_URL"):
        assert first[name] != second[name]


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    localenv.ensure(path)
    before = path.read_bytes()

    localenv.ensure(path)

    assert path.read_bytes() == before


def test_newer_desk_adds_only_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    localenv.write({"SECRET_KEY": "kept", "OWN": "line=with=signs"}, path)

    made = localenv.ensure(path)

    assert made["SECRET_KEY"] == "kept"
    assert made["OWN"] == "line=with=signs"
    assert made["SANDBOX_CONTROL_KEY"]


def test_real_environment_wins(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    localenv.write({"SECRET_KEY": "from file", "DESK_URL": "from file", "DEBUG": "from file"}, path)
    environ = {"SECRET_KEY": "from environment", "DEBUG_FILE": "/run/secrets/debug"}

    localenv.load(environ, path)

    assert environ == {
        "SECRET_KEY": "from environment",
        "DESK_URL": "from file",
        "DEBUG_FILE": "/run/secrets/debug",
    }


def test_own_server_never_gets_the_private_owner(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    localenv.ensure(path)
    environ = {"DATABASE_URL": "postgresql://somebody@server/desk"}

    localenv.load(environ, path)

    assert "DATABASE_OWNER_URL" not in environ
    assert environ["DATABASE_URL"] == "postgresql://somebody@server/desk"


def test_own_bot_talks_to_the_real_telegram(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    localenv.ensure(path)
    environ = {"TELEGRAM_BOT_TOKEN": "1234567890:real"}

    localenv.load(environ, path)

    assert "TELEGRAM_API_URL" not in environ


def test_another_port_keeps_the_passwords(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    before = localenv.ensure(path)

    after = localenv.set_port(21_000, path)

    for name in localenv.DATABASE_NAMES:
        assert localenv.port_of(after[name]) == 21_000
        assert localenv.password_of(after[name]) == localenv.password_of(before[name])


def test_what_the_desk_keeps_is_told_from_what_somebody_named(tmp_path: Path) -> None:
    path = tmp_path / "desk.env"
    held = localenv.ensure(path)

    localenv.keep("EVM_CHAINS", '[{"chain": "ethereum"}]', path)

    assert localenv.read(path) == {**held, "EVM_CHAINS": '[{"chain": "ethereum"}]'}
    assert localenv.is_kept("EVM_CHAINS", localenv.read(path), path)
    assert not localenv.is_kept("EVM_CHAINS", {"EVM_CHAINS": "[]"}, path)
    assert not localenv.is_kept("EVM_CHAINS", {"EVM_CHAINS_FILE": "/run/secrets/evm_chains"}, path)

    localenv.keep("EVM_CHAINS", "", path)

    assert localenv.read(path) == held
