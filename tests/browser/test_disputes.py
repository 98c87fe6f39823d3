"""Disputes as one handles them: with and without script, in every look, without a barrier."""

import pytest
from playwright.sync_api import Page, expect

from rfq.models import Dispute, Fill
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console import scene
from tests.factories import assigned, dispute, noted, resolved
from users.models import Role, User

WORDS = "The confirmation says 0.9213 and the receipt says otherwise."
REFUSED = (409, 422)


@pytest.fixture
def fill(db: None) -> Fill:
    scene.build(8)
    found: Fill = Fill.objects.select_related("accepted_by__counterparty", "rfq").earliest("pk")
    return found


def pages(fill: Fill, olga: User) -> list[str]:
    """The list, one that is handled, one that is over, and the form of a new one."""
    other = Fill.objects.select_related("accepted_by__counterparty").latest("pk")
    mine, over = assigned(dispute(fill, text=WORDS), olga), assigned(dispute(other, text=WORDS), olga)
    noted(mine, olga, WORDS, is_internal=True)
    noted(mine, fill.accepted_by, WORDS)
    resolved(over, olga, "rejected", WORDS)
    lists = ["/disputes/", "/disputes/?tab=all", "/disputes/?q=nobody"]
    details = [f"/disputes/{mine.ref}/", f"/disputes/{over.ref}/", f"/rfqs/{fill.rfq.ref}/"]
    return [*lists, *details, f"/fills/{fill.ref}/disputes/new/"]


@in_looks("en", "fa", names="language, look")
def test_the_pages_are_sound_in_every_look(opened: Opener, server: str, fill: Fill, look: str, language: str) -> None:
    olga = scene.person("olga", Role.OPS, language=language)
    page = sign_in(opened(**LOOKS[look]), olga, server)
    watch = Watcher(page)
    for path in pages(fill, olga):
        page.goto(path)
        watch.check()


def opens(page: Page, fill: Fill) -> None:
    page.goto(f"/rfqs/{fill.rfq.ref}/")
    page.get_by_role("link", name="Open a dispute").click()
    page.get_by_role("button", name="Open the dispute").click()
    expect(page.get_by_role("alert")).to_contain_text("Who disputes it: the client or the LP?")
    page.get_by_label("Who disputes it").select_option(index=1)
    page.get_by_label("What is wrong").select_option("price")
    page.get_by_label("What they say").fill(WORDS)
    page.get_by_role("button", name="Open the dispute").click()
    expect(page.get_by_role("status").filter(has_text="is open.")).to_be_visible()


@pytest.mark.parametrize("script", ["with script", "without"])
def test_one_is_opened_taken_noted_and_resolved(
    opened: Opener, server: str, olga: User, fill: Fill, script: str
) -> None:
    page = sign_in(opened(java_script_enabled=script != "without"), olga, server)
    watch = Watcher(page, expected=REFUSED) if script != "without" else None

    opens(page, fill)
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("Assigned to olga")).to_be_visible()
    page.get_by_role("textbox", name="Note").fill(WORDS)
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("The desk only").first).to_be_visible()
    page.get_by_label("Why").fill("short")
    page.get_by_role("button", name="Resolve for good").click()
    expect(page.get_by_role("alert")).to_contain_text("Outcome: choose one.")
    expect(page.get_by_label("Why")).to_have_value("short")
    if watch:
        watch.check()
    page.get_by_label("Outcome").select_option("agreed")
    page.get_by_label("Why").fill(WORDS)
    page.get_by_role("button", name="Resolve for good").click()
    expect(page.get_by_text("It is over and never changes again.")).to_be_visible()

    assert Dispute.objects.get().outcome == "agreed"
    if watch:
        watch.check()


def test_what_others_do_shows_by_itself_and_typed_words_stay(
    opened: Opener, server: str, olga: User, fill: Fill
) -> None:
    made = assigned(dispute(fill), olga)
    page = sign_in(opened(), olga, server)
    watch = Watcher(page, expected=REFUSED)
    page.goto(f"/disputes/{made.ref}/")
    page.get_by_role("textbox", name="Note").fill(WORDS)

    noted(made, fill.accepted_by, "We have found the confirmation, it is on its way.")
    expect(page.get_by_text("We have found the confirmation")).to_be_visible(timeout=12_000)
    expect(page.get_by_role("textbox", name="Note")).to_have_value(WORDS)

    resolved(made, olga)
    expect(page.locator("#live-detail").get_by_text("Resolved", exact=True)).to_be_visible(timeout=12_000)
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_role("alert")).to_contain_text("is over: Resolved")
    expect(page.get_by_role("textbox", name="Note")).to_have_value(WORDS)
    expect(page.get_by_role("button", name="Add the note")).to_be_disabled()
    watch.check()
