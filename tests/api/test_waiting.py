"""Programs of the desk's people propose what waits for two, and ask the chain about a payment."""

import pytest

from tests import factories, jobs
from tests.api.conftest import Desk
from tests.settlement import chain
from tests.settlement.test_review_of_money import MAKE, fresh, signed, voided
from users.models import ApprovalRequest

WHY = "The signer was down; we paid from the same wallet by hand."


def test_payment_is_checked_and_settling_by_hand_proposed(desk: Desk) -> None:
    market = factories.market(flag_on=False)
    settlement = factories.fill(market).settlement
    paid = chain.payment(settlement, market.wallet)

    asked = desk.olga.post(f"settlements/{settlement.ref}/checks", {"transaction": paid})
    again = desk.olga.post(f"settlements/{settlement.ref}/checks", {"transaction": paid.upper().replace("X", "x")})
    assert (asked.status_code, asked.json()["status"]) == (202, "asked")
    assert again.json()["ref"] == asked.json()["ref"]
    jobs.run_all(queues=["money"])
    said = desk.amir.get(f"checks/{asked.json()['ref']}").json()
    assert (said["status"], said["wallet"], said["reason"]) == ("verified", market.wallet.name, "")
    body = {"act": "settlement.settle_manually", "details": {"check": said["ref"], "transaction": paid}}
    body |= {"reason": WHY, "secondary_approver": "amir"}
    proposed = desk.olga.post(f"settlements/{settlement.ref}/proposals", body, key="by-hand-1")

    assert proposed.status_code == 202, proposed.content
    desk.amir.decide(proposed.json()["request"], proposed.json()["digest"])
    settlement.refresh_from_db()
    assert settlement.status == "settled_manually"


def test_what_the_chain_did_not_confirm_is_refused_with_a_code(desk: Desk) -> None:
    market = factories.market(flag_on=False)
    settlement = factories.fill(market).settlement
    path = f"settlements/{settlement.ref}"
    assert desk.olga.post(f"{path}/checks", {"transaction": "0x12"}).json()["code"] == "bad_transaction_id"
    assert desk.amir.post(f"{path}/checks", {"transaction": "0x" + "ab" * 32}).status_code == 403
    check = desk.olga.post(f"{path}/checks", {"transaction": "0x" + "ab" * 32}).json()
    jobs.run_all(queues=["money"])
    details = {"check": check["ref"], "transaction": check["transaction"]}
    body = {"act": "settlement.settle_manually", "details": details, "reason": WHY, "secondary_approver": "amir"}

    answer = desk.olga.post(f"{path}/proposals", body, key="by-hand-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "payment_not_verified")
    assert desk.olga.get(f"checks/{check['ref']}").json()["reason"] == "unknown"
    assert not ApprovalRequest.objects.filter(act="settlement.settle_manually").exists()


def test_reversal_is_proposed_and_refused_once_it_is_done(desk: Desk) -> None:
    market = factories.market()
    fill = factories.settled(market)
    path = f"settlements/{fill.settlement.ref}/proposals"
    body = {"act": "fill.reverse", "details": {"evidence": "MAIL-2026-118, page 3"}}
    body |= {"reason": WHY, "secondary_approver": "amir"}

    proposed = desk.olga.post(path, body, key="reversal-1")
    assert proposed.status_code == 202, proposed.content
    done = desk.amir.decide(proposed.json()["request"], proposed.json()["digest"])

    assert done.json()["status"] == "executed", done.content
    again = desk.olga.post(path, body, key="reversal-2")
    assert (again.status_code, again.json()["code"]) == (409, "not_reversible")


@pytest.mark.parametrize("word", ["withdrawal", "lp_payment"])
def test_payment_in_review_is_asked_about_and_given_up_by_two(desk: Desk, word: str) -> None:
    market = factories.market()
    row = signed(MAKE[word](market))
    path = f"{word.replace('_', '-')}s/{row.ref}"
    check = voided(market, row)
    said = desk.olga.post(f"{path}/checks", {}).json()
    assert (said["ref"], said[word], said["settlement"]) == (check.ref, row.ref, None)
    assert desk.amir.get(f"checks/{check.ref}").json()["status"] == "verified"

    body = {"act": f"{word}.give_up", "details": {"check": check.ref}, "reason": WHY, "secondary_approver": "amir"}
    proposed = desk.olga.post(f"{path}/proposals", body, key="give-up-1")

    assert proposed.status_code == 202, proposed.content
    desk.amir.decide(proposed.json()["request"], proposed.json()["digest"])
    assert fresh(row).status == "declined"
