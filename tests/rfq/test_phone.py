"""Phone trades: taken down by ops, marked so, and confirmed by the party itself."""

from decimal import Decimal

import pytest

from rfq import operations
from rfq.models import Quote, Rfq
from rfq.operations import Offer, RfqRequest
from tests import factories
from tests.console.conftest import verified_client
from tests.factories import Market
from tests.probes import refused, sql
from trading.lib import clock
from trading.lib.errors import DeskError, NotFound
from users import operations as user_operations
from users.capabilities import MissingCapability
from users.models import AuditEvent, User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def olga(market: Market) -> User:
    return factories.user("ops", username="olga")


def taken_down(market: Market, olga: User, rfq: Rfq, price: str = "0.92") -> Quote:
    offer = Offer(rfq.ref, Decimal(price), factories.unique("phone"), 60)
    return operations.enter_quote(offer=offer, dealer=market.leo, actor=olga, now=clock.now())


def asked_for(market: Market, olga: User) -> Rfq:
    request = RfqRequest("USDT/EUR", "buy", Decimal(10000), "EUR", factories.unique("phone"))
    return operations.enter_rfq(request=request, trader=market.tara, actor=olga, now=clock.now())


def confirm(quote: Quote, dealer: User) -> Quote:
    return operations.confirm_quote(quote_ref=quote.ref, actor=dealer, now=clock.now())


def test_request_by_phone_is_marked_and_the_client_alone_accepts(market: Market, olga: User) -> None:
    rfq = asked_for(market, olga)
    quote = factories.quote(rfq, market.leo)

    assert (rfq.requested_by, rfq.entered_by, rfq.counterparty) == (market.tara, olga, market.client)
    event = AuditEvent.objects.get(name="rfq.created")
    assert (event.actor, event.capability, event.after["for"]) == (olga, "rfq.enter", market.tara.username)
    with pytest.raises(MissingCapability):
        factories.accept(quote, olga)
    assert factories.accept(quote, market.tara).accepted_by == market.tara


def test_quote_by_phone_is_firm_only_once_its_lp_confirms(market: Market, olga: User) -> None:
    rfq = factories.rfq(market)
    quote = taken_down(market, olga, rfq)

    assert (quote.status, quote.entered_by, quote.quoted_by) == ("entered", olga, market.leo)
    assert Rfq.objects.get().status == "open"
    with pytest.raises(DeskError, match="quote_unconfirmed"):
        factories.accept(quote, market.tara)

    confirm(quote, market.leo)

    assert Rfq.objects.get().status == "quoted"
    assert factories.accept(Quote.objects.get(), market.tara).quote == quote
    assert AuditEvent.objects.get(name="quote.confirmed").actor == market.leo


def test_only_its_own_lp_confirms_and_only_once(market: Market, olga: User) -> None:
    quote = taken_down(market, olga, factories.rfq(market))

    for actor, code in ((market.mina, "no_such_quote"), (olga, "missing_capability"), (market.tara, "missing")):
        with pytest.raises(DeskError, match=code):
            confirm(quote, actor)
    confirm(quote, market.leo)
    with pytest.raises(DeskError, match="no_such_quote"):
        confirm(quote, market.leo)


def test_confirmed_one_replaces_the_lps_own_and_an_own_one_ends_it(market: Market, olga: User) -> None:
    rfq = factories.rfq(market)
    own = factories.quote(rfq, market.leo, "0.93")
    spoken = taken_down(market, olga, rfq, "0.92")
    assert Quote.objects.get(pk=own.pk).status == "active"

    confirm(spoken, market.leo)
    assert Quote.objects.get(pk=own.pk).status == "replaced"

    other = taken_down(market, olga, rfq, "0.91")
    factories.quote(rfq, market.leo, "0.92")
    assert Quote.objects.get(pk=other.pk).status == "replaced"


def test_unconfirmed_one_is_declined_by_pulling_and_ends_with_the_request(market: Market, olga: User) -> None:
    rfq = factories.rfq(market)
    declined = taken_down(market, olga, rfq)
    operations.pull_quote(rfq_ref=rfq.ref, actor=market.leo, now=clock.now())
    left = taken_down(market, olga, rfq)
    factories.accept(factories.quote(rfq, market.mina), market.tara)

    assert Quote.objects.get(pk=declined.pk).status == "pulled"
    ended = Quote.objects.get(pk=left.pk)
    assert (ended.status, ended.outcome) == ("done_away", "away")
    with pytest.raises(DeskError, match="no_such_quote"):
        confirm(left, market.leo)


def test_who_may_take_down_for_whom(market: Market, olga: User) -> None:
    rfq = factories.rfq(market)
    stranger = factories.user("auditor")
    with pytest.raises(MissingCapability):
        taken_down(market, stranger, rfq)
    with pytest.raises(MissingCapability):
        asked_for(market, stranger)
    offer = Offer(rfq.ref, Decimal("0.92"), "key", 60)
    with pytest.raises(DeskError, match="not_their_trader"):
        operations.enter_quote(offer=offer, dealer=market.tara, actor=olga, now=clock.now())
    second = factories.founders()[1]
    user_operations.narrow_scope(user=olga, keep=[], actor=second, reason=factories.REASON, now=clock.now())
    olga.refresh_from_db()
    with pytest.raises(NotFound):
        asked_for(market, olga)
    with pytest.raises(NotFound):
        taken_down(market, olga, rfq)


def test_database_lets_no_quote_wait_for_confirmation_that_nobody_entered(market: Market) -> None:
    quote = factories.quote(factories.rfq(market), market.leo)

    with refused("active>entered"):
        sql("update rfq_quote set status = 'entered' where id = %s", quote.pk)


# --- the console ------------------------------------------------------------------------------


def test_ops_take_a_request_and_a_quote_down_at_the_console(market: Market, olga: User) -> None:
    client = verified_client(olga)
    assert "RFQ by phone" in client.get("/rfqs/").content.decode()
    sent = {"caller": market.tara.ref, "side": "buy", "pair": "USDT/EUR", "amount": "10,000.50", "unit": "fiat"}

    answer = client.post("/rfqs/new/", sent | {"destination": "", "key": "KEY-1"})

    rfq = Rfq.objects.get()
    assert answer.headers["Location"] == f"/rfqs/{rfq.ref}/"
    assert (rfq.quote_amount, rfq.entered_by, rfq.requested_by) == (Decimal("10000.50"), olga, market.tara)
    again = client.post("/rfqs/new/", sent | {"destination": "", "key": "KEY-1"})
    assert again.headers["Location"] == f"/rfqs/{rfq.ref}/"
    assert Rfq.objects.count() == 1

    page = f"/rfqs/{rfq.ref}/quotes/new/"
    said = {"caller": market.leo.ref, "price": "0.9213", "ttl_seconds": "60", "key": "K"}
    assert client.post(page, said).status_code == 302
    assert Quote.objects.get().status == "entered"
    assert "To be confirmed" in client.get(f"/rfqs/{rfq.ref}/").content.decode()


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(market: Market, olga: User) -> None:
    client = verified_client(olga)
    sent = {"caller": market.tara.ref, "side": "buy", "pair": "USDT/EUR", "amount": "1e6", "unit": "fiat", "key": "K"}

    answer = client.post("/rfqs/new/", sent)
    assert answer.status_code == 422
    assert "I cannot read “1e6” as a number" in answer.content.decode()

    answer = client.post("/rfqs/new/", sent | {"amount": "5", "unit": "USDT"})
    assert answer.status_code == 422
    assert 'value="5"' in answer.content.decode()
    assert Rfq.objects.filter(status="open").count() == 0
    nobody = client.post("/rfqs/new/", sent | {"caller": market.leo.ref})
    assert "choose the client&#x27;s trader" in nobody.content.decode()


def test_phone_pages_are_for_ops_alone(market: Market) -> None:
    rfq = factories.rfq(market)
    for role in ("approver", "admin", "auditor"):
        client = verified_client(factories.user(role))
        assert "RFQ by phone" not in client.get("/rfqs/").content.decode()
        for page in ("/rfqs/new/", f"/rfqs/{rfq.ref}/quotes/new/"):
            assert client.get(page).status_code == 403
