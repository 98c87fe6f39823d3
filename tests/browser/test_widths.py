"""Nothing has to be scrolled sideways: not on the narrowest screen, nor by somebody who magnifies twofold."""

from collections import defaultdict
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page

from tests import tiers
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS
from tests.console import crawl, scene, whole
from tests.console.conftest import verified_client
from users.models import User

WIDTHS: dict[str, dict[str, Any]] = {
    "320 px": {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True},
    "1440 px at 200 %": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
    "1280 px at 200 %": {"viewport": {"width": 640, "height": 360}, "device_scale_factor": 2},
}
TOO_WIDE = """() => {
    const root = document.documentElement;
    if (root.scrollWidth <= innerWidth) return "";
    const out = [...document.querySelectorAll("main *")].filter((one) => {
        const box = one.getBoundingClientRect();
        return (box.right > innerWidth + 1 || box.left < -1) && !one.closest(".tw, pre, .sr");
    });
    return `${root.scrollWidth} px in ${innerWidth}: ${out.slice(-1).map((one) => one.outerHTML.slice(0, 120))}`;
}"""
# Buttons, fields and what looks like a button; links in a text are as high as its lines.
TOO_SMALL = """(least) => [...document.querySelectorAll(".btn, select, .in, .nav a, .tabs a")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < least)
    .map((one) => one.outerHTML.slice(0, 100))"""
PERSIAN, ENGLISH = "fa", "en"
MATRIX = list(product(WIDTHS, (ENGLISH, PERSIAN)))
SAMPLE = [("320 px", PERSIAN), ("1440 px at 200 %", ENGLISH)]


def every_kind_of_page(reader: User) -> list[str]:
    """One address of each view that a walk through the console reaches."""
    client, found = verified_client(reader), defaultdict[str, str](str)
    for visit in crawl.crawl(client, "/", *whole.rare(), leave={"users:sign-out"}):
        if visit.text and visit.status == 200 and "<main" in visit.text:
            found.setdefault(visit.view, visit.path)
    return [path for path in found.values() if client.get(path).status_code == 200]  # some answer a form alone


def some_pages(built: scene.Scene) -> list[str]:
    settled = next(one for one in built.settlements if one.status == "settled")
    return [
        "/",
        "/rfqs/",
        f"/rfqs/{built.rfqs[1].ref}/",
        "/settlements/",
        f"/settlements/{settled.ref}/",
        "/approvals/?tab=decided",
        "/users/",
        "/alerts/rules/",
        "/ledger/",
        "/audit/",
        "/profile/",
    ]


def too_wide(page: Page, paths: list[str]) -> dict[str, str]:
    found = {}
    for path in paths:
        page.goto(path)
        if said := page.evaluate(TOO_WIDE):
            found[path] = said
    return found


@pytest.mark.parametrize(("width", "language"), tiers.sampled(MATRIX, *SAMPLE))
def test_no_page_is_wider_than_its_window(opened: Opener, server: str, width: str, language: str) -> None:
    if tiers.IS_LONG:
        reader = whole.build()
        paths = every_kind_of_page(reader)
        assert len(paths) > 60
    else:
        reader = scene.person("rita", "ops", "auditor", "admin")
        paths = some_pages(scene.build(8))
    User.objects.filter(pk=reader.pk).update(language=language)
    page = sign_in(opened(**WIDTHS[width]), User.objects.get(pk=reader.pk), server)

    assert too_wide(page, paths) == {}
    assert page.evaluate("document.documentElement.lang") == language


@pytest.mark.parametrize("width", tiers.sampled(list(WIDTHS), "320 px"))
def test_the_sign_in_is_not_wider_than_its_window(opened: Opener, olga: User, width: str) -> None:
    page = opened(**WIDTHS[width]).new_page()
    assert too_wide(page, ["/sign-in/", "/sign-in/new-password/"]) == {}


@pytest.mark.parametrize(("look", "least"), tiers.sampled([("light", 24), ("phone", 44)], ("phone", 44)))
def test_what_one_presses_is_large_enough(opened: Opener, server: str, olga: User, look: str, least: int) -> None:
    built = scene.build(8)
    page = sign_in(opened(**LOOKS[look]), olga, server)
    small = {}
    for path in some_pages(built):
        page.goto(path)
        small[path] = page.evaluate(TOO_SMALL, least)
    assert {path: found for path, found in small.items() if found} == {}
