"""A real Chromium before a real server: gunicorn, built static files, the test database."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.server import ROOT, START_SECONDS, DeskServer, built_static_files
from tests.browser.watch import Watcher
from tests.console import scene
from tests.console.conftest import verified_client
from users.models import Role, User
from users.sessions import SessionStore

type Opener = Callable[..., BrowserContext]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser, so that it can be left out."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


@pytest.fixture(scope="package")
def static_root(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as they are served in production, in a folder of this run."""
    return built_static_files(tmp_path_factory.mktemp("static"))


@pytest.fixture(scope="package")
def server(django_db_setup: None, django_db_blocker: Any, static_root: Path) -> Iterator[str]:
    """The address of a desk that runs on the test database."""
    desk = DeskServer(static_root)
    desk.start()
    try:
        yield desk.url
    finally:
        desk.stop()
        with django_db_blocker.unblock():
            _wait_until_alone()


@pytest.fixture(scope="package")
def chromium(server: str) -> Iterator[Browser]:
    """
    One Chromium for all tests of this folder, and no longer.

    Playwright keeps an event loop in the thread of the tests. Django would take it for asynchronous
    code, and other tests could not start loops of their own.
    """
    path = os.environ.get("CHROMIUM") or _found_by_bin_browser()
    if not path:
        pytest.skip("no Chromium here: see what `bin/browser` says")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield browser
        browser.close()
        connections.close_all()  # Django keeps those it opened beside a running loop apart from the others


@pytest.fixture
def opened(chromium: Browser, server: str, db: None) -> Iterator[Opener]:
    """Open browser windows, each with its own cookies; they close before the database is swept."""
    contexts: list[BrowserContext] = []

    def opener(**options: Any) -> BrowserContext:
        context = chromium.new_context(**{"base_url": server, "viewport": {"width": 1440, "height": 900}} | options)
        contexts.append(context)
        return context

    yield opener
    for context in contexts:
        context.close()


@pytest.fixture
def olga(db: None) -> User:
    """Operations."""
    return scene.person("olga", Role.OPS)


@pytest.fixture
def amir(db: None) -> User:
    """An approver who reads Persian."""
    return scene.person("amir", Role.APPROVER, language="fa")


@pytest.fixture
def page(opened: Opener) -> Page:
    """An empty window of a stranger."""
    return opened().new_page()


@pytest.fixture
def watch(page: Page) -> Watcher:
    """What goes wrong in `page` unseen."""
    return Watcher(page)


def sign_in(context: BrowserContext, user: User, server: str) -> Page:
    """Open a window in which the user has given both factors already."""
    session = verified_client(user).session
    assert isinstance(session, SessionStore)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session.session_key or "", "url": server}])
    return context.new_page()


def _wait_until_alone() -> None:
    """The database can be dropped only when the server's connections have gone, which takes it a moment."""
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    limit = time.monotonic() + START_SECONDS
    with connections["default"].cursor() as cursor:
        while cursor.execute(others).fetchone()[0] and time.monotonic() < limit:
            time.sleep(0.1)


def _found_by_bin_browser() -> str:
    found = subprocess.run([ROOT / "bin/browser"], capture_output=True, text=True, check=False, timeout=300)
    return found.stdout.strip()
