"""What the pipeline asks of the desk's machine: by a known key, of a known machine, and with its answer passed on."""

import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

REMOTE = Path(settings.BASE_DIR) / "deploy" / "remote"
MISSING, NOT_WELL = 64, 1
SSH = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done >"$STUB/said"
key=$2
stat -c %a "$key" >"$STUB/rights"; cat "$key" >"$STUB/key"; printf '%s' "$key" >"$STUB/key-path"
exit "${SSH_STATUS:-0}"
"""
# Answers as each word of CURL_ANSWERS says, the last one for good.
CURL = """#!/bin/sh
for word in "$@"; do last=$word; done
printf '%s\\n' "$last" >>"$STUB/asked"
number=$(wc -l <"$STUB/asked")
set -- $CURL_ANSWERS
[ "$number" -gt $# ] && number=$#
shift $((number - 1))
exit "$1"
"""


@pytest.fixture
def there(tmp_path: Path) -> dict[str, str]:
    """An environment in which the machine is a stand-in that remembers what it was told."""
    for name, text in (("ssh", SSH), ("curl", CURL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "STUB": str(tmp_path),
        "DEPLOY_HOST": "desk.example",
        "DEPLOY_USER": "deployer",
        "DEPLOY_FOLDER": "/srv/the desk",
        "DEPLOY_KEY": "a private key\nof two lines",
        "DEPLOY_KNOWN_HOSTS": "desk.example ssh-ed25519 AAAA",
        "GITHUB_SHA": "0123abcd",
        "DESK_URL": "https://desk.example",
        "DESK_PAUSE": "0",
        "DESK_ATTEMPTS": "8",
    }


def remote(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REMOTE, *arguments], env=environ, check=False, capture_output=True, text=True)


def said(environ: dict[str, str]) -> list[str]:
    return (Path(environ["STUB"]) / "said").read_text().splitlines()


@pytest.mark.parametrize("status", [0, 1, 2, 75])
def test_a_deploy_brings_the_revision_there_and_gives_its_status_back(there: dict[str, str], status: int) -> None:
    told = remote(there | {"SSH_STATUS": str(status)}, "deploy", "registry.example/desk@sha256:ff", "sha-0123abcd")

    assert told.returncode == status
    *options, target, command = said(there)
    assert target == "deployer@desk.example"
    assert command == (
        r"cd /srv/the\ desk && git fetch -q origin && git checkout -q --detach 0123abcd && deploy/prepare"
        " && deploy/deploy registry.example/desk@sha256:ff sha-0123abcd"
    )
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"} <= set(options)


def test_the_key_is_this_users_alone_and_gone_afterwards(there: dict[str, str]) -> None:
    assert remote(there, "rollback").returncode == 0

    stub = Path(there["STUB"])
    assert (stub / "rights").read_text().strip() == "600"
    assert (stub / "key").read_text() == f"{there['DEPLOY_KEY']}\n"
    assert not Path((stub / "key-path").read_text()).exists()
    assert said(there)[-1] == r"cd /srv/the\ desk && deploy/rollback"


@pytest.mark.parametrize("name", ["DEPLOY_HOST", "DEPLOY_USER", "DEPLOY_FOLDER", "DEPLOY_KEY", "DEPLOY_KNOWN_HOSTS"])
def test_a_setting_that_is_missing_is_named_before_anything_is_done(there: dict[str, str], name: str) -> None:
    told = remote({key: value for key, value in there.items() if key != name}, "rollback")

    assert (told.returncode, f"{name} is not set" in told.stderr) == (MISSING, True)
    assert not (Path(there["STUB"]) / "said").exists()


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ("0", 0),
        ("7 0 22 0 0 0 0 0 0", 0),  # not there, then its sign-in not, then well
        ("0 0 0 22 0", 0),  # good once and a half: the count begins anew
        ("22", NOT_WELL),
        ("0 22 0 22 0 22 0 22 0 22 0 22 0 22 0 22", NOT_WELL),  # well, but nobody could sign in
    ],
)
def test_it_is_well_when_three_looks_in_a_row_find_it_so(there: dict[str, str], answers: str, status: int) -> None:
    told = remote(there | {"CURL_ANSWERS": answers}, "health")

    assert told.returncode == status, told
    asked = (Path(there["STUB"]) / "asked").read_text().splitlines()
    assert set(asked) <= {"https://desk.example/health", "https://desk.example/sign-in/"}
    assert status or asked[-6:] == ["https://desk.example/health", "https://desk.example/sign-in/"] * 3


@pytest.mark.parametrize("arguments", [[], ["deploy"], ["deploy", "image"], ["health", "now"], ["undo"]])
def test_wrong_use_says_how(there: dict[str, str], arguments: list[str]) -> None:
    told = remote(there, *arguments)

    assert (told.returncode, "deploy/remote rollback" in told.stderr) == (MISSING, True)
