"""Looking for secrets in the logs of a run: they are told by name and place, never by value."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

SECRET_NAME = re.compile(r"(KEY|KEYS|TOKEN|SECRET|PASSWORD|PEPPER)$")
SHORTEST = 8  # shorter ones stand in logs by chance


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What must not be logged: whatever is named as a secret, its parts, and the passwords in addresses."""
    found: dict[str, str] = {}
    for name, text in environment.items():
        if SECRET_NAME.search(name):
            parts = [text, *re.split(r"[,:]", text)]  # several keys; the id and the secret of a bot's token
            found |= {f"{name}[{number}]" if number else name: part for number, part in enumerate(parts)}
        elif "://" in text and (password := urlsplit(text).password):
            found[f"{name} (password)"] = unquote(password)
    return {name: text for name, text in found.items() if len(text) >= SHORTEST and not text.isdecimal()}


def leaks(secrets: Mapping[str, str], files: Iterator[Path]) -> list[str]:
    """Where which secret stands: ``web.log, line 12: SECRET_KEY``."""
    found = []
    for file in sorted(files):
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
            found += [f"{file.name}, line {number}: {name}" for name, text in secrets.items() if text in line]
    return found
