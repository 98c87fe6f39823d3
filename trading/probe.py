"""
What a container's health check and a deployment ask: whether a process is well, and of which version it is.

`python -m trading.probe WHAT` prints the version (or `alive`) and ends with 0, or says what is wrong and ends with 1.
It stands on the standard library alone, because it runs every few seconds beside the process that it asks.
"""

import argparse
import http.client
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trading.sandbox.localenv import value

PORT = 9090
PATIENCE_SECONDS = 5
OLDEST_SIGN_SECONDS = 15
OK = "ok"
OF_THE_WEB = ("database", "migrations")  # workers and the bot are not this process's business
OF_THE_DESK = (*OF_THE_WEB, "worker", "bot")
STYLESHEET = re.compile(r'<link[^>]+href="(/static/[^"]+\.css)"')


class Unwell(Exception):
    """What is wrong, in a few words."""


def web() -> str:
    """Whether this web answers, reaches the database, and has its migrations applied."""
    return _version(OF_THE_WEB)


def desk() -> str:
    """Whether the whole desk works: a worker and the bot were heard, too."""
    return _version(OF_THE_DESK)


def pages() -> str:
    """Whether the page of the sign-in comes with its form, and its styles come, too."""
    page = _get("/sign-in/")
    found = STYLESHEET.search(page)
    if found is None or "csrfmiddlewaretoken" not in page:
        raise Unwell("the page of the sign-in has no form or no styles")
    _get(found[1])
    return OK


def alive() -> str:
    """Whether the process that writes `ALIVE_FILE` did so lately."""
    age = time.time() - Path(value("ALIVE_FILE")).stat().st_mtime
    if age > OLDEST_SIGN_SECONDS:
        raise Unwell(f"no sign of life for {age:.0f} s")
    return "alive"


LOOKS: dict[str, Callable[[], str]] = {"web": web, "desk": desk, "pages": pages, "alive": alive}


def _version(needed: tuple[str, ...]) -> str:
    told = _health()
    if "version" not in told:
        raise Unwell("the web does not say its version: METRICS_TOKEN is not set, or not the one it was started with")
    wrong = [f"{name}: {told['checks'].get(name)}" for name in needed if told["checks"].get(name) != OK]
    if wrong:
        raise Unwell("; ".join(wrong))
    return str(told["version"])


def _health() -> Any:
    return json.loads(_ask("/health")[1])


def _get(path: str) -> str:
    status, text = _ask(path)
    if status != http.client.OK:
        raise Unwell(f"{path} answers {status}")
    return text


def _ask(path: str) -> tuple[int, str]:
    """As the proxy asks: by the desk's name, over https as far as the web can tell."""
    host = urlsplit(value("DESK_URL")).hostname or "localhost"
    headers = {"Host": host, "X-Forwarded-Proto": "https", "Authorization": f"Bearer {value('METRICS_TOKEN')}"}
    connection = http.client.HTTPConnection("127.0.0.1", int(value("DESK_PORT") or PORT), timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def main() -> None:
    """Look at what the command line names."""
    parser = argparse.ArgumentParser(prog="trading.probe", description=__doc__)
    parser.add_argument("what", choices=sorted(LOOKS))
    what = parser.parse_args().what
    try:
        print(LOOKS[what]())  # noqa: T201 - a program for programs
    except (OSError, ValueError, http.client.HTTPException, Unwell) as error:
        sys.exit(f"{what}: {str(error) or type(error).__name__}")


if __name__ == "__main__":
    main()
