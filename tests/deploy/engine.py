"""Images without a registry, and the desk's compose file for an engine that has no network of its own."""

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.yard import DEPLOY, SERVICES

# A program that stands in for the desk in its containers: it takes the same commands, and answers the same probe.
TOY = """#!/bin/sh
case "$1" in
    web | worker | bot)
        [ -r /run/secrets/secret_key ] || exit 66
        touch /run/desk/alive || exit 73
        if touch /written 2>/dev/null; then exit 77; fi
        [ "${LOOP:-}" != "$1" ] || { sleep 1; exit 70; }
        trap 'exit 0' TERM
        while :; do sleep 0.1; done
        ;;
    manage) [ "${3:-}" != "${FAIL:-none}" ] ;;
    -m)
        [ "${DOWN:-}" != "$3" ] || { echo "$3: not well"; exit 1; }
        case "$3" in pages) echo ok ;; alive) echo alive ;; *) echo "$VERSION" ;; esac
        ;;
esac
"""
PROGRAMS = ("sh", "sleep", "touch")
APPLICATION = {*SERVICES, "tools"}


def docker(*arguments: str, **more: Any) -> str:
    """What Docker answers."""
    return str(subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, **more).stdout)


def libraries(program: str) -> set[str]:
    """The shared libraries that a program loads, its loader too."""
    told = subprocess.run(["ldd", program], check=False, capture_output=True, text=True).stdout
    return {word for word in told.split() if word.startswith("/")}


def root_file_system(programs: Iterable[str]) -> bytes:
    """Pack these programs of this machine with what they load, and the toy."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        paths = {program: shutil.which(program) or program for program in programs}
        for program, path in paths.items():
            tar.add(os.path.realpath(path), f"bin/{program}")
        for library in {library for path in paths.values() for library in libraries(path)}:
            tar.add(os.path.realpath(library), library.lstrip("/"))
        for name in ("bin/python", "bin/toy"):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, len(TOY)
            tar.addfile(entry, io.BytesIO(TOY.encode()))
        for name in ("run/secrets", "run/desk", "tmp", "data"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return packed.getvalue()


def toy(packed: bytes, tag: str, **variables: str) -> str:
    """An image of the toy that behaves so."""
    changes = [f"ENV {name}={text}" for name, text in {"PATH": "/bin", **variables}.items()]
    changes += ['ENTRYPOINT ["/bin/toy"]', 'CMD ["web"]']
    options = [part for change in changes for part in ("--change", change)]
    subprocess.run(["docker", "import", *options, "-", tag], input=packed, check=True, capture_output=True)
    return tag


def without_network(given: dict[str, Any]) -> dict[str, Any]:
    """
    The same compose file for an engine without networks; what is not the desk's own is the toy, too.

    All that guards a container stays: user, read-only root, capabilities, secrets, limits.
    """
    given = {**given, "services": {name: dict(one) for name, one in given["services"].items()}}
    for name, service in given["services"].items():
        for key in ("networks", "ports"):
            service.pop(key, None)
        service["network_mode"] = "none"
        if "healthcheck" in service and "test" in service["healthcheck"]:
            service["healthcheck"] = {**service["healthcheck"], "interval": "1s", "start_period": "2s", "retries": 3}
        if name not in APPLICATION:
            service["image"] = "toy:around"
            service["command"] = ["bot"]
            service["healthcheck"] = {
                **service["healthcheck"],
                "test": ["CMD", "python", "-m", "trading.probe", "alive"],
            }
            service["tmpfs"] = ["/run/desk"]
            service["secrets"] = [*service.get("secrets", []), "secret_key"]
            service["user"] = "0:0"
    del given["networks"]
    return given


def lay_out(home: Path) -> Path:
    """A copy of `deploy/` for this engine, prepared."""
    place = home / "deploy"
    shutil.copytree(DEPLOY, place, ignore=shutil.ignore_patterns("secrets", "state", "backups", "desk.env"))
    given = yaml.safe_load((place / "compose.yaml").read_text())
    (place / "compose.yaml").write_text(yaml.safe_dump(without_network(given), sort_keys=False))
    subprocess.run([place / "prepare"], check=True, capture_output=True)
    return place
