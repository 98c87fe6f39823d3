"""Every list: says when it is empty, reads on by key, costs the same for few and many, goes away as a copy."""

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement.models import Settlement
from tests import tiers
from tests.console import scene, whole
from tests.console.conftest import verified_client
from tests.console.test_rooms import text
from users.listing import LISTS
from users.models import AuditEvent, Role
from users.operations import lists

SILENCES = "alerting:silences"
FEW, MANY = 10, tiers.examples(1000, 10_000)
# Where each list is looked at, what its rows are in, and which columns tell copies of one row apart (as SQL of `n`).
GROWN: dict[str, tuple[str, dict[str, str]]] = {
    "/rfqs/": ("rfq_rfq", {"ref": "'RFQ-' || n", "client_rfq_id": "'many-' || n"}),
    "/settlements/": (
        "settlement_settlement", {"ref": "'STL-' || n", "trade_ref": "'FIL-' || n", "status": "'blocked'"}
    ),
    "/disputes/?tab=all": ("rfq_dispute", {"ref": "'DSP-' || n", "idempotency_key": "'many-' || n"}),
    "/lps/": ("users_counterparty", {"ref": "'CPY-' || n", "name": "'LP ' || n", "kind": "'lp'"}),
    "/deposits/?state=credited": (
        "settlement_deposit",
        {"ref": "'DEP-' || n", "key": "'many-' || n", "bank_reference": "'MANY-' || n", "status": "'credited'",
         "credited_at": "now()",
         "client_id": "(select min(id) from users_counterparty where kind = 'client')"},
    ),
    "/withdrawals/": ("settlement_withdrawal", {"ref": "'WDR-' || n", "key": "'many-' || n"}),
    "/destinations/#addresses": (
        "settlement_payoutaddress",
        {"ref": "'ADR-' || n", "address": "'many-' || n", "key": "'many-' || n", "approved_at": "null",
         "usable_from": "null"},
    ),
    "/destinations/#accounts": (
        "settlement_bankaccount",
        {"ref": "'BNK-' || n", "number": "'MANY' || n", "key": "'many-' || n", "approved_at": "null"},
    ),
    "/lp-positions/": ("settlement_lppayment", {"ref": "'LPP-' || n", "key": "'many-' || n"}),
    "/transfers/?state=abandoned": (
        "settlement_transfer",
        {"ref": "'TRF-' || n", "nonce": "100000 + n", "generation": "1 + n", "status": "'abandoned'",
         "reason": "'replaced'"},
    ),
    "/ledger/": ("settlement_ledgeraccount", {"code": "'many:' || n", "is_cached": "false"}),
    "/ledger/journals/": ("settlement_journal", {"key": "'many:' || n"}),
    "/users/": ("users_user", {"ref": "'USR-' || n", "username": "'many-' || n", "approval_request_id": "null"}),
    "/counterparties/": ("users_counterparty", {"ref": "'CPY-C' || n", "name": "'Client ' || n", "kind": "'client'"}),
    "/approvals/?tab=decided": (
        "users_approvalrequest",
        {"ref": "'APR-' || n", "idempotency_key": "'many-' || n", "subject_ref": "'USR-' || n", "status": "'declined'",
         "closed_at": "now()"},
    ),
    "/audit/": ("users_auditevent", {}),
    "/alerts/": ("alerting_alert", {"ref": "'ALT-' || n", "fingerprint": "'many-' || n"}),
    "/alerts/silences/": (
        "alerting_silence", {"ref": "'SIL-' || n", "ended_at": "ends_at", "ended_by_id": "made_by_id"}
    ),
    "/notifications/": ("alerting_outboundmessage", {"key": "'many-' || n"}),
}  # fmt: skip
WITHOUT_END = {"/lps/"}  # a desk has as many LPs as its people know by name
COLUMNS = """
select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped
    and attgenerated = '' and attidentity = '' order by attnum
"""


def grow(owner: Any, table: str, first: int, last: int, changes: dict[str, str]) -> None:
    """Copy the newest row of a table so often, past its triggers: what lists show does not hang on how it came."""
    owner.execute(COLUMNS, [table])
    names = [name for (name,) in owner.fetchall()]
    values = ", ".join(changes.get(name, f'row."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    assert set(changes) <= set(names), (table, set(changes) - set(names))
    key = "code" if table == "settlement_ledgeraccount" else "id"
    owner.execute(f"alter table {table} disable trigger user")
    newest = f"select * from {table} order by {key} desc limit 1"  # noqa: S608 - names of this file, as below
    numbers = f"generate_series({first}, {last}) as n"
    owner.execute(f"insert into {table} ({quoted}) select {values} from {numbers}, ({newest}) as row")  # noqa: S608
    owner.execute(f"alter table {table} enable trigger user")


def rows(page: str) -> list[str]:
    return re.findall(r'<tr[^>]* data-row[^>]* id="([^"]+)"|<tr data-row id="([^"]+)"', page)


def cost(client: Client, path: str) -> tuple[int, str]:
    client.get(path)
    with CaptureQueriesContext(connection) as asked:
        page = text(client.get(path))
    return len(asked), page


@pytest.fixture
def reader(db: None) -> Client:
    return verified_client(whole.build())


def older(page: str) -> list[str]:
    return [link.replace("&amp;", "&") for link in re.findall(r'<a class="btn sm" href="([^"]+)" rel="next"', page)]


def test_lists_cost_the_same_for_few_and_many_rows_and_lead_to_older_ones(reader: Client, owner: Any) -> None:
    counts: dict[str, list[int]] = {path: [] for path in GROWN}
    begins = 1
    for ends in (FEW, MANY):
        for table, changes in GROWN.values():
            grow(owner, table, begins, ends, changes)
        for path in GROWN:
            number, page = cost(reader, path.partition("#")[0])
            counts[path].append(number)
            if path not in WITHOUT_END:
                assert len(rows(page)) <= 100, path
                assert older(page) or ends == FEW, path
        begins = ends + 1
    assert {path: found for path, found in counts.items() if found[0] != found[1]} == {}


def test_every_list_is_among_them(console: Client) -> None:
    console.get("/rfqs/")  # addresses are read, and with them the lists
    reached = {path.partition("?")[0].partition("#")[0] for path in GROWN}
    assert {one.url() for one in LISTS.values()} | {"/alerts/silences/"} == reached


def test_an_empty_list_says_so(console: Client) -> None:
    console.get("/rfqs/")
    never_empty = {"users:users": "?q=nobody", "users:audit": "?q=nothing", "settlement:lp_positions": ""}
    for page, one in LISTS.items():
        assert 'class="empty"' in text(console.get(one.url() + never_empty.get(page, ""))), page
    assert 'class="empty"' in text(console.get("/alerts/silences/"))


def test_every_list_can_be_printed(console: Client) -> None:
    console.get("/rfqs/")
    for page, one in LISTS.items():
        assert "data-print" in text(console.get(one.url())), page


# --- copies ----------------------------------------------------------------------------------


def take(client: Client, page: str, query: str = "") -> list[dict[str, str]]:
    answer: Any = client.post(f"/lists/{page}/export/", {"query": query})
    assert answer.status_code == 200, page
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
    content = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(content, newline="")))


def test_a_copy_has_what_the_list_has_and_is_noted(reader: Client) -> None:
    reader.get("/rfqs/")
    taken = 0
    for page, one in LISTS.items():
        if one.table is None:
            continue
        shown = text(reader.get(one.url()))
        copied = take(reader, page)
        assert f"/lists/{page}/export/" in shown, page
        assert all(row["ref"] in shown for row in copied), page
        others = shown.count("<tr data-row") - len(copied)
        assert others == 0 or page == "settlement:lp_positions", page  # positions stand above the payments
        assert all(list(row) == list(one.table.columns) and None not in row.values() for row in copied), page
        event = AuditEvent.objects.filter(name="history.exported").latest("pk")
        assert (event.after["list"], event.after["rows"], event.after["filters"]) == (page, len(copied), "")
        taken += 1
    assert taken >= 9


def test_a_copy_is_filtered_as_the_list_is(console: Client) -> None:
    built = scene.build(16)
    stuck = {one.ref for one in built.settlements if one.status == "blocked"}

    assert {row["ref"] for row in take(console, "settlement:list", "state=stuck&before=x&other=y")} == stuck
    assert AuditEvent.objects.get(name="history.exported").after["filters"] == "state=stuck"
    row = take(console, "settlement:list", "q=" + built.settlements[0].ref)[0]
    one = Settlement.objects.get(ref=built.settlements[0].ref)
    assert (row["client"], row["base_amount"]) == ("Pars Export Co.", f"{one.base_amount:f}")


def test_who_takes_nothing_away_gets_no_copy(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.build(8)
    adele = verified_client(scene.person("adele", Role.APPROVER))
    assert "/export/" not in text(adele.get("/settlements/"))
    assert adele.post("/lists/settlement:list/export/").status_code == 403
    assert console.post("/lists/users:approvals/export/").status_code == 404
    assert console.post("/lists/nothing/export/").status_code == 404

    monkeypatch.setattr(lists, "MOST_ROWS", 1)
    answer = console.post("/lists/settlement:list/export/")
    assert (answer.status_code, "one copy holds 1" in text(answer)) == (409, True)
    assert not AuditEvent.objects.filter(name="history.exported").exists()
