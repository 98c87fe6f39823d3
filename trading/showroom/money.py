"""Settlements, deposits, withdrawals, wallets, the ledger."""

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace

from trading.showroom.facts import ADDRESS, HASH, REASON, Facts, Sample, like, usdt

Thing = SimpleNamespace


def samples(facts: Facts) -> Iterator[Sample]:
    """All of them."""
    yield from _settlements(facts)
    yield from _transfers(facts)
    yield from _moving(facts)
    yield from _wallets(facts)
    yield from _ledger(facts)


def _settlement(facts: Facts, **more: object) -> Thing:
    usual = {
        "ref": "STL-7KQ2M4TX", "trade_ref": "FIL-7KQ2M4TX", "client": facts.client, "lp": facts.lp, "side": "buy",
        "base_amount": usdt("12500.5"), "quote_asset": facts.eur, "quote_amount": Decimal("11545.46"),
        "lp_quote_amount": Decimal("11516.71"), "markup_amount": Decimal("28.75"), "status": "blocked",
        "reason": "wallet_low", "detail": "", "destination": like(chain="ethereum", address=ADDRESS),
        "created_at": facts.ago(minutes=9), "settled_at": None,
    }  # fmt: skip
    return like(**usual | more)


def _settlements(facts: Facts) -> Iterator[Sample]:
    stuck, paying = _settlement(facts), _settlement(facts, ref="STL-8TR3N5VY", status="paying", reason="signed")
    sold = _settlement(facts, ref="STL-9WS4P6XZ", side="sell", destination=None, status="settled", settled_at=facts.now)
    on_its_way = like(status="mined", confirmations=3)
    rows = [
        like(settlement=stuck, transfer=None, urgency="late"),
        like(settlement=paying, transfer=on_its_way, urgency="warn"),
        like(settlement=sold, transfer=None, urgency=""),
    ]
    yield facts.one("settlement_table", page=like(rows=rows, total=usdt("37501.5")))
    yield facts.one("settlement_terms", settlement=stuck)
    yield facts.one("settlement_terms", "sold", settlement=sold)
    yield facts.one("why", "a reason", settlement=stuck, transfer=None)
    yield facts.one("why", "on its way", settlement=paying, transfer=on_its_way)
    steps = [
        like(pk=pk, to_status=status, reason="covered", detail="", at=facts.now)
        for pk, status in ((1, "approved"), (2, "paying"))
    ]
    yield facts.one("steps", transitions=steps)
    yield facts.one("steps", "none", transitions=[])


def _transfer(facts: Facts, **more: object) -> Thing:
    attempt = like(
        pk=1, number=1, tx_hash=HASH, status="broadcast", answer="", broadcast_at=facts.now, created_at=facts.now
    )
    usual = {
        "ref": "TRF-7KQ2M4TX", "owner_ref": "STL-7KQ2M4TX", "amount": usdt("12500.5"), "to_address": ADDRESS,
        "wallet": like(name="hot-1"), "nonce": 7, "status": "mined", "reason": "", "confirmations": 3, "generation": 1,
        "created_at": facts.ago(minutes=2), "updated_at": facts.now, "attempts": like(all=[attempt]),
    }  # fmt: skip
    return like(**usual | more)


def _transfers(facts: Facts) -> Iterator[Sample]:
    lost = _transfer(facts, ref="TRF-8TR3N5VY", status="needs_review", reason="signer_missing", attempts=like(all=[]))
    yield facts.one("transfers_table", rows=[_transfer(facts), lost])
    yield facts.one("payments_table", transfers=[_transfer(facts), lost])


def _moving(facts: Facts) -> Iterator[Sample]:
    row = like(
        ref="DEP-7KQ2M4TX", client=facts.client, asset=facts.eur, announced=Decimal(1000), amount=Decimal("1000.50"),
        status="credited", tx_hash="", bank_reference="BANK-1", created_at=facts.ago(hours=2),
    )  # fmt: skip
    announced = like(**vars(row) | {"ref": "DEP-8TR3N5VY", "amount": None, "status": "announced", "bank_reference": ""})
    seen = like(
        **vars(row) | {"ref": "DEP-9WS4P6XZ", "client": None, "asset": facts.usdt, "tx_hash": HASH, "status": "seen"}
    )
    yield facts.one("money_table", rows=[row, announced, seen], machine="deposit")
    account = like(
        ref="BNK-7KQ2M4TX", counterparty=None, number="DE89370400440532013000", currency_id="EUR", label="",
        created_at=facts.now,
    )  # fmt: skip
    address = like(
        ref="ADR-7KQ2M4TX", counterparty=facts.client, number="", address=ADDRESS, chain="ethereum", label="Cold",
        created_at=facts.now,
    )  # fmt: skip
    yield facts.one("destinations_table", rows=[account, address], state="asked")
    position = like(
        lp=facts.lp, asset=facts.eur, direction="out", owed=Decimal("11516.71"), under_way=Decimal(100),
        left=Decimal("11416.71"), urgency="late", since=facts.ago(days=4),
    )  # fmt: skip
    coming = like(
        **vars(position)
        | {"asset": facts.usdt, "direction": "in", "under_way": Decimal(0), "left": Decimal(0), "urgency": ""}
    )
    yield facts.one("lp_positions_table", rows=[position, coming], user=facts.reader)
    payment = like(
        ref="LPP-7KQ2M4TX", lp=facts.lp, get_direction_display="To the LP", received=None, amount=Decimal(100),
        asset=facts.eur, status="requested", reference=None, created_at=facts.now,
    )  # fmt: skip
    yield facts.one("lp_payments_table", rows=[payment])
    line = like(
        unit=facts.eur.unit, available=Decimal(900), held=Decimal(100), credit=Decimal(5000), credit_used=Decimal(0)
    )
    yield facts.one("credit_lines", rows=[line, like(**vars(line) | {"unit": facts.usdt.unit, "credit": Decimal(0)})])


def _wallets(facts: Facts) -> Iterator[Sample]:
    sound = like(
        pk=1, name="hot-1", chain="ethereum", address=ADDRESS, minimum=usdt("100000"), next_nonce=8, paused_at=None
    )
    stopped = like(**vars(sound) | {"pk": 2, "name": "hot-2", "paused_at": facts.now})
    in_books, on_chain = like(amount=usdt("250000")), like(amount=usdt("249999"))
    row = like(
        wallet=sound, explorer_url="", in_books=in_books, on_chain=in_books, seen={"nonce": 8, "transfers": 3},
        coins=Decimal("0.5"),
        in_flight=1, why="", differences=[], compared_at=facts.now,
    )  # fmt: skip
    differs = like(
        **vars(row)
        | {"wallet": stopped, "on_chain": on_chain, "why": REASON, "coins": None,
           "explorer_url": "https://explorer.example/",
           "differences": [like(check="wallet", what="has 1.000000 USDT less than the books")]}
    )  # fmt: skip
    never = like(
        **vars(row)
        | {
            "wallet": like(**vars(sound) | {"pk": 3, "name": "hot-3"}),
            "on_chain": None,
            "seen": {},
            "coins": None,
            "compared_at": None,
        }
    )
    yield facts.one("wallets_table", rows=[row, differs, never])
    balance = {"free": usdt("249000"), "reserved": usdt("1000"), "is_low": False}
    for state, wallet, is_low in (("usual", sound, False), ("low", sound, True), ("paused", stopped, False)):
        yield facts.one("wallet", state, row=like(wallet=wallet, **balance | {"is_low": is_low}))


def _ledger(facts: Facts) -> Iterator[Sample]:
    account = like(
        pk=1, code="client:CPY-7KQ2M4TX:EUR", counterparty=facts.client, get_kind_display="Client", is_cached=True,
        get_normal_display="Credit", asset_id="EUR", asset=facts.eur,
    )  # fmt: skip
    bank = like(**vars(account) | {"pk": 2, "code": "bank:EUR", "counterparty": None, "is_cached": False})
    balances = like(
        unit=facts.eur.unit, posted=Decimal(1000), held=Decimal(100), available=Decimal(900), credit=Decimal(500)
    )
    yield facts.one("account_facts", account=account, balances=balances)
    yield facts.one("account_facts", "the desk's own", account=bank, balances=balances)
    rows = [like(account=account, balances=balances), like(account=bank, balances=balances)]
    yield facts.one("accounts_table", rows=rows)
    journal = like(
        pk=1, key="deposit:DEP-7KQ2M4TX", kind="deposit", subject="DEP-7KQ2M4TX", created_at=facts.ago(hours=2)
    )
    entry = like(
        pk=1, journal=journal, journal_id=1, account=account, asset=facts.eur, asset_id="EUR",
        get_layer_display="Posted",
    )  # fmt: skip
    other = like(**vars(entry) | {"pk": 2, "account": bank})
    debit = like(entry=entry, amount=Decimal(1000), running=Decimal(1000), credit=Decimal(-1000), places=2)
    credit = like(entry=other, amount=Decimal(-1000), running=Decimal(0), credit=Decimal(1000), places=2)
    ends = {"opening": Decimal(0), "closing": Decimal(1000)}
    yield facts.one("account_lines", statement=like(lines=[debit], opening=None, closing=None), places=2)
    yield facts.one("account_lines", "of some days", statement=like(lines=[debit], **ends), places=2)
    yield facts.one("entries_table", entries=[debit, credit])
    yield facts.one("journal_entries", lines=[debit, credit])
    even = like(asset=facts.eur, label="Posted", debit=Decimal(1000), credit=Decimal(1000), difference=Decimal(0))
    broken = like(**vars(even) | {"asset": facts.usdt, "credit": Decimal(999), "difference": Decimal(1)})
    yield facts.one("journal_sums", totals=[even, broken])
    yield facts.one("journals_table", rows=[like(journal=journal, totals=[even], entries=2)])
    sides = like(
        debit=Decimal(1000), credit=Decimal(1000), held_debit=Decimal(0), held_credit=Decimal(0), difference=Decimal(0),
        held_difference=Decimal(0),
    )  # fmt: skip
    kinds = [like(kind="client", label="Clients", accounts=3, sides=sides)]
    yield facts.one("trial_balance_table", balance=like(unit=facts.eur.unit, rows=kinds, total=sides))
