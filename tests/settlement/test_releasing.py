"""What waits goes on only by whoever may say so: one person, two, or nobody while transfers are halted."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import transaction

from settlement import autosettle, operations, policies, tasks
from settlement.ledger import of
from settlement.models import Balance, Entry, Settlement, SettlementPolicy, Wallet
from settlement.operations import releasing
from settlement.operations.opening import TooMuchWaits
from settlement.operations.releasing import AboveReleaseThreshold, CannotBePaid, NotReleasable
from settlement.own_acts.settlements import NotCancellable, NothingWaits, SamePolicy
from tests import factories, jobs
from tests.factories import Market
from tests.probes import refused
from trading.lib import clock
from trading.lib.money import USDT
from users.capabilities import MissingCapability
from users.models import AuditEvent
from users.own_acts.base import BadPayload
from users.policies import MeaninglessReason

type RunMoney = Callable[..., None]

WHY = "Checked with the client by phone."


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(flag_on=False)


def waiting(market: Market) -> Settlement:
    settlement = factories.fill(market).settlement
    assert (settlement.status, settlement.reason) == ("flagged_off", "auto_settlement_off")
    return settlement


def fresh(settlement: Settlement) -> Settlement:
    return Settlement.objects.get(pk=settlement.pk)


def limits(**changes: object) -> None:
    """Other limits, by both founders."""
    now = policies.values_of(policies.current())
    factories.carry("settlement_policy.change", policies.SUBJECT, **{**now, **changes})


def release(settlement: Settlement, role: str = "ops") -> None:
    operations.release_settlement(ref=settlement.ref, actor=factories.user(role), reason=WHY, now=clock.now())


# --- one person -----------------------------------------------------------------------------


def test_small_one_is_released_by_one_person_and_paid_though_the_flag_is_off(
    market: Market, run_money: RunMoney
) -> None:
    settlement = waiting(market)

    release(settlement)
    run_money()

    assert fresh(settlement).status in {"paying", "settled"}
    event = AuditEvent.objects.get(name="settlement.released")
    assert (event.subject_ref, event.reason, event.capability) == (settlement.ref, WHY, "settlement.release")


@pytest.mark.parametrize("role", ["trader", "lp", "approver", "admin", "auditor", "service"])
def test_who_may_not_release(market: Market, role: str) -> None:
    settlement = waiting(market)

    with pytest.raises(MissingCapability):
        release(settlement, role)
    assert fresh(settlement).status == "flagged_off"


def test_one_of_the_threshold_is_refused_to_one_person_by_the_operation_and_the_database(market: Market) -> None:
    settlement = waiting(market)
    limits(release_threshold=f"{settlement.base_amount.normalize():f}")

    with pytest.raises(AboveReleaseThreshold):
        release(settlement)
    with refused("ST03"), transaction.atomic():
        fresh(settlement).move("approved", at=clock.now(), reason="released")
    assert jobs.names(task_name="settlement.pay") == []


def test_released_twice_is_refused_and_paid_once(market: Market) -> None:
    settlement = waiting(market)
    release(settlement)

    with pytest.raises(NotReleasable):
        release(settlement)
    assert len(jobs.names(task_name="settlement.pay")) == 1


def test_what_cannot_be_paid_is_not_released(market: Market) -> None:
    settlement = waiting(market)
    close(market)

    with pytest.raises(CannotBePaid, match="no_wallet"):
        release(settlement)
    assert fresh(settlement).status == "flagged_off"


def test_mark_of_a_release_comes_only_with_the_step(market: Market) -> None:
    settlement = waiting(market)

    with refused("ST01"):
        Settlement.objects.filter(pk=settlement.pk).update(is_released=True)


# --- two people -----------------------------------------------------------------------------


def test_new_trade_of_the_threshold_waits_for_two_who_then_release_it(market: Market, run_money: RunMoney) -> None:
    factories.turn_flag_on()
    limits(release_threshold="1000")
    settlement = factories.fill(market).settlement
    assert (settlement.status, settlement.reason) == ("awaiting_approval", "above_threshold")
    assert jobs.names(task_name="settlement.pay") == []

    factories.carry("settlement.release", settlement.ref)
    run_money()

    assert fresh(settlement).status in {"paying", "settled"}


def test_cancelled_one_gives_the_hold_back_and_ends_what_lp_and_desk_owe(market: Market) -> None:
    before = held(market)
    settlement = waiting(market)
    assert held(market) > before

    factories.carry("settlement.cancel", settlement.ref)

    assert fresh(settlement).status == "cancelled"
    assert held(market) == before
    assert lp_owes(market) == 0


def test_nobody_cancels_alone_nor_what_is_paid(market: Market, run_money: RunMoney) -> None:
    settlement = waiting(market)
    with refused("ST02"), transaction.atomic():
        fresh(settlement).move("cancelled", at=clock.now(), reason="cancelled")
    release(settlement)
    run_money()

    with pytest.raises(NotCancellable):
        factories.carry("settlement.cancel", settlement.ref)


def test_limits_change_by_two_and_not_to_what_they_are(market: Market) -> None:
    limits(most_waiting=5)
    assert policies.current().version == 2
    assert policies.current().most_waiting == 5

    with pytest.raises(SamePolicy):
        limits()
    with pytest.raises(BadPayload):
        limits(release_threshold="1e6")
    with refused("ST04"):
        SettlementPolicy.objects.create(
            version=3,
            release_threshold=Decimal(10),
            backlog_batch=1,
            most_waiting=1,
            oldest_hours=1,
            made_at=clock.now(),
        )


# --- the backlog ----------------------------------------------------------------------------


def test_turning_on_moves_nothing_and_the_backlog_goes_out_in_batches_oldest_first(
    market: Market, run_money: RunMoney
) -> None:
    settlements = [waiting(market) for _each in range(3)]
    limits(backlog_batch=2)
    factories.turn_flag_on()
    run_money()
    assert {fresh(one).status for one in settlements} == {"flagged_off"}

    factories.carry("backlog.release", autosettle.FLAG, number=2)

    assert [fresh(one).status for one in settlements] == ["approved", "approved", "flagged_off"]
    event = AuditEvent.objects.get(name="backlog.released")
    assert event.after["released"] == [one.ref for one in settlements[:2]]


def test_batch_larger_than_the_policy_or_of_nothing_is_refused(market: Market) -> None:
    with pytest.raises(NothingWaits):
        factories.carry("backlog.release", autosettle.FLAG, number=1)
    waiting(market)

    with pytest.raises(BadPayload):
        factories.carry("backlog.release", autosettle.FLAG, number=51)


def test_backlog_leaves_large_ones_and_tells_what_cannot_be_paid(market: Market) -> None:
    settlement = waiting(market)
    close(market)

    factories.carry("backlog.release", autosettle.FLAG, number=5)

    assert AuditEvent.objects.get(name="backlog.released").after["left"] == {settlement.ref: "no_wallet"}
    assert fresh(settlement).status == "flagged_off"


def test_what_cannot_be_paid_does_not_keep_the_rest_of_the_backlog_back(market: Market) -> None:
    stuck = waiting(market)
    to_balance = factories.fill(market, to_balance=True).settlement
    close(market)

    factories.carry("backlog.release", autosettle.FLAG, number=1)

    told = AuditEvent.objects.get(name="backlog.released").after
    assert (told["released"], told["left"]) == ([to_balance.ref], {stuck.ref: "no_wallet"})


def test_release_and_halt_take_a_reason_that_says_something(market: Market) -> None:
    settlement, ops = waiting(market), factories.user("ops")

    with pytest.raises(MeaninglessReason):
        operations.release_settlement(ref=settlement.ref, actor=ops, reason="ok", now=clock.now())
    with pytest.raises(MeaninglessReason):
        operations.halt_transfers(actor=ops, reason=" ", now=clock.now())
    assert not autosettle.is_set(autosettle.HALT)


# --- off, and halted ------------------------------------------------------------------------


def test_turning_off_takes_back_what_was_approved_and_not_begun(market: Market) -> None:
    factories.turn_flag_on()
    settlement = factories.fill(market).settlement
    assert settlement.status == "approved"

    operations.turn_flag_off(actor=factories.user("ops"), reason=WHY, now=clock.now())
    operations.sweep(now=clock.now())

    assert (fresh(settlement).status, fresh(settlement).reason) == ("flagged_off", "auto_settlement_off")


def test_sweep_leaves_what_people_released_unless_transfers_are_halted(market: Market) -> None:
    settlement = waiting(market)
    release(settlement)

    assert operations.sweep(now=clock.now()) == 0
    halt()
    assert operations.sweep(now=clock.now()) == 1
    assert fresh(settlement).reason == "transfers_halted"


def test_sweep_goes_on_in_batches(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.turn_flag_on()
    made = [factories.fill(market).settlement for _each in range(3)]
    monkeypatch.setattr(releasing, "SWEPT_AT_ONCE", 2)
    operations.turn_flag_off(actor=factories.user("ops"), reason=WHY, now=clock.now())

    assert [operations.sweep(now=clock.now()) for _each in range(3)] == [2, 1, 0]
    assert {fresh(one).status for one in made} == {"flagged_off"}


def test_halt_stops_new_and_signed_payments_until_two_end_it(market: Market) -> None:
    factories.turn_flag_on()
    settlement = factories.fill(market).settlement
    operations.pay(settlement_id=settlement.pk, signer=tasks.sign, now=clock.now())
    halt()
    jobs.hurry()
    jobs.run_all(queues=["money"])
    transfer = fresh(settlement).transfers.get()
    assert transfer.status == "signed"
    assert factories.fill(market).settlement.reason == "transfers_halted"

    factories.carry("transfers.resume", autosettle.HALT)

    assert not autosettle.is_set(autosettle.HALT)


def test_nobody_ends_a_halt_alone(market: Market, owner: object) -> None:
    halt()

    with refused("ST05"), transaction.atomic():
        autosettle.write(autosettle.HALT, is_on=False)
    assert autosettle.is_set(autosettle.HALT)


def halt() -> None:
    operations.halt_transfers(actor=factories.user("ops"), reason=WHY, now=clock.now())


# --- too much waits -------------------------------------------------------------------------


def test_no_new_trade_while_too_many_wait(market: Market) -> None:
    waiting(market)
    limits(most_waiting=1)

    with pytest.raises(TooMuchWaits):
        factories.fill(market)
    assert Settlement.objects.count() == 1


def test_no_new_trade_while_one_waits_for_too_long(market: Market, owner: object) -> None:
    settlement = waiting(market)
    owner.execute("alter table settlement_settlement disable trigger user")  # type: ignore[attr-defined]
    owner.execute(  # type: ignore[attr-defined]
        "update settlement_settlement set created_at = created_at - interval '73 hours' where id = %s", [settlement.pk]
    )
    owner.execute("alter table settlement_settlement enable trigger user")  # type: ignore[attr-defined]

    with pytest.raises(TooMuchWaits):
        factories.fill(market)


def close(market: Market) -> None:
    """Nothing leaves the wallet."""
    Wallet.objects.filter(pk=market.wallet.pk).update(paused_at=clock.now())


def held(market: Market) -> int:
    """What is held of the client's euros, in cents."""
    return int(Balance.objects.get(account__code=of(market.client, market.eur.unit)).held)


def lp_owes(market: Market) -> int:
    """What the LPs' accounts come to, in units of USDT."""
    codes = [of(lp, USDT) for lp in (market.meridian, market.northwind)]
    return sum(int(entry.amount) for entry in Entry.objects.filter(account__code__in=codes))
