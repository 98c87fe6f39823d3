"""The documents point at what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
REPO_FILE = re.compile(r"[\w.-]+(/[\w.-]+)+\.(py|md|html)")
REPO_FOLDER = re.compile(r"[\w-][\w.-]*(/[\w.-]+)*/")
FOREIGN = ("http://", "https://", "mailto:")
NOT_IN_A_CLONE = ("node_modules/", "staticfiles/")


def prose(document: Path) -> str:
    """The text without its code blocks."""
    return FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """The names that headings can be linked by: lower case, no punctuation, blanks as hyphens."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(document)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken_links(document: Path) -> list[str]:
    """Relative links to files or headings that do not exist."""
    broken = []
    for link in LINK.findall(CODE.sub("", prose(document))):
        if link.startswith(FOREIGN):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_paths(document: Path) -> list[str]:
    """Paths of this repository, written in backticks, that do not exist."""
    named = [text for text in CODE.findall(prose(document)) if REPO_FILE.fullmatch(text) or REPO_FOLDER.fullmatch(text)]
    places = (ROOT, document.parent)
    return [
        name
        for name in named
        if not name.startswith(NOT_IN_A_CLONE) and not any((place / name).exists() for place in places)
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document_points_at_what_exists(document: Path) -> None:
    assert broken_links(document) == []
    assert missing_paths(document) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        paths = [link.partition("#")[0] for link in LINK.findall(prose(page)) if not link.startswith(FOREIGN)]
        targets = [(page.parent / path).resolve() for path in paths]
        waiting += [one for target in targets for one in (target, target / "README.md") if one in DOCUMENTS]

    assert set(DOCUMENTS) - reached == set()


def test_broken_links_and_paths_are_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# One heading\n\n[there](page.md#one-heading) [gone](gone.md) [nowhere](page.md#two) "
        "[far](https://example.org/x.md)\n\n`users/audit.py` `users/gone.py` `users/` `gone/` `/health/live`\n\n"
        "```sh\ncat users/also_gone.py\n```\n"
    )

    assert broken_links(document) == ["gone.md", "page.md#two"]
    assert missing_paths(document) == ["users/gone.py", "gone/"]
