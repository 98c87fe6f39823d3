"""Destinations: asked for, approved by two, used after cooling off, ended by one; and what the database refuses."""

from typing import Any

import pytest

from settlement import operations
from settlement.addresses import ForbiddenAddress
from settlement.models import BankAccount, PayoutAddress
from settlement.operations import NewAddress, NewBankAccount
from settlement.operations.deposits import OtherDeposit
from settlement.operations.destinations import (
    AlreadyEnded,
    AlreadyThere,
    IncompleteAccount,
    LabelTaken,
    NoSuchCurrency,
    TooManyAsked,
)
from settlement.own_acts.destinations import NotAskedFor
from tests import factories
from tests.factories import REASON, Market
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import NotFound
from users import acts
from users.capabilities import MissingCapability
from users.models import AuditEvent, User
from users.own_acts.base import BadPayload

TWO = "only by a request that two people carried"
SIGNED: dict[str, Any] = {"chain": "simulated", "address": "somewhere", "cooling_hours": 24}
IBAN = "DE89370400440532013000"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market(eur="0", usdt="0")


def ask(actor: User, address: str = "somewhere", **more: str) -> PayoutAddress:
    return operations.ask_address(new=NewAddress("simulated", address, **more), actor=actor, now=clock.now())


def ask_bank(actor: User, number: str = IBAN, **more: Any) -> BankAccount:
    usual: dict[str, Any] = {"currency": "EUR", "holder": "Cedar", "is_iban": True, "bank": "Commerzbank"} | more
    return operations.ask_bank_account(new=NewBankAccount(number=number, **usual), actor=actor, now=clock.now())


def test_a_client_asks_and_nothing_may_go_there_yet(market: Market) -> None:
    asked = ask(market.tara, "somewhere", label="Cold  store")

    assert (asked.counterparty, asked.label, asked.approved_at) == (market.client, "Cold store", None)
    assert not asked.is_usable(at=clock.now())
    event = AuditEvent.objects.filter(name="address.asked").latest("pk")
    assert (event.actor, event.subject_ref, event.after["address"]) == (market.tara, asked.ref, "somewhere")


def test_two_people_approve_and_then_it_cools(market: Market) -> None:
    olga, amir = factories.user("ops"), factories.user("approver")
    asked = ask(market.tara)

    request = factories.propose("address.add", asked.ref, by=olga, **SIGNED)
    assert request.subject_counterparty == market.client
    assert [line.after for line in acts.act_of("address.add").describe(asked.ref, SIGNED)][2] == "somewhere"
    assert factories.decide(request, by=amir).status == "executed"

    asked.refresh_from_db()
    assert asked.approved_at is not None
    assert asked.usable_from is not None
    assert (asked.usable_from - asked.approved_at).total_seconds() == pytest.approx(24 * 3600, abs=1)
    assert not asked.is_usable(at=clock.now())
    event = AuditEvent.objects.get(name="address.added", subject_ref=asked.ref)
    assert (event.actor, event.secondary_approver) == (olga, amir)


def test_a_bank_account_is_approved_likewise(market: Market) -> None:
    asked = ask_bank(market.tara, "de89 3704 0044 0532 0130 00")
    assert asked.number == IBAN

    factories.carry("bank_account.add", asked.ref, currency="EUR", number=IBAN)

    asked.refresh_from_db()
    assert asked.is_usable
    assert AuditEvent.objects.filter(name="bank_account.added", subject_ref=asked.ref).exists()


def test_the_desks_own_account_takes_the_place_of_the_one_before(market: Market) -> None:
    first = factories.account(None)
    second = factories.account(None, "NL91ABNA0417164300")

    first.refresh_from_db()
    assert (first.is_usable, second.is_usable) == (False, True)
    with pytest.raises(MissingCapability):
        ask_bank(market.tara, party="desk")


def test_what_is_refused_when_asking(market: Market) -> None:
    ask(market.tara, "somewhere", label="Cold")
    with pytest.raises(AlreadyThere):
        ask(market.tara, "somewhere")
    with pytest.raises(LabelTaken):
        ask_bank(market.tara, label="cold")
    with pytest.raises(ForbiddenAddress):
        ask(market.tara, market.wallet.address)
    with pytest.raises(NoSuchCurrency):
        ask_bank(market.tara, currency="USDT")
    with pytest.raises(IncompleteAccount):
        ask_bank(market.tara, holder=" ")
    ask_bank(market.tara)
    with pytest.raises(AlreadyThere):
        ask_bank(market.tara)
    assert PayoutAddress.objects.filter(address="somewhere").count() == 1


def test_a_party_has_ten_that_wait_at_most(market: Market) -> None:
    for number in range(9):
        ask(market.tara, f"somewhere-{number}")
    ask_bank(market.tara)
    with pytest.raises(TooManyAsked):
        ask(market.tara)
    with pytest.raises(TooManyAsked):
        ask_bank(market.tara, "NL91ABNA0417164300")
    ask(factories.user("ops"), party=market.client.ref)  # the desk's own word
    ask(market.leo)


def test_the_same_key_is_the_same_destination_whatever_became_of_it(market: Market) -> None:
    new = NewAddress("simulated", "somewhere", " Cold  store")
    asked = operations.ask_address(new=new, actor=market.tara, key="one", now=clock.now())
    operations.end_address(ref=asked.ref, actor=market.tara, reason="", now=clock.now())

    assert operations.ask_address(new=new, actor=market.tara, key="one", now=clock.now()) == asked
    with pytest.raises(OtherDeposit):
        operations.ask_address(new=NewAddress("simulated", "elsewhere"), actor=market.tara, key="one", now=clock.now())
    assert AuditEvent.objects.filter(name="address.asked", subject_ref=asked.ref).count() == 1


def test_who_may_not_ask(market: Market) -> None:
    for role in ("auditor", "approver"):
        with pytest.raises(MissingCapability):
            ask(factories.user(role), party=market.client.ref)
    with pytest.raises(NotFound):
        ask(market.tara, party=market.meridian.ref)
    with pytest.raises(NotFound):
        ask(factories.narrowed(factories.user("ops")), party=market.client.ref)


def test_who_asked_about_it_does_not_matter_but_who_serves_does(market: Market) -> None:
    asked = ask(market.tara)
    outside = factories.narrowed(factories.user("ops"))

    with pytest.raises(NotFound):
        factories.propose("address.add", asked.ref, by=outside, chain="simulated", address="somewhere", cooling_hours=0)


BAD: list[dict[str, Any]] = [
    {},
    {"chain": "simulated", "address": "elsewhere", "cooling_hours": 24},
    {"chain": "simulated", "address": "somewhere", "cooling_hours": -1},
    {"chain": "simulated", "address": "somewhere", "cooling_hours": "24"},
    {"chain": "simulated", "address": "somewhere", "cooling_hours": 24, "more": 1},
]


def test_details_that_do_not_name_it_are_refused(market: Market) -> None:
    asked, account = ask(market.tara), ask_bank(market.tara)
    for details in BAD:
        with pytest.raises(BadPayload):
            factories.propose("address.add", asked.ref, **details)
    with pytest.raises(BadPayload):
        factories.propose("bank_account.add", account.ref, currency="EUR", number="NL91ABNA0417164300")
    with pytest.raises(NotFound):
        factories.propose("bank_account.add", "BNK-NOWHERE1", currency="EUR", number=IBAN)


def test_one_person_ends_it_at_once_and_for_good(market: Market) -> None:
    asked = ask(market.tara)
    operations.end_address(ref=market.address.ref, actor=factories.user("approver"), reason=REASON, now=clock.now())
    operations.end_address(ref=asked.ref, actor=market.tara, reason="", now=clock.now())

    market.address.refresh_from_db()
    assert not market.address.is_usable(at=clock.now())
    with pytest.raises(AlreadyEnded):
        operations.end_address(ref=asked.ref, actor=market.tara, reason="", now=clock.now())
    with pytest.raises(NotAskedFor):
        factories.propose("address.add", asked.ref, chain="simulated", address="somewhere", cooling_hours=0)
    with pytest.raises(NotFound):
        operations.end_address(ref=asked.ref, actor=market.leo, reason="", now=clock.now())
    account = factories.account(market.client)
    operations.end_bank_account(ref=account.ref, actor=market.tara, reason="", now=clock.now())
    with pytest.raises(AlreadyEnded):
        operations.end_bank_account(ref=account.ref, actor=market.tara, reason="", now=clock.now())
    assert ask_bank(market.tara).ref != account.ref


def test_a_planted_lookalike_is_shown_to_who_decides(market: Market) -> None:
    ask(market.tara, "abcd-the-true-one-wxyz")
    planted = ask(market.tara, "abcd-the-other-one-wxyz")

    seen = acts.act_of("address.add").checks(planted.ref)

    assert ("bad", "abcd-the-true-one-wxyz") in [(check.tone, check.seen) for check in seen]


def test_another_holder_and_a_shared_account_are_shown_to_who_decides(market: Market) -> None:
    ask_bank(market.leo)
    asked = ask_bank(market.tara, holder="Somebody Else")

    seen = [(check.tone, check.seen) for check in acts.act_of("bank_account.add").checks(asked.ref)]

    assert ("bad", "Somebody Else") in seen
    assert ("bad", market.meridian.name) in seen


# --- what the database refuses, whoever asks and by whichever way ---------------------------------


def test_nothing_is_approved_without_its_request(market: Market) -> None:
    asked, account = ask(market.tara), ask_bank(market.tara)
    with refused(f"MN01 .*{TWO}"):
        sql("update settlement_payoutaddress set approved_at = now(), usable_from = now() where id = %s", asked.pk)
    with refused(f"MN01 .*{TWO}"):
        sql("update settlement_payoutaddress set usable_from = now() - interval '1 day'")
    with refused(f"MN01 .*{TWO}"):
        now = clock.now()
        PayoutAddress.objects.create(
            counterparty=market.client, chain="simulated", address="mine", approved_at=now, usable_from=now
        )
    with refused(f"MN03 .*{TWO}"):
        sql("update settlement_bankaccount set approved_at = now() where id = %s", account.pk)
    with refused(f"MN03 .*{TWO}"):
        sql(
            "insert into settlement_bankaccount (ref, currency_id, holder, number, is_iban, bank, bic, label,"
            " asked_by_id, created_at, approved_at) values ('BNK-1', 'EUR', 'me', 'DE89', false, 'b', '', '', %s,"
            " now(), now())",
            market.tara.pk,
        )


def test_a_request_approves_what_it_names_and_nothing_else(market: Market) -> None:
    asked, other = ask(market.tara), ask(market.tara, "elsewhere")
    request = factories.propose("address.add", asked.ref, **SIGNED)
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    with refused("MN01"):
        execute_by_hand(request, factories.founders()[1])
        sql("update settlement_payoutaddress set approved_at = now(), usable_from = now() where id = %s", other.pk)


def test_the_cooling_period_is_the_signed_one_whatever_is_written(market: Market) -> None:
    asked = ask(market.tara)
    factories.carry("address.add", asked.ref, **SIGNED)

    assert sql("select usable_from > now() + interval '23 hours' from settlement_payoutaddress where id = %s", asked.pk)


def test_what_it_is_never_changes_and_ended_is_ended(market: Market) -> None:
    account = factories.account(market.client)
    for change in ("number = 'NL91'", "holder = 'me'", "counterparty_id = null", "currency_id = 'USDT'"):
        with refused("may only change"):
            sql(f"update settlement_bankaccount set {change}")  # noqa: S608 - the test's own words
    for change in ("address = 'me'", "chain = 'tron'", "asked_by_id = null, counterparty_id = counterparty_id + 1"):
        with refused("may only change"):
            sql(f"update settlement_payoutaddress set {change}")  # noqa: S608 - the test's own words
    operations.end_bank_account(ref=account.ref, actor=market.tara, reason="", now=clock.now())
    operations.end_address(ref=market.address.ref, actor=market.tara, reason="", now=clock.now())
    with refused("MN02"):
        sql("update settlement_bankaccount set ended_at = null")
    with refused("MN02"):
        sql("update settlement_payoutaddress set revoked_at = null")
    for table in ("settlement_bankaccount", "settlement_payoutaddress"):
        with refused("never changed or removed|permission denied"):
            sql(f"delete from {table}")  # noqa: S608 - the test's own words
