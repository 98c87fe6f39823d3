"""The ledger's pages in a browser: sound in every look and language, on a phone, and without script."""

import csv

import pytest
from playwright.sync_api import expect

from settlement.models import Journal
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console import scene
from users.models import User


def pages() -> list[str]:
    key = Journal.objects.filter(subject__startswith="STL-").latest("pk").key
    return [
        "/ledger/",
        "/ledger/?kind=hot",
        "/ledger/?q=nobody",
        "/ledger/accounts/bank:EUR/?since=2020-01-01",
        "/ledger/journals/",
        f"/ledger/journals/{key}/",
        "/ledger/trial-balance/",
    ]


@in_looks("olga", "amir")
def test_the_ledger_is_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    scene.build(4)
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)
    for url in pages():
        page.goto(url)
        watch.check()


def test_the_ledger_is_read_without_script_on_a_phone(opened: Opener, server: str, olga: User) -> None:
    scene.build(4)
    page = sign_in(opened(java_script_enabled=False, viewport={"width": 390, "height": 844}), olga, server)

    page.goto("/")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Ledger", exact=True).click()
    page.get_by_label("Kind").select_option("bank")
    page.get_by_label("Asset").select_option("EUR")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("[data-row]")).to_have_count(1)
    page.get_by_role("link", name="bank:EUR").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    with download.value.path().open(newline="") as file:
        entries = list(csv.DictReader(file))
    assert len(entries) == page.locator("[data-row]").count() > 0
    page.get_by_role("link", name=entries[-1]["journal"]).click()
    expect(page.get_by_role("heading", name=entries[-1]["journal"])).to_be_visible()
    expect(page.get_by_text("Balanced").first).to_be_visible()
    page.goto("/ledger/trial-balance/")
    page.get_by_label("As of (UTC)").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing was posted by then.")).to_be_visible()
