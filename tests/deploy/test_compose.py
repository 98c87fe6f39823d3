"""What `deploy/compose.yaml` promises of every container, and that the settings accept what `deploy/prepare` makes."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import reverse

from tests.deploy.yard import DEPLOY
from trading import serving
from trading.management.commands.worker import GRACE_SECONDS
from trading.sandbox.localenv import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = (ROOT / "trading/settings.py").read_text()
# What the settings read as a secret, and what is one by what it holds.
SECRET = {
    *re.findall(r'env\.(?:secret|fernet_keys|signing_key|database|mailers)\(\s*"(\w+)"', SETTINGS),
    *("METRICS_TOKEN", "TELEGRAM_BOT_TOKEN", "EVM_CHAINS", "TRON_CHAINS"),
}
SOUNDS_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|PEPPER|_KEYS?$|DATABASE|CHAINS|EMAIL_URL")
NOT_SECRET = {"WALLET_KEYS", "ALIVE_FILE", "AUDIT_ANCHOR_FILE"}  # a folder, and files that are written
OURS = {name for name, service in SERVICES.items() if "DESK_IMAGE" in service["image"]}
WEBS = sorted(name for name in SERVICES if name.startswith("web-"))
EXACT = re.compile(r"[a-z][\w./-]*:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)*")
CAPABILITIES = {"proxy": ["NET_BIND_SERVICE"]}
PUBLISHED = {"proxy", "grafana"}


def secrets_of(service: dict[str, Any]) -> set[str]:
    return {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}


def mounts_of(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Folders of the machine: the source, and how it is mounted."""
    parts = [text.split(":") for text in service.get("volumes", [])]
    return [(part[0], part[-1]) for part in parts if part[0].startswith((".", "/"))]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `deploy/prepare` has made what one installation needs."""
    home = tmp_path_factory.mktemp("prepared")
    shutil.copy(DEPLOY / "desk.env.example", home)
    prepare(home)
    return home


def prepare(home: Path) -> str:
    """What it said."""
    done = subprocess.run(
        [DEPLOY / "prepare"], env=os.environ | {"DESK_HERE": str(home)}, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("name", SERVICES)
class TestEveryService:
    def test_is_an_exact_version(self, name: str) -> None:
        image = SERVICES[name]["image"]
        assert EXACT.fullmatch(image) or image.startswith("${DESK_IMAGE:?")

    def test_says_whether_it_is_well(self, name: str) -> None:
        check = SERVICES[name]["healthcheck"]
        if SERVICES[name].get("profiles") == ["tools"]:
            assert check == {"disable": True}
            return
        assert check["test"][0] == "CMD"
        assert check.keys() == {"test", "interval", "timeout", "retries", "start_period"}

    def test_is_bounded(self, name: str) -> None:
        assert SERVICES[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
        assert SERVICES[name]["logging"]["options"].keys() == {"max-size", "max-file"}

    def test_cannot_write_or_gain_rights(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service.get("cap_add", []) == CAPABILITIES.get(name, [])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"} & service.keys()
        assert not any("docker.sock" in source for source, _how in mounts_of(service))
        assert all("ro" in how.split(",") for _source, how in mounts_of(service))

    def test_has_secrets_as_files_alone(self, name: str) -> None:
        granted = secrets_of(SERVICES[name])
        for variable, text in SERVICES[name].get("environment", {}).items():
            if variable.endswith("_FILE") and variable not in NOT_SECRET:
                assert text.startswith("/run/secrets/")
                assert text.removeprefix("/run/secrets/") in granted, variable
            else:
                assert variable in NOT_SECRET or not SOUNDS_SECRET.search(variable), variable
        assert granted <= COMPOSE["secrets"].keys()

    def test_is_reached_through_the_proxy_alone(self, name: str) -> None:
        ports = SERVICES[name].get("ports", [])
        assert bool(ports) is (name in PUBLISHED)
        if name != "proxy":
            assert all(port.startswith("127.0.0.1:") for port in ports)
        assert set(SERVICES[name]["networks"]) <= COMPOSE["networks"].keys()

    def test_comes_back_by_itself(self, name: str) -> None:
        assert SERVICES[name]["restart"] == ("no" if name == "tools" else "unless-stopped")


def test_database_and_metrics_cannot_be_reached_from_outside() -> None:
    assert SERVICES["postgres"]["networks"] == ["data"]
    assert SERVICES["prometheus"]["networks"] == ["watch"]
    assert COMPOSE["networks"]["data"] == COMPOSE["networks"]["watch"] == {"internal": True}


def test_every_secret_the_settings_know_comes_as_a_file() -> None:
    assert {"SECRET_KEY", "DATABASE_URL", "DATABASE_OWNER_URL", "EMAIL_URL", "FIELD_ENCRYPTION_KEYS"} <= SECRET
    for name in OURS:
        wanted = SECRET - (set() if name == "tools" else {"DATABASE_OWNER_URL"})
        files = {
            variable.removesuffix("_FILE") for variable in SERVICES[name]["environment"] if variable.endswith("_FILE")
        }
        assert files - {"ALIVE", "AUDIT_ANCHOR"} == wanted, name


def test_only_the_signer_has_keys_and_only_the_tools_own_the_database() -> None:
    with_keys = {name for name in OURS if any("wallets" in source for source, _how in mounts_of(SERVICES[name]))}
    assert with_keys == {name for name in OURS if "WALLET_KEYS" in SERVICES[name]["environment"]} == {"signer"}
    assert SERVICES["signer"]["command"] == ["worker", "--queues", "money"]
    assert {name for name in OURS if "DATABASE_OWNER_URL_FILE" in SERVICES[name]["environment"]} == {"tools"}


def test_signer_and_workers_share_all_queues() -> None:
    apps = ("alerting", "rfq", "settlement", "trading", "users")
    sources = [path.read_text() for app in apps for path in (ROOT / app).rglob("*.py")]
    queues = {name for text in sources for name in re.findall(r'@app\.task\([^)]*queue="(\w+)"', text)}
    worked = {name for who in ("signer", "worker") for name in SERVICES[who]["command"][2].split(",")}

    assert queues == worked


def test_one_bot_and_more_than_one_of_the_rest() -> None:
    assert SERVICES["bot"]["deploy"]["replicas"] == 1
    assert SERVICES["worker"]["deploy"]["replicas"] > 1
    assert len(WEBS) > 1


def test_every_web_is_known_to_whoever_asks_it() -> None:
    for text in (SERVICES["web-1"]["environment"]["ALLOWED_HOSTS"], SERVICES["proxy"]["environment"]["DESK_WEBS"]):
        assert re.findall(r"web-\d+", text) == WEBS
    (targets,) = yaml.safe_load((DEPLOY / "prometheus/targets/desk.yml").read_text())
    assert targets["targets"] == [f"{name}:9090" for name in WEBS]


def test_jobs_have_time_to_end() -> None:
    for name in ("signer", "worker"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS


def test_webs_have_time_to_be_left_and_to_end() -> None:
    (graceful,) = re.findall(r"--graceful-timeout (\d+)", (DEPLOY / "entrypoint").read_text())
    for name in WEBS:
        given = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert given > serving.DRAIN_SECONDS + serving.READ_SECONDS + int(graceful)


def test_proxy_asks_the_webs_often_enough_to_leave_one_in_time() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    every, patience = (int(re.findall(rf"health_{name} (\d+)s", text)[0]) for name in ("interval", "timeout"))

    assert f"health_uri {reverse('health-serving')}\n" in text
    assert 2 * every < serving.DRAIN_SECONDS
    assert patience > serving.DRAIN_SECONDS  # a web with much to do is not away


def test_what_is_mounted_is_there_or_is_made(prepared: Path) -> None:
    for service in SERVICES.values():
        for source, _how in mounts_of(service):
            if source.startswith("./"):
                assert (DEPLOY / source).exists() or (prepared / source).exists(), source
    assert {path.name for path in (prepared / "secrets").iterdir()} == set(COMPOSE["secrets"])
    for name, given in COMPOSE["secrets"].items():
        assert given == {"file": f"./secrets/{name}"}


def test_what_is_made_is_its_owners_alone_and_stays(prepared: Path) -> None:
    assert (prepared / "secrets").stat().st_mode & 0o777 == 0o700
    before = {path: path.read_text() for path in (prepared / "secrets").iterdir()}
    (prepared / "secrets/email_url").chmod(0o600)
    (prepared / "secrets/email_url").write_text("smtp+tls://mail.desk.example")

    said = prepare(prepared)

    assert "made " not in said
    assert "still empty: secrets/telegram_bot_token" in said
    assert "secrets/email_url" not in said
    after = {path: path.read_text() for path in (prepared / "secrets").iterdir()}
    assert {path.name for path in before if before[path] != after[path]} == {"email_url"}
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in after)


def test_settings_accept_what_is_made(prepared: Path) -> None:
    values = {"DESK_HOST": "desk.example", "DESK_TLS": "internal"}
    given = SERVICES["tools"]["environment"]
    text = {name: re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values[found[1]], value) for name, value in given.items()}
    environment = {name: value.replace("/run/secrets/", f"{prepared}/secrets/") for name, value in text.items()}
    script = "import django; django.setup(); from django.conf import settings as s; print(s.DESK_URL, s.METRICS_TOKEN)"

    done = subprocess.run(
        [sys.executable, "-c", script], env=environment | {"DJANGO_SETTINGS_MODULE": "trading.settings"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"https://desk.example {(prepared / 'secrets/metrics_token').read_text()}"


def test_settings_of_the_example_are_known_and_none_is_secret() -> None:
    named = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "desk.env.example").read_text(), re.MULTILINE))
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert named - {"DESK_HOST", "DESK_TLS"} <= explained
    assert not named & SECRET
    assert not named & SERVICES["web-1"]["environment"].keys()


def test_image_is_made_of_what_runs_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]

    assert lines[0] == "*"
    taken = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert taken == {
        *packages,
        "manage.py",
        "requirements/prod.txt",
        "locale",
        "static",
        "templates",
        "deploy/entrypoint",
    }
    assert all((ROOT / name).exists() for name in taken)


def test_image_runs_as_nobody_in_particular_from_hashed_wheels() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    uid = SERVICES["web-1"]["user"]

    assert re.findall(r"(?m)^USER (.+)$", text) == [uid]
    assert f"--uid {uid.partition(':')[0]} " in text
    assert "--require-hashes" in text
    assert "--only-binary :all:" in text
    assert EXACT.fullmatch(re.findall(r"(?m)^ARG BASE=(.+)$", text)[0])


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (("sh", "-c", "echo $DATABASE_URL_FILE"), "{0}/url\n"),
        (
            ("on", "copy", "sh", "-c", "echo $DATABASE_URL ${DATABASE_URL_FILE:-none}"),
            "postgresql://a:b@c:1/copy none\n",
        ),
    ],
)
def test_entrypoint_turns_to_another_database(tmp_path: Path, command: tuple[str, ...], wanted: str) -> None:
    (tmp_path / "url").write_text("postgresql://a:b@c:1/desk\n")
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL_FILE": str(tmp_path / "url")}

    done = subprocess.run(
        [DEPLOY / "entrypoint", *command], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == wanted.format(tmp_path)
