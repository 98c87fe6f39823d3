"""
A language nobody speaks: every message of the catalogues in full-width letters, and what a page says in any others.

A letter in its usual width was put into the page without asking the catalogue, or comes from data.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from string import ascii_letters

import pytest
from django.utils.translation.trans_real import DjangoTranslation

WIDE = {ord(letter): ord(letter) + 0xFEE0 for letter in ascii_letters}
# Places that are filled in, markup, character references: they stay as they are.
KEPT = re.compile(r"(%\(\w+\)[#0-9.,+-]*[a-z]|%[0-9.]*[a-z%]|\{[^}]*\}|<[^>]*>|&\w+;)")
LETTER = re.compile(r"[A-Za-z]")
SPOKEN = {"title", "aria-label", "aria-description", "aria-roledescription", "placeholder", "alt", "label", "data-l"}
SILENT = {"script", "style", "kbd", "code"}  # keys are called as on the keyboard; code is code
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "use"}


def widened(text: str) -> str:
    """The text in full-width letters; what is filled in later keeps its place."""
    parts = KEPT.split(text)
    return "".join(part if number % 2 else part.translate(WIDE) for number, part in enumerate(parts))


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything that asks the catalogue answered in wide letters, if Persian has an answer to it."""
    known = vars(DjangoTranslation("fa"))["_catalog"]

    def gettext(_self: object, message: str) -> str:
        return widened(message.rpartition("\x04")[2]) if known.get(message) else message

    def ngettext(_self: object, one: str, many: str, count: int) -> str:
        wanted = one if count == 1 else many
        return widened(wanted) if known.get((one, 0)) else wanted

    monkeypatch.setattr(DjangoTranslation, "gettext", gettext)
    monkeypatch.setattr(DjangoTranslation, "ngettext", ngettext)


@dataclass(frozen=True, slots=True)
class Said:
    """Something a page says, and where: the elements around it, or the attribute that says it."""

    text: str
    where: str


@dataclass
class Page(HTMLParser):
    """Reads a page: each of its texts, and each attribute that is read out or shown."""

    said: list[Said] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    english: int = 0  # the place in `inside` from which on everything is marked as English, and meant so

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        # What the page's script says stands in data attributes of these two.
        speaks = given.get("id") in {"live-region", "live"}
        for name, value in attrs:
            is_spoken = name in SPOKEN or (speaks and name.startswith("data-"))
            if is_spoken and value:
                self.said.append(Said(value, f"{self._place()} {tag}[{name}]"))
        if tag not in VOID:
            self.inside.append(tag)
            if given.get("lang") == "en" and tag != "html" and not self.english:
                self.english = len(self.inside)

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass
        if len(self.inside) < self.english:
            self.english = 0

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self.english and not SILENT.intersection(self.inside):
            self.said.append(Said(text, self._place()))

    def _place(self) -> str:
        return ">".join(self.inside[-3:])


def said_by(page: str) -> list[Said]:
    """All that a page says."""
    reader = Page()
    reader.feed(page)
    return reader.said


def untranslated(page: str, data: re.Pattern[str], words: Collection[str]) -> Iterator[Said]:
    """
    What a page says in letters that neither come from the catalogue nor are data.

    :param data: is data wherever it stands.
    :param words: are data where they are all that is said, or all of it between dots.
    """
    for said in said_by(page):
        if said.text in words:
            continue
        rest = [part.strip(" :,./") for part in data.sub("", said.text).split("·")]
        if any(LETTER.search(part) and part not in words for part in rest):
            yield said
