"""
Every page of the console, found link by link from the dashboard as each of its people, in the looks that it has.

A page is a view with what makes another page of it (a tab, a state); of rows' own pages two are taken, since rows
differ. All with the eyes of whoever comes to them first.
"""

import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

from browser import PHONE, ROOT, WIDE, Window, settle, sign_in
from django.urls import Resolver404, resolve
from playwright.sync_api import Page, ViewportSize

from trading.sandbox.people import by_username

FOLDER = ROOT / ".local" / "gallery"
PEOPLE = ("olga", "amir", "adele", "audrey")
STRANGERS = ("/sign-in/", "/no/such/room/")
TELLING = ("act", "state", "tab", "status", "window")
ROWS = 2
NOT_LOOKED_AT = re.compile(r"^(sign-out|admin:|api|metrics|health|favicon)|(^|[:-])(export|file|print|csv|download)")


@dataclass(frozen=True, slots=True)
class Look:
    """A theme, a language (and so a direction), a size."""

    name: str
    scheme: str
    language: str
    size: ViewportSize


LOOKS = (
    Look("light", "light", "en", WIDE),
    Look("dark", "dark", "en", WIDE),
    Look("phone", "light", "en", PHONE),
    Look("light-rtl", "light", "fa", WIDE),
    Look("dark-rtl", "dark", "fa", WIDE),
    Look("phone-rtl", "dark", "fa", PHONE),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A page: the file's name, its address, who saw it."""

    name: str
    path: str
    person: str


def take(new_page: Window, settings: dict[str, str]) -> None:
    """Take them all, anew, and write the index."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    console, counts, found = settings["DESK_URL"], Counter[str](), list[Found]()
    for person in ("", *PEOPLE):
        page = new_page(WIDE)
        if person:
            sign_in(page, console, settings["SANDBOX_PASSWORD"], person)
        pages = list(_walk(page, console, person, counts, {one.path for one in found}))
        for language in ("en", "fa"):
            _speak(page, console, language, is_known=bool(person))
            for look in (look for look in LOOKS if look.language == language):
                _shoot(page, console, pages, look)
        if person:
            _speak(page, console, by_username(person).language, is_known=True)
        found += pages
        print(f"{person or 'a stranger'}: {len(pages)} pages")
        page.context.close()
    (FOLDER / "index.html").write_text(_index(found))
    print(f"{FOLDER.relative_to(ROOT)}/index.html: {len(found)} pages in {len(LOOKS)} looks")


def _walk(page: Page, console: str, person: str, counts: Counter[str], taken: set[str]) -> Iterator[Found]:
    """The pages that nobody before has seen (`counts` by kind, `taken` by address), in the order of their links."""
    waiting = deque(("/",) if person else STRANGERS)
    seen = set(waiting)
    opened = Counter[str]()
    while waiting:
        path = waiting.popleft()
        kind = _kind(path)
        if NOT_LOOKED_AT.search(kind) or opened[kind] >= ROWS:
            continue
        opened[kind] += 1
        answer = page.goto(console + path)
        if answer is None or not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        if path not in taken and counts[kind] < _wanted(path) and answer.ok is bool(_view(path)):
            counts[kind] += 1
            name = re.sub(r"[^a-z0-9]+", "-", f"{kind} {counts[kind]}".lower()).strip("-")
            yield Found(name, path, person)
        for link in _links(page, console) if person else ():
            if link not in seen:
                seen.add(link)
                waiting.append(link)


def _links(page: Page, console: str) -> list[str]:
    """Where the page leads within the console; paths with their query."""
    hrefs: list[str] = page.eval_on_selector_all(
        "a[href]:not([download])", "all => all.map(a => a.getAttribute('href'))"
    )
    whole = (urlsplit(urljoin(page.url, href)) for href in hrefs)
    own = (parts for parts in whole if parts.netloc == urlsplit(console).netloc)
    return [f"{parts.path}?{parts.query}" if parts.query else parts.path for parts in own]


def _view(path: str) -> str:
    try:
        return resolve(urlsplit(path).path).view_name
    except Resolver404:
        return ""


def _wanted(path: str) -> int:
    """How many of its kind: a row's page has something of the row in its address."""
    return ROWS if _view(path) and resolve(urlsplit(path).path).kwargs else 1


def _kind(path: str) -> str:
    told = [f"{name} {value}" for name, value in parse_qsl(urlsplit(path).query) if name in TELLING]
    return " ".join([_view(path) or "not found", *sorted(told)])


def _speak(page: Page, console: str, language: str, *, is_known: bool) -> None:
    """Choose the language where one does: the profile, or the list on the sign-in page."""
    page.goto(f"{console}/profile/" if is_known else f"{console}/sign-in/")
    if page.locator("html").get_attribute("lang") == language:
        return
    with page.expect_navigation():  # a form that the script sends is no navigation that a click waits for
        if is_known:
            form = page.locator("form", has=page.locator("[name=language]")).last
            form.locator("[name=language]").select_option(language)
            form.locator("button[type=submit]").click()
        else:
            page.locator(f"button[name=language][value={language}]").click()
    page.locator(f"html[lang={language}]").wait_for()


def _shoot(page: Page, console: str, pages: list[Found], look: Look) -> None:
    page.set_viewport_size(look.size)
    page.emulate_media(color_scheme="dark" if look.scheme == "dark" else "light")
    for one in pages:
        page.goto(console + one.path)
        settle(page)
        page.screenshot(path=_picture(one, look), type="jpeg", quality=80, full_page=True)


def _picture(found: Found, look: Look) -> Path:
    return FOLDER / f"{found.name}.{look.name}.jpg"


def _index(found: list[Found]) -> str:
    """All pictures on one page."""
    style = "img{width:15rem;height:12rem;object-fit:cover;object-position:top;margin:.25rem;border:1px solid #999}"
    sections = "".join(map(_section, found))
    return f"<!doctype html><meta charset=utf-8><title>The console's pages</title><style>{style}</style>{sections}"


def _section(one: Found) -> str:
    pictures = [(look.name, _picture(one, look).name) for look in LOOKS]
    shown = "".join(
        f'<a href="{name}"><img loading="lazy" src="{name}" alt="{one.name}, {look}"></a>' for look, name in pictures
    )
    whose = f"{one.person or 'a stranger'} {one.path}"
    return f"<section><h2>{one.name}</h2><p>{escape(whose)}</p>{shown}</section>"
