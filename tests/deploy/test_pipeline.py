"""The pipeline: what it may do, that it calls what is here, and that a planted fault makes its stage fail."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
VULNERABLE, ADVISORY = "gunicorn", "GHSA-plan-ted0-pin0"
CLEAN, FOUND, UNASKED = 0, 1, 3
BEFORE_THE_LINT = 105  # migrations


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return found


def audit(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "bin" / "audit", *arguments],
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def zizmor(workflow: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / ".venv" / "bin" / "zizmor"), "--offline", "--no-progress", str(workflow)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@contextmanager
def advisories(vulnerable: Sequence[str]) -> Iterator[str]:
    """A service of advisories, as far as it is asked here: these packages have one fault, all others none."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            known = (
                [{"id": ADVISORY, "summary": "planted", "affected": [], "aliases": []}] if name in vulnerable else []
            )
            body = json.dumps({"vulns": known} if known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()


def test_nothing_may_more_than_it_needs(jobs: dict[str, Any]) -> None:
    whole = yaml.safe_load(WORKFLOW.read_text())
    assert whole["permissions"] == {}
    for name, job in jobs.items():
        assert job["permissions"] == {"contents": "read"}, name
        assert 0 < job["timeout-minutes"] <= 60, name
        uses = [step for step in job["steps"] if "uses" in step]
        assert uses, name
        for step in uses:
            assert PINNED.fullmatch(step["uses"]), step
            if step["uses"].startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    deploy = jobs["deploy"]
    assert deploy["environment"] == "production"
    assert deploy["concurrency"] == {"group": "production", "cancel-in-progress": False}


def test_what_is_deployed_went_through_every_stage(jobs: dict[str, Any]) -> None:
    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*(before(one) for one in direct))

    assert before("deploy") == set(jobs) - {"deploy"}


def test_jobs_call_what_is_here(jobs: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    called = {target for command in commands for target in re.findall(r"\bmake ([a-z-]+)", command)}
    assert {"lint", "types", "contracts", "docs-lint", "test-backend", "test-browser", "audit"} <= called <= targets
    scripts = {ROOT / found for command in commands for found in re.findall(r"\bdeploy/[a-z]+(?= )", command)}
    assert ROOT / "deploy" / "remote" in scripts
    assert all(script.exists() for script in scripts if script.name != "Dockerfile")


def test_a_planted_injection_fails_the_lint_of_workflows(tmp_path: Path) -> None:
    assert zizmor(WORKFLOW).returncode == CLEAN

    planted = tmp_path / "ci.yml"
    text = WORKFLOW.read_text()
    planted.write_text(text.replace("run: make docs-lint", 'run: echo "${{ github.event.pull_request.title }}"'))
    assert planted.read_text() != text
    told = zizmor(planted)
    assert told.returncode != CLEAN
    assert "template-injection" in told.stdout


def lint_migrations(sql: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bin" / "lint-migrations"), str(sql)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ('alter table rfq_fill drop column "price"', "ban-drop-column"),
        ("create index late on settlement_entry (amount)", "require-concurrent-index-creation"),
        ("alter table rfq_quote alter column side type text", "changing-column-type"),
        ("alter table users_user add constraint one unique (status)", "disallowed-unique-constraint"),
    ],
)
def test_a_planted_unsafe_migration_fails_the_lint_of_migrations(tmp_path: Path, statement: str, rule: str) -> None:
    planted = tmp_path / "planted.sql"
    planted.write_text(f"begin;\n{statement};\ncommit;\n")
    told = lint_migrations(planted)
    assert (told.returncode, f"{planted}: {rule}: " in told.stdout) == (FOUND, True), told

    planted.write_text("create index concurrently late on settlement_entry (amount);\n")
    assert lint_migrations(planted).returncode == CLEAN


def test_what_no_lint_has_seen_is_what_was_there_before_it_and_no_more() -> None:
    known = (ROOT / "deploy" / "migrations-known.txt").read_text().split()
    there = {f"{path.parts[-3]}.{path.stem}" for path in ROOT.glob("*/migrations/0*.py")}
    assert len(known) == len(set(known)) == BEFORE_THE_LINT
    assert set(known) <= there


def test_a_planted_vulnerable_pin_fails_the_audit(tmp_path: Path) -> None:
    with advisories([VULNERABLE]) as url:
        told = audit("production", AUDIT_OSV_URL=url)
        assert (told.returncode, f"{VULNERABLE} " in told.stdout, ADVISORY in told.stdout) == (FOUND, True, True), told

        allowed = tmp_path / "allowed.toml"
        allowed.write_text(f'[[allowed]]\nid = "{ADVISORY}"\nreason = "for a while"\nuntil = 2020-01-01\n')
        told = audit("production", AUDIT_OSV_URL=url, AUDIT_ALLOWED=str(allowed))
        assert (told.returncode, "was allowed until 2020-01-01" in told.stdout) == (FOUND, True), told


def test_an_audit_that_cannot_ask_is_no_clean_one() -> None:
    told = audit("production", AUDIT_OSV_URL="http://127.0.0.1:9/v1/query")

    assert told.returncode == UNASKED
    assert "production COULD NOT BE CHECKED" in told.stderr


def test_an_audit_without_findings_is_clean() -> None:
    with advisories([]) as url:
        told = audit("production", AUDIT_OSV_URL=url)

    assert (told.returncode, told.stdout) == (CLEAN, "audit: production: nothing found\n"), told


def test_a_planted_secret_fails_the_audit() -> None:
    planted = ROOT / "tests" / "deploy" / "planted.txt"
    key = "AKIA" + "IOSFODNN7" + "EXAMPL3"  # in pieces, so that it is none here
    planted.write_text(f"aws_access_key_id = {key}\n")
    try:
        told = audit("secrets", "tests/deploy/planted.txt")
    finally:
        planted.unlink()

    assert told.returncode == FOUND, told
    assert "tests/deploy/planted.txt:1: AWS Access Key" in told.stdout
    assert audit("secrets", "Makefile").returncode == CLEAN


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("License-Expression: MIT", CLEAN),
        ("License-Expression: Apache-2.0 OR GPL-2.0-only", CLEAN),
        ("License-Expression: MIT AND AGPL-3.0-or-later", FOUND),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", FOUND),
        ("Summary: says nothing", FOUND),
    ],
)
def test_a_planted_licence_fails_the_lint(tmp_path: Path, said: str, status: int) -> None:
    about = tmp_path / "planted-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: planted\nVersion: 1.0\n{said}\n")
    lock = tmp_path / "lock.txt"
    lock.write_text("planted==1.0 \\\n    --hash=sha256:00\n")
    told = subprocess.run(
        [sys.executable, ROOT / "bin" / "licences", lock],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert (told.returncode, "not accepted: planted" in told.stderr) == (status, status == FOUND), told


def program(name: str) -> Any:
    """One of the programs of `bin`, as a module."""
    loader = SourceFileLoader(name.replace("-", "_"), str(ROOT / "bin" / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def done(status: int, stdout: str = "", stderr: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], status, stdout, stderr)


def test_of_a_npm_package_only_what_is_allowed_is_borne_with(monkeypatch: pytest.MonkeyPatch) -> None:
    module = program("audit")
    vias = [{"url": "https://advisories.example/GHSA-allowed"}, {"url": "https://advisories.example/GHSA-new"}]
    report = {
        "vulnerabilities": {
            "one": {"severity": "critical", "via": vias},
            "other": {"severity": "high", "via": ["one"]},
            "small": {"severity": "low", "via": vias[1:]},
            "known": {"severity": "high", "via": vias[:1]},
        }
    }
    monkeypatch.setattr(module, "permissions", lambda: ({"GHSA-allowed"}, []))
    monkeypatch.setattr(
        module, "run", lambda *command, **_rest: done(1, json.dumps(report) if "npm" in command else "")
    )

    assert module.npm() == ["one: critical: GHSA-new"]


def test_what_is_kept_must_be_known_to_look_for_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    module = program("audit")
    monkeypatch.setattr(module, "run", lambda *_command, **_rest: done(128, stderr="dubious ownership"))

    with pytest.raises(module.Unasked, match="dubious ownership"):
        module.secrets()


def test_a_lint_of_migrations_that_was_cut_off_is_no_clean_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = program("lint-migrations")
    monkeypatch.setattr(module.subprocess, "run", lambda *_command, **_rest: done(-9))

    with pytest.raises(SystemExit, match="did not read it"):
        module.findings("alter table rfq_fill drop column price", {})


def test_an_unknown_part_is_refused() -> None:
    assert audit("producton").returncode == 64


def test_the_images_recipe_is_read(tmp_path: Path) -> None:
    recipe = tmp_path / "Dockerfile"
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    hadolint = [str(ROOT / ".venv" / "bin" / "hadolint"), "--no-color", str(recipe)]

    recipe.write_text(text)
    assert subprocess.run(hadolint, check=False).returncode == 0
    recipe.write_text(f"{text}RUN curl -s https://example.org/install | sh\n")
    planted = subprocess.run(hadolint, check=False, capture_output=True, text=True)

    assert planted.returncode == 1
    assert "DL4006" in planted.stdout


FAULT = {
    "VulnerabilityID": "CVE-plan-ted",
    "PkgName": "libssl3",
    "InstalledVersion": "3.0.1",
    "FixedVersion": "3.0.2",
    "Severity": "CRITICAL",
}


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        (
            json.dumps({"Results": [{"Vulnerabilities": [FAULT]}]}),
            FOUND,
            "libssl3 3.0.1: CVE-plan-ted, critical",
        ),
        ('{"Results": [{"Target": "debian"}]}', CLEAN, "nothing found"),
        ("no database could be fetched", UNASKED, "COULD NOT BE CHECKED"),
        ("{}", UNASKED, "COULD NOT BE CHECKED"),
    ],
)
def test_a_finished_image_is_looked_at(tmp_path: Path, said: str, status: int, told: str) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\necho \"$@\" >>{tmp_path}/calls\ncase $1 in run) echo '{said}' ;; esac\n")
    docker.chmod(0o755)

    done = audit("image", "registry.example/desk:1", PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert done.returncode == status
    assert told in done.stdout + done.stderr
    calls = (tmp_path / "calls").read_text()
    assert "docker.sock" not in calls
    assert "--severity HIGH,CRITICAL" in calls


def test_an_image_that_is_nowhere_is_no_clean_one(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'no such image' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)

    done = audit("image", "registry.example/desk:1", PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert done.returncode == UNASKED
    assert "no such image" in done.stderr
