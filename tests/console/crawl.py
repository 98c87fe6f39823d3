"""Going through the console as somebody would: from page to page by its links."""

from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.test import Client
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve, reverse

EACH = 4  # so many rows of a list are opened: enough for the states that differ
TELLING = ("act", "state", "tab", "status", "window")  # what makes another page of the same address


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that was opened, or what came of sending one of its forms."""

    path: str
    view: str
    text: str
    status: int


class Leads(HTMLParser):
    """The links of a page, and its forms that change something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.forms: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith(("/", "?")):
            self.links.append(given["href"])
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append(given.get("action", ""))


def crawl(client: Client, *seeds: str, leave: Collection[str] = ()) -> Iterator[Visit]:
    """Open the seeds and what they lead to, a few of each kind; then send each kind of form once, empty."""
    waiting, seen, opened, forms = deque(seeds), set(seeds), Counter[tuple[str, ...]](), dict[str, str]()
    while waiting:
        path = waiting.popleft()
        view = view_of(path)
        kind = (view, *(f"{name}={value}" for name, value in parse_qsl(urlsplit(path).query) if name in TELLING))
        opened[kind] += 1
        if not view or view in leave or opened[kind] > EACH:
            continue
        visit = _visit(path, view, client.get(path))
        yield visit
        leads = Leads()
        leads.feed(visit.text)
        links = {_absolute(link, path): None for link in leads.links}
        waiting.extend(link for link in links if link not in seen)
        seen.update(links)
        for action in leads.forms:
            forms.setdefault(view_of(_absolute(action, path)), _absolute(action, path))
    for view, path in forms.items():
        if view not in leave:
            yield _visit(path, view, client.post(path))


def only_changes(client: Client, node: URLPattern, name: str) -> bool:
    """Whether a view is nothing to look at: it takes no GET."""
    made_up = dict.fromkeys(node.pattern.converters, "1")
    return client.get(reverse(name, kwargs=made_up)).status_code == HTTPStatus.METHOD_NOT_ALLOWED


def _visit(path: str, view: str, answer: Any) -> Visit:
    is_page = not answer.streaming and answer.headers.get("Content-Type", "").startswith("text/html")
    return Visit(path, view, answer.content.decode() if is_page else "", answer.status_code)


def view_of(path: str) -> str:
    """The name of the view at an address; nothing where there is none."""
    try:
        return resolve(urlsplit(path).path).view_name
    except Resolver404:
        return ""


def views(nodes: list[Any] | None = None, spaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    """Every view of the console by its name: those that ask for a capability."""
    for node in get_resolver().url_patterns if nodes is None else nodes:
        if isinstance(node, URLResolver):
            inner = (*spaces, node.namespace) if node.namespace else spaces
            yield from views(node.url_patterns, inner)
        elif getattr(node.callback, "console_capability", ""):
            yield ":".join((*spaces, node.name or "")), node


def _absolute(link: str, path: str) -> str:
    where = link or path
    return f"{urlsplit(path).path}{where}" if where.startswith("?") else where.partition("#")[0]
