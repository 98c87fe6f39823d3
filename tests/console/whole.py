"""A desk with something on every page of the console."""

from decimal import Decimal

from alerting import handling
from rfq.models import Fill, Rfq
from settlement import operations, tasks
from settlement.models import LpPayment
from settlement.operations import Netting, Receipt, Wish
from settlement.reconciliation import rounds
from tests import factories
from tests.console import scene
from tests.console.test_notifications import message
from tests.factories import REASON, Market
from tests.settlement import chain
from tests.users.authenticator import enrol
from tests.users.keys import issued
from trading.lib import clock
from trading.sandbox import alarms
from users import operations as user_operations
from users.models import ApiKey, Role, TelegramLink, User

STATES = ("waiting", "sending", "sent", "too_late", "unreachable", "failed")


def build() -> User:
    """Make it by the real operations, with the scene beside it for its many states; who may look at all of it."""
    market = factories.market()
    reader = scene.person("olga", Role.OPS, Role.APPROVER, Role.ADMIN, Role.AUDITOR)
    traded = factories.settled(market)
    factories.receipt(traded, market.tara)
    factories.rfq(market, to_balance=True)
    enrol(reader, name="Laptop")
    _people(market)
    _chain(market)
    _money(market, reader)
    _disputes(traded, market, reader)
    for kind in alarms.SAMPLES:
        alarms.simulate(kind, now=clock.now())
    handling.silence(kind="flagged_off", minutes=60, reason=REASON, actor=reader, now=clock.now())
    for status in STATES:
        message(reader, status)
    scene.build(8)
    scene.rates()
    return reader


def rare() -> list[str]:
    """Pages that few rows lead to, so that a walk that opens a few rows of each kind may miss them."""
    waiting, key = Rfq.objects.filter(status="open").latest("pk"), ApiKey.objects.select_related("user").get()
    linked = TelegramLink.objects.select_related("user").get()
    return [
        f"/rfqs/{waiting.ref}/quotes/new/",
        f"/users/{key.user.ref}/keys/{key.ref}/revocation/",
        f"/users/{linked.user.ref}/telegram/ending/",
        f"/users/{User.objects.get(is_scoped=True).ref}/scope/",
    ]


def _people(market: Market) -> None:
    """Requests that wait, were declined and done; somebody new; a key, a reset and a linked account."""
    factories.propose("user.approve", factories.newcomer("newcomer").ref, roles=["ops"])
    factories.decide(factories.propose("role.grant", factories.user("ops").ref, role="auditor"), verdict="decline")
    issued(market.leo)
    factories.narrowed(factories.user("ops"))
    factories.carry("password.reset", factories.user("approver").ref)
    token = user_operations.make_link_token(user=market.tara, actor=factories.founders()[0], now=clock.now())
    user_operations.link_by_token(token=token.text, telegram_id=4242, now=clock.now())


def _chain(market: Market) -> None:
    """A payment on its way, and a wallet that stopped itself because of a transaction nobody knows."""
    tasks.pay(settlement_id=factories.fill(market, to=market.address).settlement_id)
    chain.transaction(market.wallet, "a-thief", 5, nonce=7)
    for _ in range(2):
        operations.record_reconciliation(outcome=rounds.look_at_chains(), now=clock.now())


def _money(market: Market, reader: User) -> None:
    """Deposits of somebody and of nobody, a withdrawal, destinations, a payment to an LP."""
    now = clock.now()
    for client in (market.client.ref, ""):
        received = Receipt("EUR", Decimal(1000), factories.unique("BANK"), "Cedar", client=client)
        operations.record_deposit(receipt=received, actor=reader, key=factories.unique("deposit"), now=now)
    to = factories.account(market.client, label="Main")
    operations.request_withdrawal(wish=Wish("EUR", Decimal(4000), to.ref), actor=market.tara, key="one", now=now)
    factories.asked_address(market.client, label="Cold")
    factories.asked_account(None)
    bank = factories.account(market.meridian, "DE02120300000000202051", label="Own")
    netting = Netting(market.meridian.ref, "EUR", "out", bank.ref, Decimal(100))
    operations.request_lp_payment(netting=netting, actor=reader, key="one", now=now)
    assert LpPayment.objects.exists()


def _disputes(fill: Fill, market: Market, reader: User) -> None:
    """One that is handled, with notes and a file; one that is over."""
    mine = factories.assigned(factories.dispute(fill), reader)
    factories.noted(mine, reader, is_internal=True)
    factories.noted(mine, market.tara)
    factories.attached(mine, market.tara)
    over = factories.assigned(factories.dispute(fill, by=market.leo, kind="settlement"), reader)
    factories.resolved(over, reader, "rejected")
