"""Every way in which a deploy can go, with its exit status; what runs afterwards, and what is kept of it."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.crash.running import wait_for
from tests.deploy.yard import DEPLOY, PATIENCE, Yard, pinned

OK, ROLLED_BACK, NOTHING_RUNS, NOTHING_SWITCHED, WRONG_USE, LOCKED = 0, 1, 2, 3, 64, 75


@pytest.fixture
def old(yard: Yard) -> Yard:
    """A desk that runs version 1.0."""
    status, said = yard.deploy("1.0")
    assert status == OK, said
    (yard.stub / "calls").write_text("")
    return yard


def test_first_deploy_runs_and_is_kept(yard: Yard) -> None:
    status, said = yard.deploy("1.0")

    assert status == OK, said
    assert yard.running() == {"1.0"}
    assert (yard.named("current"), yard.named("previous"), yard.named("switching")) == ("1.0", "", "")
    assert yard.events() == [("begun", "1.0"), ("ok", "1.0")]


def test_good_deploy_migrates_then_switches_web_by_web_and_the_bot_last(old: Yard) -> None:
    status, said = old.deploy("1.1")

    assert status == OK, said
    assert old.running() == {"1.1"}
    assert (old.named("current"), old.named("previous")) == ("1.1", "1.0")
    asked = [call.split()[-1] for call in old.calls() if call.startswith(("up ", "run "))]
    order = ["postgres", "ERROR", "--check", "--no-input", "seed", "web-1", "web-2", "signer", "worker", "bot", "proxy"]
    assert asked[: len(order)] == order


def test_each_release_keeps_the_image_by_digest_its_files_and_what_every_stage_said(old: Yard) -> None:
    old.deploy("1.1")
    release = (old.state / "current").resolve()

    assert (release / "release").read_text() == f"IMAGE={pinned('1.1')}\nVERSION=1.1\n"
    assert (release / "compose.yaml").read_bytes() == (DEPLOY / "compose.yaml").read_bytes()
    assert (release / "desk.env").read_text() == (old.home / "desk.env").read_text()
    stages = {path.stem for path in release.glob("*.log")}
    assert stages >= {
        "pull",
        "config",
        "database",
        "check",
        "migrate",
        "seed",
        "web-1",
        "web-1-answers",
        "worker",
        "bot",
    }
    assert stages >= {"desk", "pages", "steady", "monitoring"}


def test_slow_start_is_waited_for(old: Yard) -> None:
    assert old.deploy("1.1", SLOW=3)[0] == OK
    assert old.running() == {"1.1"}
    assert old.log("1.1", "web-1-answers").count("Connection refused") == 3


@pytest.mark.parametrize(
    ("behaviour", "stage"),
    [
        pytest.param({"DOWN": "web-1"}, "web-1", id="never healthy"),
        pytest.param({"SICK": "web"}, "web-1-answers", id="never answers"),
        pytest.param({"SLOW": 6}, "web-1-answers", id="too slow"),
        pytest.param({"DOWN": "web-2"}, "web-2", id="second web never healthy"),
        pytest.param({"LOOP": "web-2"}, "steady", id="crash loop of a web"),
        pytest.param({"LOOP": "worker"}, "steady", id="crash loop of a worker"),
        pytest.param({"VERSION": "1.0"}, "web-1-answers", id="wrong version answers"),
        pytest.param({"DOWN": "worker"}, "worker", id="bad worker"),
        pytest.param({"DOWN": "signer"}, "signer", id="bad signer"),
        pytest.param({"DOWN": "bot"}, "bot", id="bad bot"),
        pytest.param({"SICK": "desk"}, "desk", id="nobody hears the worker"),
        pytest.param({"SICK": "pages"}, "pages", id="sign-in broken"),
    ],
)
def test_release_that_does_not_come_up_is_rolled_back(old: Yard, behaviour: dict[str, str], stage: str) -> None:
    status, said = old.deploy("1.1", **behaviour)

    assert status == ROLLED_BACK, said
    assert old.running() == {"1.0"}
    assert (old.named("current"), old.named("switching")) == ("1.0", "")
    assert old.events()[-1] == ("rolled-back", "1.1")
    assert f"{stage} failed" in said
    assert "what the containers said" in old.log("1.1", "containers")


@pytest.mark.parametrize(
    ("behaviour", "stage"),
    [({"PULL": 1}, "pull"), ({"CHECK": 1}, "check"), ({"MIGRATE": 1}, "migrate")],
    ids=["no such image", "bad settings", "bad migration"],
)
def test_what_fails_before_the_switch_touches_nothing(old: Yard, behaviour: dict[str, int], stage: str) -> None:
    status, said = old.deploy("1.1", **behaviour)

    assert status == NOTHING_SWITCHED, said
    assert f"{stage} failed" in said
    assert old.running() == {"1.0"}
    assert [call for call in old.calls() if call.startswith("up ") and "postgres" not in call] == []
    assert old.events()[-1] == ("aborted", "1.1")


def test_bad_first_deploy_is_stopped_and_calls_for_a_person(yard: Yard) -> None:
    status, said = yard.deploy("1.0", DOWN="worker")

    assert status == NOTHING_RUNS, said
    assert yard.running() == set()
    assert (yard.named("current"), yard.named("switching")) == ("", "")
    assert yard.deploy("1.1")[0] == OK


def test_rollback_that_fails_says_so_and_the_next_deploy_mends_it(old: Yard) -> None:
    old.image("1.0", DOWN="web-1")

    status, said = old.deploy("1.1", DOWN="web-1")

    assert status == NOTHING_RUNS, said
    assert "ROLLBACK FAILED" in said
    assert old.named("switching") == "1.1"
    assert old.deploy("1.2")[0] == OK
    assert (old.running(), old.named("switching")) == ({"1.2"}, "")


def test_settings_of_the_old_release_come_back_with_it(old: Yard) -> None:
    (old.home / "desk.env").write_text("DESK_HOST=other.example\n")
    old.deploy("1.1", DOWN="bot")
    lines = (old.stub / "calls").read_text().splitlines()
    back = [line for line in lines if line.endswith(" bot") and " up " in line][-1]

    settings = Path(back.partition("--env-file ")[2].split()[0])
    assert "DESK_HOST=desk.example" in settings.read_text()


def hanging(yard: Yard, version: str, service: str) -> "subprocess.Popen[str]":
    """A deploy that has come as far as bringing up this service."""
    process = yard.start("deploy", yard.image(version, HANG=service), version)
    wait_for((yard.stub / "hangs").exists)
    return process


def test_second_deploy_meanwhile_is_refused(old: Yard) -> None:
    first = hanging(old, "1.1", "web-2")

    status, said = old.deploy("1.2")

    assert status == LOCKED
    assert "at work" in said
    assert old.run("rollback")[0] == LOCKED
    (old.stub / "go").touch()
    first.communicate(timeout=PATIENCE)
    assert first.returncode == OK
    assert old.running() == {"1.1"}


def test_deployer_killed_while_switching_and_run_again(old: Yard) -> None:
    first = hanging(old, "1.1", "web-2")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=PATIENCE)
    assert old.running() == {"1.0", "1.1"}
    assert old.named("switching") == "1.1"

    status, said = old.deploy("1.2")

    assert status == OK, said
    assert old.running() == {"1.2"}
    assert old.named("previous") == "1.0"
    assert [event for event, _version in old.events()][-4:] == ["begun", "interrupted", "begun", "ok"]


def test_what_a_killed_deployer_left_at_work_keeps_the_next_one_out(old: Yard) -> None:
    first = hanging(old, "1.1", "web-2")
    first.kill()  # alone: what it had asked Docker for goes on
    first.wait()

    assert old.deploy("1.2")[0] == LOCKED
    (old.stub / "go").touch()
    first.communicate(timeout=PATIENCE)  # until the last that can say something has ended

    assert old.deploy("1.2")[0] == OK
    assert old.running() == {"1.2"}


def test_first_deploy_that_was_killed_is_taken_down_before_the_next(yard: Yard) -> None:
    first = hanging(yard, "1.0", "web-2")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=PATIENCE)

    status, said = yard.deploy("1.1", DOWN="web-1")

    assert status == NOTHING_RUNS, said
    assert yard.running() == set()


def test_deploy_stopped_from_outside_says_so_and_goes_on_when_run_again(old: Yard) -> None:
    first = hanging(old, "1.1", "web-2")
    first.terminate()
    (old.stub / "go").touch()
    said, _ = first.communicate(timeout=PATIENCE)

    assert first.returncode == NOTHING_RUNS, said
    assert "run it again" in said
    assert old.deploy("1.1+")[0] == WRONG_USE
    assert old.deploy("1.2")[0] == OK


class TestRollback:
    def test_goes_back_and_forth(self, old: Yard) -> None:
        old.deploy("1.1")

        assert old.run("rollback")[0] == OK
        assert (old.running(), old.named("previous")) == ({"1.0"}, "1.1")
        assert old.run("rollback")[0] == OK
        assert old.running() == {"1.1"}

    def test_goes_back_to_a_named_release(self, old: Yard) -> None:
        old.deploy("1.1")
        old.deploy("1.2")
        (release,) = old.state.glob("releases/*-1.0")

        assert old.run("rollback", release.name)[0] == OK
        assert old.running() == {"1.0"}
        _status, listed = old.run("rollback", "--list")
        assert f"{release.name}  {pinned('1.0')}  <- current" in listed

    def test_to_a_release_that_does_not_come_up_returns(self, old: Yard) -> None:
        old.deploy("1.1")
        old.image("1.0", DOWN="worker")

        assert old.run("rollback")[0] == ROLLED_BACK
        assert (old.running(), old.named("current")) == ({"1.1"}, "1.1")

    def test_takes_an_interrupted_deploy_back(self, old: Yard) -> None:
        first = hanging(old, "1.1", "worker")
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate(timeout=PATIENCE)

        assert old.run("rollback")[0] == OK
        assert (old.running(), old.named("switching")) == ({"1.0"}, "")

    def test_without_an_earlier_release_does_nothing(self, old: Yard) -> None:
        assert old.run("rollback")[0] == NOTHING_SWITCHED
        assert old.run("rollback", "20200101T000000Z-0.1")[0] == NOTHING_SWITCHED


def test_old_releases_go_but_those_one_can_go_back_to_stay(old: Yard) -> None:
    for version in ("1.1", "1.2", "1.3"):
        assert old.run("deploy", old.image(version), version, DESK_RELEASES_KEPT="1")[0] == OK

    assert sorted(path.name.partition("-")[2] for path in old.state.glob("releases/*")) == ["1.2", "1.3"]


def test_backup_is_made_only_when_migrations_wait_and_without_one_nothing_is_switched(old: Yard) -> None:
    assert old.deploy("1.1", PENDING=1)[0] == NOTHING_SWITCHED  # nobody answers as PostgreSQL here
    assert "Backup failed" in old.log("1.1", "backup")
    assert old.deploy("1.2")[0] == OK


@pytest.mark.parametrize("name", ["deploy", "rollback", "compose", "backup", "restore", "drill", "prepare"])
def test_every_command_explains_itself(yard: Yard, name: str) -> None:
    status, said = yard.run(name, "--help")

    assert status == 0
    assert f"deploy/{name}" in said
    assert "set -euo pipefail" not in said


@pytest.mark.parametrize(
    "command", [("deploy",), ("deploy", "desk:1"), ("deploy", "desk:1", "1 0"), ("rollback", "--now"), ("restore",)]
)
def test_wrong_use_is_answered_with_the_explanation(yard: Yard, command: tuple[str, ...]) -> None:
    status, said = yard.run(*command)

    assert status == WRONG_USE
    assert "Exit status" in said


def test_without_settings_nothing_is_begun(yard: Yard) -> None:
    (yard.home / "desk.env").unlink()

    assert yard.deploy("1.0")[0] == NOTHING_SWITCHED
    assert not yard.state.exists()


def test_events_are_lines_of_json(old: Yard) -> None:
    line = (old.state / "releases.jsonl").read_text().splitlines()[-1]

    assert json.loads(line).keys() == {"at", "event", "release", "image"}
