"""A settled trade is taken back by two people, exactly as it was booked, once, while its money is at the desk."""

from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError

from rfq.models import Fill
from rfq.own_acts.reversing import ReverseFill
from settlement import ledger, operations, reconciliation, verification
from settlement.ledger import Posting
from settlement.legs import opposite
from settlement.models import Balance, Journal, Reversal, Settlement
from settlement.operations import Wish, reversing
from settlement.operations.reversing import NotReversible, PaidOut, ReversalNotCovered
from tests import factories, jobs
from tests.concurrency.threads import at_once
from tests.factories import Market
from tests.probes import refused, sql
from tests.settlement.books import assert_books_are_right, books, steps
from trading.lib import clock
from trading.lib.errors import DeskError
from users import acts
from users.errors import MayNotPropose
from users.models import ApprovalRequest, AuditEvent
from users.own_acts.base import BadPayload

ACT = "fill.reverse"
SIGNED: dict[str, Any] = {"evidence": "MAIL-2026-118, page 3"}


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def fresh(fill: Fill) -> Settlement:
    return Settlement.objects.get(pk=fill.settlement_id)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_everything_the_trade_moved_moves_back(market: Market, side: str) -> None:
    before = books()
    fill = factories.settled(market, side=side)
    assert books() != before

    factories.reversed_(fill)

    row = fresh(fill)
    assert books() == before
    assert_books_are_right()
    assert (row.status, row.reason, steps(row)[-1]) == ("reversed", "reversed", "reversed")
    made = Journal.objects.filter(kind="reversal", subject=row.ref).order_by("pk")
    assert [(one.key, one.reverses.key) for one in made if one.reverses] == [
        (f"reversal:{key}", key) for key in (f"accrual:{fill.ref}", f"delivery:{row.ref}")
    ]
    request = ApprovalRequest.objects.get(act=ACT)
    assert (row.reversal.request, row.reversal.evidence) == (request, SIGNED["evidence"])
    event = AuditEvent.objects.get(name="fill.reversed")
    assert (event.subject_ref, event.reason, event.secondary_approver_id is None) == (row.ref, request.reason, False)
    assert reconciliation.differences() == []
    assert [one for one in verification.check() if one.where in {row.ref, request.ref}] == []


def test_lp_owes_nothing_for_it_up_to_any_instant(market: Market) -> None:
    fill = factories.settled(market)
    open_until = "select settlement_lp_open(%s, 'USDT', 'in', %s, null)"
    between = sql("select clock_timestamp()")
    assert sql(open_until, fill.lp_id, between) == fill.base_amount

    factories.reversed_(fill)

    assert sql(open_until, fill.lp_id, between) == sql(open_until, fill.lp_id, None) == 0


def test_who_waits_for_the_money_that_comes_back_goes_on(market: Market) -> None:
    fill = factories.settled(market)
    jobs.clear()

    factories.reversed_(fill)

    assert jobs.names(queue_name="money") == ["settlement.fund_waiting"]


def test_what_has_left_the_desk_is_not_taken_back(market: Market, run_money: Any) -> None:
    paid = factories.fill(market)
    run_money()
    assert fresh(paid).status == "settled"
    by_hand = factories.settled_by_hand(market)

    for fill in (paid, by_hand):
        with pytest.raises(PaidOut):
            factories.propose(ACT, fill.settlement.ref, **SIGNED)


def test_what_is_not_settled_is_cancelled_instead_and_nothing_is_taken_back_twice(market: Market) -> None:
    waiting, done = factories.fill(market, to_balance=True), factories.settled(market)
    factories.reversed_(done)

    for fill in (waiting, done):
        with pytest.raises(NotReversible):
            factories.propose(ACT, fill.settlement.ref, **SIGNED)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_the_client_has_used_is_not_taken_back(db: None, side: str) -> None:
    market = factories.market(eur="100000", usdt="100000")
    fill = factories.settled(market, side=side)
    code, to = ("USDT", market.address.ref) if side == "buy" else ("EUR", factories.account(market.client).ref)
    balance = Balance.objects.select_related("account__asset").get(
        account__counterparty=market.client, account__asset=code
    )
    everything = (balance.posted - balance.held).scaleb(-balance.account.asset.scale)
    request = factories.propose(ACT, fill.settlement.ref, **SIGNED)
    assert [one.tone for one in ReverseFill().checks(fill.settlement.ref)] == ["ok"]
    wish = Wish(code, everything, to)
    operations.request_withdrawal(wish=wish, actor=market.tara, key="all", now=clock.now())

    done = factories.decide(request)

    assert (done.status, "does not cover" in done.outcome) == ("failed", True)
    assert [one.tone for one in ReverseFill().checks(fill.settlement.ref)] == ["bad"]
    with pytest.raises(ReversalNotCovered):
        factories.propose(ACT, fill.settlement.ref, **SIGNED)
    assert fresh(fill).status == "settled"
    assert not Reversal.objects.exists()


def test_dispute_is_about_this_trade(market: Market) -> None:
    fill, other = factories.settled(market), factories.settled(market)
    disputed = factories.dispute(other, by=market.tara)

    for wrong in (
        {"dispute": disputed.ref},
        {"dispute": "DSP-NOBODY22"},
        {"evidence": " "},
        {"evidence": 5},
        {"evidence": "e" * 201},
        {"more": "1"},
    ):
        with pytest.raises(BadPayload):
            factories.propose(ACT, fill.settlement.ref, **(SIGNED | {**wrong}))
    assert factories.reversed_(other, dispute=disputed.ref).settlement.reversal.dispute == disputed.ref


def test_who_may_not_propose(market: Market) -> None:
    fill = factories.settled(market)
    for role in ("trader", "lp", "approver", "auditor", "admin"):
        with pytest.raises(MayNotPropose):
            factories.propose(ACT, fill.settlement.ref, by=factories.user(role), **SIGNED)


def test_two_decisions_at_once_take_it_back_once(market: Market) -> None:
    fill = factories.settled(market)
    request = factories.propose(ACT, fill.settlement.ref, **SIGNED)

    def decide() -> str:
        try:
            return str(factories.decide(request).status)
        except DeskError as error:
            return str(error.code)

    answers = at_once([decide, decide])

    assert sorted(map(str, answers)) == ["already_decided", "executed"]
    assert Reversal.objects.count() == 1
    assert Journal.objects.filter(kind="reversal").count() == 2
    assert_books_are_right()


# --- whatever the program does ----------------------------------------------------------------


def test_nobody_takes_it_back_alone(market: Market) -> None:
    fill = factories.settled(market)
    row = fresh(fill)
    request = ApprovalRequest.objects.order_by("pk").first()
    assert request is not None

    with refused("RV01"):
        Reversal.objects.create(settlement=row, request=request, evidence="mine", reversed_at=clock.now())
    with refused("RV03"):
        sql("update settlement_settlement set status = 'reversed', reason = 'mine' where ref = %s", row.ref)
    with refused("RV04"):
        original = reversing.journals_of(row)[0]
        legs = opposite(original)
        ledger.post(Posting(f"reversal:{original.key}", "reversal", row.ref, legs, reverses=original.pk))


def why_not(request: ApprovalRequest) -> str:
    """What the database says to it, at once or when it is committed."""
    try:
        return factories.decide(request).outcome
    except DatabaseError as error:
        return str(error)


class Careless(ReverseFill):
    """What a program with a defect could do with what two people signed."""

    def __init__(self, what: str, other: Fill) -> None:
        self.what, self.other = what, other

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        row = self.row(request.subject_ref)
        if self.what == "nothing":
            return "done"
        if self.what == "half":
            self.book(row, request, now=now, journals=reversing.journals_of(row)[:1])
        if self.what == "more":
            self.book(row, request, now=now, journals=reversing.journals_of(row), times=2)
        if self.what == "other evidence":
            self.book(row, request, now=now, journals=[], evidence="mine")
        if self.what == "another":
            self.book(fresh(self.other), request, now=now, journals=[])
        if self.what == "another journal":
            self.book(row, request, now=now, journals=reversing.journals_of(fresh(self.other)))
        return "done"

    def book(
        self,
        row: Settlement,
        request: ApprovalRequest,
        *,
        now: datetime,
        journals: list[Journal],
        times: int = 1,
        evidence: str = SIGNED["evidence"],
    ) -> None:
        """Write it down, so many times as much of these journals."""
        Reversal.objects.create(settlement=row, request=request, evidence=evidence, reversed_at=now)
        for one in journals:
            legs = tuple(ledger.Leg(leg.account, leg.layer, times * leg.minor) for leg in opposite(one))
            ledger.post(Posting(f"reversal:{one.key}", "reversal", row.ref, legs, reverses=one.pk))
        row.move("reversed", at=now, reason="reversed")


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("nothing", "DC45"),
        ("half", "RV05"),
        ("more", "RV05"),
        ("other evidence", "RV01"),
        ("another", "RV01"),
        ("another journal", "RV04"),
    ],
)
def test_what_was_signed_is_what_is_booked_back(
    market: Market, monkeypatch: pytest.MonkeyPatch, what: str, code: str
) -> None:
    fill, other = factories.settled(market), factories.settled(market)
    request = factories.propose(ACT, fill.settlement.ref, **SIGNED)
    monkeypatch.setitem(acts._acts, ACT, Careless(what, other))

    assert code in why_not(request)
    assert not Journal.objects.filter(kind="reversal").exists()
    assert fresh(fill).status == "settled"


def test_database_takes_back_nothing_that_was_paid(
    market: Market, run_money: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = factories.fill(market)
    run_money()
    monkeypatch.setattr(ReverseFill, "check", lambda *_given: None)
    monkeypatch.setattr(reversing, "require_reversible", lambda _row: None)
    request = factories.propose(ACT, paid.settlement.ref, **SIGNED)

    assert "RV02" in why_not(request)


def test_planted_reversal_is_found(market: Market, owner: Any) -> None:
    fill, other = factories.settled(market), factories.settled(market)
    factories.reversed_(fill)
    entry = "update settlement_entry set amount = amount * 2 where journal_id = %s"

    for table, statement, value in (
        (
            "settlement_settlement",
            "update settlement_settlement set status = 'reversed' where id = %s",
            other.settlement_id,
        ),
        ("settlement_entry", entry, Journal.objects.get(key=f"reversal:accrual:{fill.ref}").pk),
    ):
        owner.execute(f"alter table {table} disable trigger user")
        owner.execute(statement, [value])
        owner.execute(f"alter table {table} enable trigger user")

    found = {(one.check, one.ref) for one in reconciliation.differences()}
    assert ("lacking", other.settlement.ref) in found
    assert ("reversal", f"accrual:{fill.ref}") in found
    assert any("was reversed without" in one.what for one in verification.check())
