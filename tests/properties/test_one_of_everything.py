"""One of everything that moves money, in turn: the random machine's own steps and oracles, without luck."""

from collections.abc import Callable

import pytest

from settlement.models import LpPayment, Settlement, Withdrawal
from tests.properties.test_money_operations import Desk, prepared


def with_the_lp(one: Desk, look: Callable[[], None]) -> None:
    """Corrections, of which one is refused; netting up to an instant and of all, to the last cent; paid, and back."""
    one.remember_the_instant()
    for minor, is_lps, is_debit in ((5_000, False, True), (700, True, True), (300, True, False), (10**9, False, True)):
        one.correct_the_ledger(minor=minor, is_debit=is_debit, is_lps=is_lps)
        look()
    for cut, part in ((0, 2), (1, 1), (1, 1)):
        one.net_with_the_lp(number=cut, part=part)
    for _payment in range(2):
        one.pay_the_lp(number=0)
        look()
    one.the_lp_pays(minor=60_000)
    one.the_lps_money_comes_back(number=0)
    look()


def by_hand(one: Desk, look: Callable[[], None], terms: dict[str, int]) -> None:
    """What is netted with the LP is cancelled before it is paid; one trade of each kind is settled by hand, or not."""
    one.release(number=0)
    one.net_with_the_lp(number=0, part=1)
    one.cancel(number=0)
    one.pay_the_lp(number=0)
    look()
    for sign, on_chain in ((1, True), (-1, False), (1, False)):
        one.trade(sign=sign, on_chain=on_chain, **terms)
        one.settle_by_hand(number=0)
        look()
    one.cancel(number=0)


def test_the_books_hold_when_everything_is_done_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a random run reaches is luck; this goes through all of it."""
    one = prepared(monkeypatch)()
    one.begin_with_money_and_the_flag_on()
    terms = {"quote": 100_000, "spread": 50, "markup": 40}

    def look() -> None:
        one.the_books_are_the_models()
        one.nothing_is_below_its_floor()
        one.reconcile_finds_nothing()

    for sign, on_chain in ((1, True), (1, False), (-1, False)):
        one.trade(sign=sign, on_chain=on_chain, **terms)
        one.pay(number=0)
        look()
    one.see_it_final(number=0)
    look()
    for _side in range(2):
        one.take_it_back(number=0)
        look()
    for in_euros in (True, False):
        one.ask_for_money(minor=5_000, in_euros=in_euros, is_let_out=True)
        one.send_it(number=0)
        look()
    one.see_it_arrive(number=0)
    one.it_comes_back(number=0)
    look()
    for by_desk in (True, False):
        one.ask_for_money(minor=5_000, in_euros=True, is_let_out=False)
        one.call_it_off(number=0, by_desk=by_desk)
        look()
    with_the_lp(one, look)
    one.deposit_of_nobody(minor=777)
    one.send_a_deposit_back(number=1)
    one.flip_the_flag()
    one.trade(sign=1, on_chain=False, **terms)
    look()
    by_hand(one, look, terms)
    one.change_the_credit_line(minor=2_000_000, in_euros=True)
    one.trade(sign=1, on_chain=False, quote=3_000_000, spread=0, markup=0)
    look()

    settled = Settlement.objects.values_list("status", flat=True).order_by("pk")
    left = Withdrawal.objects.values_list("status", flat=True).order_by("pk")
    assert list(settled) == [
        *("settled", "reversed", "reversed", "cancelled"),
        *("settled_manually", "settled_manually", "cancelled", "awaiting_funds"),
    ]
    paid = LpPayment.objects.values_list("direction", "status").order_by("pk")
    assert list(paid) == [("out", "returned"), ("out", "sent"), ("in", "confirmed"), ("out", "declined")]
    assert list(left) == ["returned", "confirmed", "declined", "cancelled"]
