"""The flag: absent is off, the environment has a say, and off is off in every process at once."""

import threading
from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import override_settings
from waffle.models import Switch

from settlement import autosettle, operations, tasks
from settlement.models import Settlement
from tests import factories
from tests.concurrency.threads import Running, in_thread, wait_for_a_waiter
from tests.factories import Market
from tests.probes import refused
from trading.lib import clock
from users.capabilities import MissingCapability
from users.models import AuditEvent


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def is_enabled() -> bool:
    with transaction.atomic():
        return autosettle.read().moves_by_itself


def turn_off() -> None:
    operations.turn_flag_off(actor=factories.user("ops"), reason="for a test", now=clock.now())


def test_absent_flag_is_off(db: None) -> None:
    assert not Switch.objects.exists()
    assert is_enabled() is False


def test_flag_is_turned_on_and_off(db: None) -> None:
    factories.turn_flag_on()
    assert is_enabled() is True

    turn_off()
    assert is_enabled() is False


def test_environment_that_forbids_it_wins(market: Market) -> None:
    with override_settings(AUTO_SETTLEMENT_ALLOWED=False):
        assert is_enabled() is False
        assert factories.fill(market).settlement.status == "flagged_off"


def test_turning_it_off_twice_is_harmless_and_recorded(market: Market) -> None:
    turn_off()
    turn_off()

    changes = AuditEvent.objects.filter(name="flag.turned_off").order_by("pk")
    assert [event.before["is_on"] for event in changes] == [True, False]
    assert {(event.actor is not None, event.reason) for event in changes} == {(True, "for a test")}


@pytest.mark.parametrize("role", ["trader", "lp", "auditor", "service"])
def test_who_may_not_turn_it_off(market: Market, role: str) -> None:
    with pytest.raises(MissingCapability):
        operations.turn_flag_off(actor=factories.user(role), reason="for a test", now=clock.now())
    assert is_enabled() is True


def test_nobody_turns_it_on_alone(db: None) -> None:
    with refused("DC70"):
        Switch.objects.create(name=autosettle.FLAG, active=True)
    assert is_enabled() is False


def test_turning_off_waits_for_the_payment_that_is_being_claimed(market: Market) -> None:
    settlement = factories.fill(market).settlement
    signing, go_on = threading.Event(), threading.Event()

    def slow_signer(*args: object) -> object:
        signing.set()
        assert go_on.wait(5)
        return tasks.sign(*args)  # type: ignore[arg-type]

    def pay() -> None:
        operations.pay(settlement_id=settlement.pk, signer=slow_signer, now=clock.now())  # type: ignore[arg-type]

    claiming = in_thread(pay)
    assert signing.wait(5)
    flipping = in_thread(turn_off)
    wait_for_a_waiter()
    assert flipping.is_running

    go_on.set()
    claiming.result()
    flipping.result()
    settlement.refresh_from_db()
    assert settlement.status == "paying"  # claimed before the flip committed
    assert is_enabled() is False


def test_nothing_is_claimed_after_the_flip_has_committed(market: Market) -> None:
    settlements = [factories.fill(market, side="sell").settlement.pk for _ in range(12)]
    flipped = threading.Event()
    late: list[int] = []

    def claim(mine: list[int]) -> None:
        for number in mine:
            was_off = flipped.is_set()
            paid = operations.pay(settlement_id=number, signer=tasks.sign, now=clock.now())
            if was_off and paid.status != "flagged_off":
                late.append(number)

    def flip() -> None:
        turn_off()
        flipped.set()

    running: list[Running[None]] = [in_thread(claiming(claim, settlements[i::4])) for i in range(4)]
    running.append(in_thread(flip))
    for thread in running:
        thread.result()

    assert late == []
    turned_off = AuditEvent.objects.get(name="flag.turned_off")
    assert not AuditEvent.objects.filter(name="settlement.settled", pk__gt=turned_off.pk).exists()
    assert set(Settlement.objects.values_list("status", flat=True)) <= {"settled", "flagged_off"}


def claiming(claim: Callable[[list[int]], None], mine: list[int]) -> Callable[[], None]:
    return lambda: claim(mine)
