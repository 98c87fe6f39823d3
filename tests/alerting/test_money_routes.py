"""Every event of money is told to whom it concerns, or is known not to be; each in words of its own."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from alerting import money_routes, routing
from rfq import operations as market_operations
from settlement import operations
from settlement.operations import Receipt, Wish
from tests import factories
from tests.bot.scene import NAVID, TARA, Scene
from tests.factories import REASON
from trading.lib import clock
from users.models import User

NOT_TOLD = {
    *("deposit.announced", "deposit.confirmed", "deposit.seen", "deposit.gone", "deposit.left_out"),
    *("deposit.back", "deposit.taken_as_own", "deposit.written_off"),
    *("settlement.funded", "settlement.released", "settlement.resumed", "settlement.paying"),
    *("settlement.resent", "settlement.confirmed", "settlement.late"),
    *("withdrawal.resent", "withdrawal.taken_as_paid", "withdrawal.given_up", "withdrawal.paid_otherwise"),
    *("lp_payment.resent", "lp_payment.taken_as_paid", "lp_payment.given_up", "lp_payment.paid_otherwise"),
}
EVENT = re.compile(r'"((?:deposit|withdrawal|settlement|lp_payment|credit)\.[a-z_]+)"')


def recorded() -> set[str]:
    """What the money's operations and acts record."""
    root = Path(settings.BASE_DIR) / "settlement"
    sources = [path.read_text() for folder in ("operations", "own_acts") for path in (root / folder).glob("*.py")]
    says = ("record(", "_born(", "event = ")
    calls = [line for source in sources for line in source.splitlines() if any(one in line for one in says)]
    return {name for line in calls for name in EVENT.findall(line)}


def test_every_event_of_money_is_told_or_known_not_to_be() -> None:
    assert len(recorded()) > 20
    assert recorded() - set(routing.ROUTES) - {"settlement.settled_manually"} == NOT_TOLD & recorded()
    assert not NOT_TOLD & set(money_routes.ROUTES)


@pytest.fixture
def olga(scene: Scene) -> User:
    return factories.user("ops")


def heard(scene: Scene, chat: int, words: str) -> list[str]:
    scene.work()
    return [str(one["text"]) for one in scene.screen(chat) if words in str(one.get("text"))]


def test_large_deposit_is_told_when_it_has_come_and_a_small_one_as_credited(scene: Scene, olga: User) -> None:
    for amount, reference in ((Decimal(50_000), "LARGE"), (Decimal(5), "SMALL")):
        receipt = Receipt("EUR", amount, reference, client=scene.market.client.ref)
        operations.record_deposit(receipt=receipt, actor=olga, key=reference, now=clock.now())

    assert ["50,000.00 EUR" in one for one in heard(scene, TARA, "Two people look at it")] == [True]
    assert len(heard(scene, TARA, "It is on your balance.")) == 1


def test_what_one_trader_takes_out_the_others_hear_of_at_once(scene: Scene, olga: User) -> None:
    wish = Wish("USDT", Decimal(500), scene.market.address.ref)
    row = operations.request_withdrawal(wish=wish, actor=scene.market.tara, key="one", now=clock.now())

    assert row.ref in heard(scene, NAVID, "اگر کسی نکرده")[0]
    assert heard(scene, TARA, "If nobody did") == []
    details = {"amount": "500.000000", "currency": "USDT", "destination": scene.market.address.ref}
    factories.carry("withdrawal.approve", row.ref, **details)
    assert len(heard(scene, TARA, "It is on its way on chain.")) == 1


def test_credit_line_and_end_of_a_freeze_are_told(scene: Scene, olga: User) -> None:
    factories.credit(scene.market.client, "25000.50")
    assert "25,000.50 EUR" in heard(scene, TARA, "Your credit line is")[0]

    client = scene.market.client.ref
    market_operations.freeze_client(client_ref=client, actor=olga, reason=REASON, now=clock.now())
    factories.carry("client.unfreeze", client)
    assert len(heard(scene, TARA, "no longer frozen")) == 1
