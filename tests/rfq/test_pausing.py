"""Stopping at once: the desk, a pair, an LP, a client. And what goes on being refused."""

from collections.abc import Callable

import pytest

from rfq import operations
from rfq.errors import NotAnLp
from rfq.models import Fill, LpTerms, MarketState, Quote, Rfq
from rfq.operations.pausing import AlreadyFrozen, AlreadyPaused, NotYourPause
from tests import factories
from tests.factories import Market
from trading.lib import clock
from trading.lib.errors import DeskError, NotFound
from users import operations as user_operations
from users.capabilities import MissingCapability
from users.models import AuditEvent, User
from users.policies import MeaninglessReason

REASON = "The price feed jumped and nobody knows why yet."


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def ops() -> User:
    return factories.founders()[0]


def pause_desk(by: User | None = None) -> MarketState:
    return operations.pause_desk(actor=by or ops(), reason=REASON, now=clock.now())


def pause_pair(by: User | None = None) -> None:
    operations.pause_pair(code="USDT/EUR", actor=by or ops(), reason=REASON, now=clock.now())


def pause_lp(market: Market, by: User | None) -> LpTerms:
    return operations.pause_lp(lp_ref=market.meridian.ref, actor=by, reason=REASON, now=clock.now())


def freeze(market: Market, by: User | None = None) -> None:
    operations.freeze_client(client_ref=market.client.ref, actor=by or ops(), reason=REASON, now=clock.now())
    market.tara = fresh(market.tara)


def fresh(user: User) -> User:
    return User.objects.select_related("counterparty").get(pk=user.pk)


def event(name: str) -> AuditEvent:
    return AuditEvent.objects.filter(name=name).latest("pk")


def asking(market: Market) -> object:
    return factories.rfq(market)


def refusal_of(act: Callable[[], object]) -> str:
    with pytest.raises(DeskError) as refused:
        act()
    return refused.value.code


# --- the desk and a pair -----------------------------------------------------------------------


@pytest.mark.parametrize(("stop", "code"), [(pause_desk, "desk_paused"), (pause_pair, "pair_paused")])
def test_nobody_asks_quotes_or_trades_while_it_is_paused(market: Market, stop: Callable[[], object], code: str) -> None:
    rfq = factories.rfq(market)
    quote = factories.quote(rfq, market.leo)
    stop()

    assert refusal_of(lambda: factories.rfq(market)) == code
    assert refusal_of(lambda: factories.quote(rfq, market.mina)) == code
    assert refusal_of(lambda: factories.accept(quote, market.tara)) == code
    assert not Fill.objects.exists()
    quote.refresh_from_db()
    assert quote.status == "active"


def test_two_let_the_desk_trade_again(market: Market) -> None:
    state = pause_desk()
    assert (state.reason, state.paused_by) == (REASON, ops())
    assert event("desk.paused").reason == REASON

    factories.carry("desk.resume", "market")

    state.refresh_from_db()
    assert (state.paused_at, state.paused_by, state.reason) == (None, None, "")
    assert event("desk.resumed").before == {"reason": REASON}
    assert factories.fill(market).ref


def test_two_let_a_pair_trade_again(market: Market) -> None:
    pause_pair()
    factories.carry("pair.resume", "USDT/EUR")

    assert factories.fill(market).ref
    assert event("pair.resumed").subject_ref == "USDT/EUR"


def test_what_is_paused_is_not_paused_again(market: Market) -> None:
    pause_desk()
    pause_pair()

    for stop in (pause_desk, pause_pair):
        with pytest.raises(AlreadyPaused):
            stop()
    assert AuditEvent.objects.filter(name__in=["desk.paused", "pair.paused"]).count() == 2


def test_an_unknown_pair_is_not_there_to_pause(market: Market) -> None:
    with pytest.raises(NotFound):
        operations.pause_pair(code="USDT/XXX", actor=ops(), reason=REASON, now=clock.now())


# --- an LP -----------------------------------------------------------------------------------


def test_pausing_an_lp_pulls_its_quotes_and_reopens_what_has_none_left(market: Market) -> None:
    alone, shared = factories.rfq(market), factories.rfq(market)
    mine = [factories.quote(alone, market.leo), factories.quote(shared, market.leo)]
    other = factories.quote(shared, market.mina)

    pause_lp(market, ops())

    assert set(Quote.objects.filter(pk__in=[one.pk for one in mine]).values_list("status", flat=True)) == {"pulled"}
    assert {rfq.ref: rfq.status for rfq in Rfq.objects.all()} == {alone.ref: "open", shared.ref: "quoted"}
    assert event("lp.paused").after["quotes_pulled"] == 2
    pulled = AuditEvent.objects.filter(name="quote.pulled")
    assert list(pulled.values_list("capability", flat=True)) == ["lp.pause", "lp.pause"]
    assert refusal_of(lambda: factories.quote(alone, market.leo)) == "lp_paused"
    assert refusal_of(lambda: factories.accept(mine[1], market.tara)) == "quote_gone"
    assert factories.accept(other, market.tara).ref


def test_an_lp_ends_its_own_pause(market: Market) -> None:
    pause_lp(market, market.leo)
    assert event("lp.paused").capability == "lp.own_pause"

    operations.end_own_pause(actor=market.leo, now=clock.now())

    assert factories.quote(factories.rfq(market), market.leo).status == "active"
    assert event("lp.resumed").actor == market.leo


@pytest.mark.parametrize("by_whom", ["ops", "numbers"])
def test_an_lp_does_not_end_a_pause_of_the_desk(market: Market, by_whom: str) -> None:
    pause_lp(market, ops() if by_whom == "ops" else None)

    with pytest.raises(NotYourPause):
        operations.end_own_pause(actor=market.leo, now=clock.now())
    with pytest.raises(AlreadyPaused):
        pause_lp(market, market.leo)

    factories.carry("lp.resume", market.meridian.ref)
    assert factories.quote(factories.rfq(market), market.leo).ref


def test_the_desks_pause_takes_the_place_of_the_lps_own(market: Market) -> None:
    pause_lp(market, market.leo)
    pause_lp(market, ops())

    with pytest.raises(NotYourPause):
        operations.end_own_pause(actor=market.leo, now=clock.now())


def test_there_is_no_pause_of_its_own_to_end(market: Market) -> None:
    with pytest.raises(NotYourPause):
        operations.end_own_pause(actor=market.leo, now=clock.now())


@pytest.mark.parametrize("whose", ["client", "nobody"])
def test_only_who_quotes_for_an_lp_ends_a_pause_of_its_own(market: Market, whose: str) -> None:
    market.leo.counterparty = market.client if whose == "client" else None

    with pytest.raises(NotAnLp):
        operations.end_own_pause(actor=market.leo, now=clock.now())


# --- a client --------------------------------------------------------------------------------


def test_a_frozen_client_asks_and_accepts_nothing_until_two_unfreeze_it(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)
    freeze(market)

    assert refusal_of(lambda: factories.rfq(market)) == "frozen"
    assert refusal_of(lambda: factories.accept(quote, market.tara)) == "frozen"
    with pytest.raises(AlreadyFrozen):
        freeze(market)

    factories.carry("client.unfreeze", market.client.ref)
    market.tara = fresh(market.tara)
    assert factories.accept(quote, market.tara).ref
    assert event("client.unfrozen").before == {"status": "frozen"}


def test_a_client_freezes_itself_and_does_not_unfreeze_itself(market: Market) -> None:
    freeze(market, by=market.tara)

    assert event("client.frozen").capability == "client.own_freeze"
    with pytest.raises(DeskError) as refused:
        factories.propose("client.unfreeze", market.client.ref, by=market.tara)
    assert refused.value.code == "may_not_propose"


# --- who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["ops", "approver", "admin"])
def test_one_of_the_desk_stops_everything_alone(market: Market, role: str) -> None:
    actor = factories.user(role)

    pause_desk(actor)
    pause_pair(actor)
    pause_lp(market, actor)
    freeze(market, actor)


@pytest.mark.parametrize("role", ["auditor", "trader", "lp", "service"])
def test_nobody_else_does(market: Market, role: str) -> None:
    actor = factories.user(role)

    for stop in (
        lambda: pause_desk(actor),
        lambda: pause_pair(actor),
        lambda: pause_lp(market, actor),
        lambda: freeze(market, actor),
    ):
        with pytest.raises(MissingCapability):
            stop()
    assert not MarketState.objects.exists()


def test_who_does_not_serve_it_does_not_find_it(market: Market) -> None:
    actor = factories.user("ops")
    user_operations.narrow_scope(user=actor, keep=[], actor=ops(), reason=REASON, now=clock.now())
    actor.refresh_from_db()

    for stop in (lambda: pause_lp(market, actor), lambda: freeze(market, actor)):
        with pytest.raises(NotFound):
            stop()


def test_a_stop_says_why(market: Market) -> None:
    for stop in (
        lambda: operations.pause_desk(actor=ops(), reason=" ", now=clock.now()),
        lambda: operations.pause_pair(code="USDT/EUR", actor=ops(), reason="so", now=clock.now()),
        lambda: operations.pause_lp(lp_ref=market.meridian.ref, actor=ops(), reason="", now=clock.now()),
        lambda: operations.freeze_client(client_ref=market.client.ref, actor=ops(), reason="", now=clock.now()),
    ):
        with pytest.raises(MeaninglessReason):
            stop()


def test_a_client_is_not_paused_and_an_lp_is_not_frozen(market: Market) -> None:
    with pytest.raises(NotFound):
        operations.pause_lp(lp_ref=market.client.ref, actor=ops(), reason=REASON, now=clock.now())
    with pytest.raises(NotFound):
        operations.freeze_client(client_ref=market.meridian.ref, actor=ops(), reason=REASON, now=clock.now())
