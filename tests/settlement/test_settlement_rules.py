"""What the database refuses around settlements, transfers and evidence."""

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection

from rfq.models import Fill
from settlement import ledger, operations, tasks
from settlement.models import Settlement, SimulatedTransaction, Transfer
from settlement.operations.reconciling import Outcome
from settlement.wallets.base import Outgoing
from tests import factories
from tests.factories import Market
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.money import USDT
from trading.sandbox import alarms
from users import operations as user_operations
from users.models import AuditEvent, AuditSeal

NEVER = "never changed or removed"
DENIED = "permission denied"


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def approved(market: Market) -> Settlement:
    return factories.fill(market).settlement


@pytest.fixture
def paying(approved: Settlement) -> Settlement:
    return operations.pay(settlement_id=approved.pk, signer=tasks.sign, now=clock.now())


# --- settlements -----------------------------------------------------------------------------


NOT_FIRST = ["paying", "blocked", "settled", "needs_review", "cancelled", "settled_manually", "reversed"]


def test_settlement_is_not_born_there(approved: Settlement) -> None:
    for status in NOT_FIRST:
        copied = {field.name: getattr(approved, field.name) for field in Settlement._meta.fields}
        copied |= {"id": None, "ref": "STL-OTHER", "trade_ref": "FIL-OTHER"}
        copied |= {"status": status, "settled_at": clock.now()}

        by_two = {"cancelled": "ST02", "settled_manually": "ST06"}
        with refused(by_two.get(status, f"has no step >{status}")):
            Settlement.objects.create(**copied)


NOT_NEXT = ["awaiting_funds", "awaiting_approval", "needs_review", "settled_manually", "reversed"]


def test_settlement_does_not_go_there(approved: Settlement) -> None:
    for status in NOT_NEXT:
        by_two = {"settled_manually": "ST06", "reversed": "RV03"}
        with refused(by_two.get(status, f"has no step approved>{status}")):
            sql("update settlement_settlement set status = %s", status)


TERMS = [
    "base_amount = base_amount + 1",
    "quote_amount = quote_amount - 1",
    "lp_quote_amount = 1",
    "markup_amount = 0",
    "price = price * 2",
    "destination_id = null",
    "side = 'sell', destination_id = null",
    "client_id = lp_id",
    "trade_ref = 'FIL-OTHER'",
]


def test_terms_of_a_settlement_are_frozen(approved: Settlement) -> None:
    for change in TERMS:
        with refused("may only change"):
            sql(f"update settlement_settlement set {change}")  # noqa: S608


def test_settled_without_a_time_is_refused(approved: Settlement) -> None:
    with refused("settlement_settled_when"):
        sql("update settlement_settlement set status = 'settled'")


def test_a_step_by_hand_leaves_its_row_all_the_same(approved: Settlement) -> None:
    sql("update settlement_settlement set status = 'blocked', reason = 'by hand'")

    step = approved.transitions.latest("pk")
    assert (step.from_status, step.to_status, step.reason) == ("approved", "blocked", "by hand")


STEPS_BY_HAND = [
    "insert into settlement_settlementtransition select 99, 'approved', 'settled', '', '', now(), 1",
    "update settlement_settlementtransition set reason = 'better'",
    "delete from settlement_settlementtransition",
    "truncate settlement_settlementtransition",
]


def test_steps_cannot_be_written_by_hand(approved: Settlement) -> None:
    for statement in STEPS_BY_HAND:
        with refused(DENIED):
            sql(statement)


# --- transfers -------------------------------------------------------------------------------


def copy_of(transfer: Transfer, **changes: object) -> Transfer:
    copied = {field.name: getattr(transfer, field.name) for field in Transfer._meta.fields}
    return Transfer(**(copied | {"id": None, "ref": "TRF-OTHER"} | changes))


def test_settlement_has_one_live_transfer(paying: Settlement) -> None:
    with refused("transfer_one_alive"):
        copy_of(paying.transfers.get(), generation=2, nonce=99).save(force_insert=True)


def test_nonce_is_used_once(market: Market, paying: Settlement) -> None:
    other = factories.fill(market).settlement

    with refused("transfer_nonce_once"):
        copy_of(paying.transfers.get(), settlement=other).save(force_insert=True)


def test_transfer_pays_its_trade_and_nothing_else(market: Market, approved: Settlement) -> None:
    elsewhere = factories.address(market.client)
    other_chain = operations.open_wallet(
        name="other", chain="ethereum", address="0xother", asset=market.usdt, now=clock.now()
    )
    assert approved.destination is not None
    usual: dict[str, Any] = {
        "settlement": approved,
        "wallet": market.wallet,
        "to_address": approved.destination.address,
        "amount_minor": ledger.minor(approved.base_amount, USDT),
        "nonce": 77,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    }
    wrong: list[dict[str, Any]] = [
        {"amount_minor": usual["amount_minor"] + 1},
        {"to_address": elsewhere.address},
        {"wallet": other_chain},
    ]
    for changes in wrong:
        with refused("ST14"):
            Transfer.objects.create(**(usual | changes))
    approved.move("blocked", at=clock.now(), reason="no_wallet")
    with refused("ST14"):
        Transfer.objects.create(**usual)
    approved.move("approved", at=clock.now(), reason="mended")
    assert Transfer.objects.create(**usual).pk


PAYMENT = ["amount_minor = 1", "to_address = 'me'", "nonce = 7", "wallet_id = wallet_id + 1"]


def test_terms_of_a_transfer_are_frozen(paying: Settlement) -> None:
    for change in PAYMENT:
        with refused("may only change"):
            sql(f"update settlement_transfer set {change}")  # noqa: S608


SIGNED = ["raw = ''", "tx_hash = '0x1'"]


def test_signed_bytes_are_frozen(paying: Settlement) -> None:
    for change in SIGNED:
        with refused("may only change"):
            sql(f"update settlement_transferattempt set {change}")  # noqa: S608


NOT_AFTER_SIGNED = ["final", "abandoned"]


def test_signed_transfer_does_not_go_there(paying: Settlement) -> None:
    for status in NOT_AFTER_SIGNED:
        with refused(f"has no step signed>{status}"):
            sql("update settlement_transfer set status = %s", status)


NOT_AFTER_MINED = ["signed", "failed", "superseded", "expired"]


def test_mined_attempt_does_not_go_there(paying: Settlement) -> None:
    sql("update settlement_transferattempt set status = 'mined'")
    for status in NOT_AFTER_MINED:
        with refused(f"has no step mined>{status}"):
            sql("update settlement_transferattempt set status = %s", status)


# --- nothing is taken away, and nobody decides alone -------------------------------------------

STAY = ["settlement_settlement", "settlement_transfer", "settlement_transferattempt", "settlement_payoutaddress"]


def test_what_was_settled_and_paid_stays(paying: Settlement) -> None:
    for table in STAY:
        with refused(NEVER):
            sql(f"delete from {table}")  # noqa: S608
        with refused(DENIED):
            sql(f"truncate {table} cascade")


@pytest.mark.parametrize("act", ["settlement.release", "settlement.cancel"])
def test_nobody_decides_what_they_proposed(market: Market, act: str) -> None:
    first, second = factories.founders()
    operations.turn_flag_off(actor=second, reason=factories.REASON, now=clock.now())
    settlement = factories.fill(market).settlement
    request = factories.propose(act, settlement.ref)

    with refused("DC23"):
        execute_by_hand(request, first)
    with refused("DC45"):  # nor does the second's word count without its effect
        execute_by_hand(request, second)


# --- evidence, whoever asks ------------------------------------------------------------------

EVIDENCE = sorted(
    model._meta.db_table
    for model in apps.get_models()
    if getattr(model, "append_only", False) or model.__name__ == "SettlementTransition"
)


@pytest.fixture
def evidence(market: Market, paying: Settlement) -> None:
    """A row in every table of evidence."""
    now = clock.now()
    user_operations.seal_audit(now=now)
    SimulatedTransaction.objects.create(
        tx_hash="0x1", sender="me", nonce=1, to_address="you", amount_minor=1, accepted_at=now
    )
    factories.receipt(factories.settled(market), market.tara)
    factories.reversed_(factories.settled(market))
    factories.settled_by_hand(market)
    disputed = factories.dispute(paying.fill, by=market.tara)
    factories.noted(disputed, market.tara)
    factories.attached(disputed, market.tara)
    operations.notice_home(now=now)
    operations.record_reconciliation(outcome=Outcome(begun_at=now), now=now)
    out = Outgoing("0x1", 0, 1, "you", 1)
    operations.record_outflows(wallet_id=market.wallet.pk, found=[out], until=1, now=now)
    alarms.simulate("wallet_gas_low", now=now)
    assert [table for table in EVIDENCE if not sql(f"select exists (select from {table})")] == []  # noqa: S608


def test_all_evidence_is_probed() -> None:
    assert len(EVIDENCE) == 25
    assert {Fill._meta.db_table, AuditEvent._meta.db_table, AuditSeal._meta.db_table} < set(EVIDENCE)


def test_not_even_the_owner_rewrites_evidence(evidence: None, owner: Any) -> None:
    for table in EVIDENCE:
        column = connection.introspection.get_primary_key_column(connection.cursor(), table)
        statements = [f"update {table} set {column} = {column}", f"delete from {table}", f"truncate {table} cascade"]  # noqa: S608

        for statement in statements:
            with pytest.raises(DatabaseError, match=NEVER):
                owner.execute(statement)


def test_runtime_role_may_not_rewrite_evidence(evidence: None) -> None:
    for table in EVIDENCE:
        column = connection.introspection.get_primary_key_column(connection.cursor(), table)
        statements = [f"update {table} set {column} = {column}", f"delete from {table}", f"truncate {table} cascade"]  # noqa: S608

        for statement in statements:
            with refused(DENIED):
                sql(statement)


# --- seals -----------------------------------------------------------------------------------


def new_seal(**changes: object) -> AuditSeal:
    last = AuditSeal.objects.order_by("-number").first()
    values: dict[str, object] = {
        "number": last.number + 1 if last else 1,
        "event_ids": [AuditEvent.objects.latest("pk").pk],
        "events_hash": b"events",
        "previous_hash": bytes(last.hash) if last else b"genesis",
        "hash": b"hash",
        "sealed_at": clock.now(),
    }
    return AuditSeal(**(values | changes))


BAD_SEALS: list[tuple[dict[str, object], str]] = [
    ({"number": 3}, "does not follow"),
    ({"number": 1}, "does not follow"),
    ({"previous_hash": b"another"}, "does not follow"),
    ({"event_ids": [10**12]}, "do not exist"),
    ({"event_ids": []}, "seal_not_empty"),
]


def test_seal_out_of_the_chain_is_refused(evidence: None) -> None:
    for changes, because in BAD_SEALS:
        with refused(because):
            new_seal(**changes).save(force_insert=True)


def test_seal_with_events_out_of_order_is_refused(evidence: None) -> None:
    ids = list(AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[:2])

    with refused("out of order"):
        new_seal(event_ids=ids).save(force_insert=True)
