"""Two people at two windows: one proposes, the other decides."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console import scene
from tests.console.codes import STEP, code
from tests.users.keys import collected
from users.models import ApprovalRequest, Role, User

REASON = "Passport and registry extract were compared by me."
REFUSED = (403, 404, 409, 422, 429)


@pytest.fixture
def adele(db: None) -> User:
    """An approver who reads English."""
    return scene.person("adele", Role.APPROVER)


def fresh_code() -> str:
    """A code with some seconds to live."""
    left = STEP - time.time() % STEP
    if left < 6:
        time.sleep(left + 0.2)
    return code(scene.TOTP_KEY)


def propose_approval(page: Page, newcomer: User, nominee: str) -> None:
    page.goto("/users/?status=pending")
    page.get_by_role("link", name=newcomer.username).click()
    page.get_by_role("link", name="Approve user").click()
    page.get_by_label("Operations").check()
    page.get_by_label("Reason").fill("Registry extract and passport are complete.")
    page.get_by_label("Secondary approver").select_option(label=nominee)
    page.get_by_label("One-time code").fill(fresh_code())
    page.get_by_role("button", name="Propose").click()


@pytest.mark.parametrize("script", ["with script", "without"])
def test_one_proposes_and_the_other_decides(opened: Opener, server: str, olga: User, adele: User, script: str) -> None:
    newcomer = factories.newcomer("newcomer")
    olgas = sign_in(opened(java_script_enabled=script != "without"), olga, server)
    watch = Watcher(olgas, expected=REFUSED) if script != "without" else None

    propose_approval(olgas, newcomer, "Adele (adele)")

    expect(olgas.get_by_role("status").filter(has_text="is proposed")).to_be_visible()
    expect(olgas.get_by_text("Your proposal").first).to_be_visible()
    expect(olgas.get_by_role("button", name="Withdraw")).to_be_visible()
    expect(olgas.get_by_role("button", name="Approve")).to_have_count(0)
    if watch:
        watch.check()

    adeles = sign_in(opened(java_script_enabled=script != "without"), adele, server)
    watch = Watcher(adeles, expected=REFUSED) if script != "without" else None
    adeles.goto("/approvals/")
    adeles.get_by_role("link", name="newcomer").click()
    adeles.get_by_label("Reason").fill("ok looks fine")
    adeles.get_by_label("One-time code").fill(fresh_code())
    adeles.get_by_role("button", name="Approve").click()

    summary = adeles.get_by_role("alert")
    expect(summary).to_contain_text("write at least 20 characters")
    expect(adeles.get_by_label("Reason")).to_have_value("ok looks fine")
    expect(adeles.get_by_label("One-time code")).to_have_value("")
    if watch:
        expect(summary).to_be_focused()
        watch.check()

    adeles.get_by_label("Reason").fill(REASON)
    adeles.get_by_label("One-time code").fill(fresh_code())
    adeles.get_by_role("button", name="Approve").click()

    outcome = adeles.get_by_role("status").filter(has_text="newcomer is now Active.")
    expect(outcome).to_be_visible()
    if watch:
        expect(outcome).to_be_focused()
        watch.check()
    newcomer.refresh_from_db()
    assert newcomer.status == "active"
    assert newcomer.secondary_approver == adele


def test_who_comes_second_reads_who_decided_and_keeps_the_text(opened: Opener, server: str, adele: User) -> None:
    factories.founders()
    asked = factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    page = sign_in(opened(), adele, server)
    watch = Watcher(page, expected=REFUSED)
    page.goto(f"/approvals/{asked.ref}/")
    page.get_by_label("Reason").fill(REASON)
    factories.decide(asked, verdict="decline")

    page.get_by_label("One-time code").fill(fresh_code())
    page.get_by_role("button", name="Approve").click()

    note = page.get_by_role("alert")
    expect(note).to_contain_text("Already decided: founder-b Declined")
    expect(note).to_contain_text(factories.REASON)
    expect(note).to_be_focused()
    expect(page.get_by_label("Reason")).to_have_value(REASON)
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(page.get_by_role("button", name="Decline")).to_be_disabled()
    watch.check()


def test_the_server_refuses_the_proposer_whatever_the_page_shows(opened: Opener, server: str, olga: User) -> None:
    factories.founders()
    asked = factories.propose("user.reject", factories.newcomer("newcomer").ref, by=olga)
    page = sign_in(opened(), olga, server)
    page.goto(f"/approvals/{asked.ref}/")

    answer = page.evaluate(
        """async ([url, digest, token]) => {
            const body = new FormData(document.querySelector("#panel form"));
            for (const [name, value] of Object.entries({verdict: "approve", digest, otp_token: token,
                reason: "I would like to approve my own proposal."})) body.set(name, value);
            const answer = await fetch(url, {method: "POST", body});
            return [answer.status, await answer.text()];
        }""",
        [f"/approvals/{asked.ref}/decision/", bytes(asked.digest).hex(), fresh_code()],
    )

    assert answer[0] == 403
    assert "You proposed this. A different person has to decide." in answer[1]


def test_the_list_tells_of_a_decision_by_itself(opened: Opener, server: str, adele: User) -> None:
    factories.founders()
    asked = factories.propose("user.reject", factories.newcomer("newcomer").ref)
    page = sign_in(opened(), adele, server)
    page.goto("/approvals/")
    expect(page.locator(f"#row-{asked.ref}")).to_be_visible()

    factories.decide(asked)

    expect(page.get_by_text("Nothing waits for your decision.")).to_be_visible(timeout=8000)


def test_the_decision_is_in_sight_without_scrolling(opened: Opener, server: str, adele: User) -> None:
    factories.founders()
    asked = factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    page = sign_in(opened(), adele, server)
    page.goto(f"/approvals/{asked.ref}/")

    for name in ("Approve", "Decline"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)


@in_looks("adele", "amir")
def test_rooms_of_dual_control_are_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    olga: User = request.getfixturevalue("olga")
    newcomer = factories.newcomer("newcomer", of=factories.counterparty("client", "Pars Export Co."))
    asked = factories.propose("user.approve", newcomer.ref, by=olga, roles=["trader"])
    leo = factories.user("lp", username="leo")
    key, _text = collected(leo)
    mine = scene.person("ada", Role.ADMIN, Role.OPS, Role.AUDITOR, language=user.language)
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)
    for room in ("/approvals/", f"/approvals/{asked.ref}/", "/approvals/?tab=decided", "/policies/"):
        page.goto(room)
        watch.check()
    page = sign_in(opened(**LOOKS[look]), mine, server)
    watch = Watcher(page)
    done = ApprovalRequest.objects.filter(status="executed").latest("pk")
    assert newcomer.counterparty is not None
    for room in (
        f"/approvals/{done.ref}/?tab=decided",
        "/users/",
        "/users/new/",
        f"/users/{newcomer.ref}/?act=user.approve",
        f"/users/{olga.ref}/?act=role.grant",
        f"/users/{olga.ref}/scope/",
        f"/users/{leo.ref}/?act=key.issue",
        f"/users/{leo.ref}/keys/{key.ref}/revocation/",
        "/counterparties/",
        f"/counterparties/{newcomer.counterparty.ref}/",
        "/policies/user.approve/",
        "/flags/",
        "/audit/?q=approval",
    ):
        page.goto(room)
        watch.check()
    page.locator("[data-row] a.p").first.click()
    page.wait_for_url(re.compile(r"/audit/\d+/"))
    expect(page.locator("#panel .diff")).to_be_visible()
    watch.check()


def test_ops_record_checks_and_the_approver_reads_them(opened: Opener, server: str, olga: User, adele: User) -> None:
    newcomer = factories.pending_user("newcomer")
    page = sign_in(opened(), olga, server)
    watch = Watcher(page, expected=REFUSED)
    propose_approval(page, newcomer, "Adele (adele)")
    expect(page.get_by_role("alert")).to_contain_text("These checks are not passed: newcomer: Identity document")

    for kind in ("Identity document", "Mandate to act", "Sanctions and PEP screening"):
        page.goto(f"/users/{newcomer.ref}/")
        page.get_by_label("Check", exact=True).select_option(label=kind)
        page.get_by_label("Evidence", exact=True).fill(f"{kind}: seen by me, filed under 77.")
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_text("The check is recorded.")).to_be_visible()
    watch.check()
    propose_approval(page, newcomer, "Adele (adele)")
    expect(page.get_by_role("status").filter(has_text="is proposed")).to_be_visible()

    page = sign_in(opened(), adele, server)
    page.goto(f"/approvals/{ApprovalRequest.objects.get(subject_ref=newcomer.ref).ref}/")
    expect(page.locator("#panel")).to_contain_text("Mandate to act: seen by me, filed under 77. (olga)")
    for name in ("Approve", "Decline"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
