"""An auditor reviews the evidence in the Django admin: behind both factors, and without a way to change anything."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import Opener, sign_in
from tests.browser.test_approvals import fresh_code
from tests.browser.watch import Watcher
from tests.console import scene
from trading.lib import clock
from users import operations
from users.models import ApprovalRequest, AuditEvent, Role, User


@pytest.fixture
def audrey(db: None) -> User:
    return scene.person("audrey", Role.AUDITOR)


def test_an_auditor_signs_in_and_reads_an_event(opened: Opener, audrey: User) -> None:
    scene.authenticator(audrey)
    factories.carry("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    operations.seal_audit(now=clock.now())
    executed = AuditEvent.objects.filter(name="user.activated").latest("pk")
    page = opened().new_page()
    watch = Watcher(page)

    page.goto("/admin/users/auditevent/")
    page.get_by_label("Username").fill("audrey")
    page.get_by_label("Password").fill(scene.PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("One-time code").fill(fresh_code())
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page).to_have_url("/admin/users/auditevent/")
    page.get_by_role("textbox").first.fill(executed.subject_ref)
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row").filter(has_text="user.activated")
    row.get_by_role("link").first.click()
    content = page.locator("#content")
    for words in (executed.reason, "founder-b", '"status": "pending"', '"status": "active"'):
        expect(content).to_contain_text(words)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("link", name="Delete")).to_have_count(0)
    assert (watch.problems, page.evaluate("window.violations")) == ([], [])


def test_a_request_shows_what_was_decided_on(opened: Opener, server: str, audrey: User) -> None:
    done = factories.carry("user.reject", factories.newcomer("newcomer").ref)
    page = sign_in(opened(), audrey, server)
    watch = Watcher(page)

    page.goto(f"/admin/users/approvalrequest/{done.pk}/change/")

    content = page.locator("#content")
    for words in (bytes(done.digest).hex(), '"username": "newcomer"', "founder-b", "approve"):
        expect(content).to_contain_text(words)
    assert (watch.problems, page.evaluate("window.violations")) == ([], [])
    assert ApprovalRequest.objects.filter(status="executed", pk=done.pk).exists()


def test_others_are_turned_away(opened: Opener, server: str, olga: User) -> None:
    page = sign_in(opened(), olga, server)

    answer = page.goto("/admin/")

    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("main")).to_contain_text("Your roles do not allow this")
