"""The ledger's pages: accounts, entries with their running balance, journals that sum to nothing, the trial balance."""

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement import books, ledger, operations
from settlement.ledger import Posting
from settlement.models import Asset, Entry, Journal, LedgerAccount
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.factories import Market
from trading.lib import clock
from users import operations as user_operations
from users.models import AuditEvent, Counterparty, Role, User

PAGES = ["/ledger/", "/ledger/journals/", "/ledger/trial-balance/"]


@dataclass
class Kept:
    """A client with 1,000 EUR, 100 of them held, and a wallet with USDT."""

    client: Counterparty
    eur: Asset


@pytest.fixture
def kept(db: None) -> Kept:
    usdt = Asset.objects.create(code="USDT", kind="token", scale=6)
    eur = Asset.objects.create(code="EUR", kind="fiat", scale=2)
    client = factories.counterparty()
    operations.open_accounts(assets=[usdt, eur], counterparties=[client, factories.counterparty("lp")])
    wallet = operations.open_wallet(name="hot", chain="simulated", address="sim1", asset=usdt, now=clock.now())
    factories.fund(wallet, "5")
    factories.deposit(client, eur, "1000")
    with transaction.atomic():
        hold = ledger.hold(ledger.of(client, eur.unit), eur.unit, 10_000)
        ledger.post(Posting("withdrawal-hold:WDR-TEST", "withdrawal_hold", "WDR-TEST", hold))
    return Kept(client, eur)


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def euros(kept: Kept) -> str:
    return f"client:{kept.client.ref}:EUR"


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    page: str = answer.content.decode()
    return page


def figures(page: str) -> list[str]:
    """Every amount of a page, in order, as it reads."""
    found = re.findall(r'<bdi class="num" dir="ltr">([-\d,]+)(?:<span class="dec">(\.\d+)</span>)?</bdi>', page)
    return [whole + fraction for whole, fraction in found]


def rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    lines = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(lines, newline="")))


def narrow(user: User, client: Counterparty) -> None:
    first = factories.founders()[0]
    user_operations.narrow_scope(user=user, keep=[client], actor=first, reason=factories.REASON, now=clock.now())


# --- who -------------------------------------------------------------------------------------


def test_the_ledger_is_for_the_desk_alone(kept: Kept, euros: str) -> None:
    pages = [*PAGES, f"/ledger/accounts/{euros}/", f"/ledger/journals/{Journal.objects.earliest('pk').key}/"]
    for role in (Role.OPS, Role.APPROVER, Role.ADMIN, Role.AUDITOR):
        browser = verified_client(scene.person(f"one-{role}", role))
        assert {browser.get(page).status_code for page in pages} == {200}
    client, lp = kept.client, factories.counterparty("lp")
    for name, role, party in (("tara", Role.TRADER, client), ("leo", Role.LP, lp)):
        browser = verified_client(scene.person(name, role, counterparty=party))
        assert {browser.get(page).status_code for page in pages} == {302}
        for export in (f"/ledger/accounts/{euros}/export/", "/ledger/trial-balance/export/"):
            assert browser.post(export).status_code == 302
    assert {Client().get(page).status_code for page in pages} == {302}
    assert not AuditEvent.objects.filter(name="ledger.exported").exists()


def test_who_serves_some_clients_sees_their_accounts_and_journals_only(kept: Kept, euros: str) -> None:
    other = verified_client(factories.narrowed(scene.person("nils", Role.OPS)))
    own = scene.person("nora", Role.OPS)
    narrow(own, kept.client)
    browser = verified_client(User.objects.get(pk=own.pk))

    assert "No accounts here." in text(other.get("/ledger/"))
    assert "No journals here." in text(other.get("/ledger/journals/"))
    assert other.get(f"/ledger/accounts/{euros}/").status_code == 404
    assert other.get(f"/ledger/journals/{Journal.objects.latest('pk').key}/").status_code == 404
    page = text(browser.get("/ledger/"))
    assert euros in page
    assert "bank:EUR" not in page
    assert "/ledger/trial-balance/" not in page
    assert browser.get("/ledger/accounts/bank:EUR/").status_code == 404
    assert browser.get("/ledger/trial-balance/").status_code == 404
    assert browser.post("/ledger/trial-balance/export/").status_code == 404
    assert "withdrawal-hold:" in text(browser.get("/ledger/journals/"))
    assert "funding:" not in text(browser.get("/ledger/journals/"))


def test_who_may_not_take_history_away_gets_no_copy(kept: Kept, euros: str) -> None:
    browser = verified_client(scene.person("amir", Role.APPROVER))

    assert "/export/" not in text(browser.get(f"/ledger/accounts/{euros}/"))
    assert browser.post(f"/ledger/accounts/{euros}/export/").status_code == 403
    assert browser.post("/ledger/trial-balance/export/").status_code == 403
    assert not AuditEvent.objects.filter(name="ledger.exported").exists()


# --- accounts --------------------------------------------------------------------------------


def test_accounts_show_what_they_have_and_are_filtered(console: Client, kept: Kept, euros: str) -> None:
    page = text(console.get(f"/ledger/?q={kept.client.ref}&asset=EUR"))
    assert figures(page.partition("<tbody>")[2])[:3] == ["1,000.00", "100.00", "900.00"]
    assert page.count("<tr data-row") == 1

    assert "hot:" in text(console.get("/ledger/?kind=hot"))
    by_name = text(console.get("/ledger/", {"q": kept.client.name}))
    assert (euros in by_name, "bank:EUR" in by_name) == (True, False)
    assert "bank:EUR" in text(console.get("/ledger/?q=bank:"))
    nothing = text(console.get("/ledger/?q=nobody"))
    assert ("No accounts here." in nothing, "Clear the filter" in nothing) == (True, True)
    for query in ("kind=%00", "asset=XXX", "after=zzz", "q=' or 1=1"):
        assert console.get(f"/ledger/?{query}").status_code == 200
    summed = figures(text(console.get("/ledger/?kind=bank&asset=EUR")).partition("<tbody>")[2])
    assert summed == ["1,000.00", "0.00"]
    assert figures(text(console.get("/ledger/?kind=suspense")).partition("<tbody>")[2])[:2] == ["0.00", "0.00"]


def walked(console: Client, url: str, pattern: str) -> list[str]:
    """What a list shows on all its pages, as one leads to the next."""
    seen: list[str] = []
    following = url
    while following:
        page = text(console.get(following))
        seen += re.findall(pattern, page)
        onward = re.search(r'href="([^"]+)" rel="next"', page)
        following = onward[1].replace("&amp;", "&") if onward else ""
    assert len(seen) == len(set(seen))
    return seen


def test_pages_follow_by_key_without_gaps(console: Client, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "PAGE_SIZE", 4)
    for _ in range(5):
        factories.deposit(kept.client, kept.eur, "1")
    row = r'<tr data-row id="row-(\d+)"'

    codes = walked(console, "/ledger/", r'href="/ledger/accounts/([^"]+)/"')
    keys = walked(console, "/ledger/journals/", row)
    entries = walked(console, "/ledger/accounts/bank:EUR/", row)

    assert codes == list(LedgerAccount.objects.order_by("code").values_list("code", flat=True))
    assert len(keys) == Journal.objects.count() > 5
    assert len(entries) == Entry.objects.filter(account__code="bank:EUR").count() > 5


def test_the_running_balance_is_right_on_every_page(
    console: Client, kept: Kept, euros: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for amount in ("5", "7.50", "11"):
        factories.deposit(kept.client, kept.eur, amount)
    account = LedgerAccount.objects.select_related("asset", "balance").get(code=euros)
    last = books.last_entry()
    whole = list(books.whole_statement(account, span=books.Span(), last=last))
    said = [(line.entry.layer, line.amount, line.running) for line in whole]
    assert said == [
        ("P", Decimal(1000), Decimal(1000)),
        ("H", Decimal(100), Decimal(100)),
        ("P", Decimal(5), Decimal(1005)),
        ("P", Decimal("7.50"), Decimal("1012.50")),
        ("P", Decimal(11), Decimal("1023.50")),
    ]
    monkeypatch.setattr(books, "ENTRIES_AT_ONCE", 2)
    assert list(books.whole_statement(account, span=books.Span(), last=last)) == whole

    monkeypatch.setattr(books, "PAGE_SIZE", 2)
    walked, before = [], None
    while True:
        page = books.statement(account, span=books.Span(), before=before)
        walked += [(line.entry.layer, line.amount, line.running) for line in page.lines]
        before = page.older
        if before is None:
            break
    assert walked == said[::-1]


def test_an_account_shows_days_and_their_ends(console: Client, kept: Kept, euros: str) -> None:
    today = clock.now().date()
    tomorrow = (today + timedelta(days=1)).isoformat()

    all_of_it = text(console.get(f"/ledger/accounts/{euros}/?since={today}&until={today}"))
    later = text(console.get(f"/ledger/accounts/{euros}/?since={tomorrow}"))
    earlier = text(console.get(f"/ledger/accounts/{euros}/?until={today - timedelta(days=1)}"))

    assert all_of_it.count("<tr data-row") == 2
    assert "Posted before these days" in all_of_it
    assert "withdrawal-hold:" in all_of_it
    assert "No entries here." in later
    assert "No entries here." in earlier
    for query in ("since=yesterday", "until=9999-12-31", "before=x", "before=99999999999999999999999"):
        assert console.get(f"/ledger/accounts/{euros}/?{query}").status_code == 200
    assert console.get("/ledger/accounts/client:NOBODY:EUR/").status_code == 404


def test_an_accounts_entries_are_taken_away_as_csv_and_noted(console: Client, kept: Kept, euros: str) -> None:
    today = clock.now().date().isoformat()

    lines = rows(console.post(f"/ledger/accounts/{euros}/export/", {"since": today}))
    none = rows(console.post(f"/ledger/accounts/{euros}/export/", {"until": "2020-01-01"}))

    assert [(row["layer"], row["amount"], row["balance_of_layer"]) for row in lines] == [
        ("posted", "1000.00", "1000.00"),
        ("held", "100.00", "100.00"),
    ]
    assert lines[1]["journal"].startswith("withdrawal-hold:WDR-")
    assert none == []
    noted = AuditEvent.objects.filter(name="ledger.exported").earliest("pk")
    assert (noted.actor_name, noted.after["of"], noted.after["filters"]["since"]) == ("olga", euros, today)


# --- journals --------------------------------------------------------------------------------


def test_a_journal_shows_its_entries_sums_and_what_it_came_from(console: Client, market: Market) -> None:
    settlement = factories.settled(market, side="buy").settlement
    key = f"delivery:{settlement.ref}"
    page = text(console.get(f"/ledger/journals/{key}/"))

    sums = page.partition('id="sums-title"')[2].partition("</table>")[0]
    assert sums.count("Balanced") == 3  # EUR posted and held, USDT posted
    assert "Not balanced" not in page
    for words in (f'href="/settlements/{settlement.ref}/"', f"hold:{settlement.trade_ref}", "settlement.settled"):
        assert words in page
    assert f"/audit/?q={settlement.ref}" in page
    assert f'href="/ledger/journals/{key}/"' in text(console.get(f"/settlements/{settlement.ref}/"))
    assert console.get("/ledger/journals/delivery:STL-NONE/").status_code == 404


def test_a_journal_leads_to_the_request_of_two_and_lists_are_filtered(console: Client, market: Market) -> None:
    settlement, other = factories.fill(market).settlement, factories.fill(market).settlement
    request = factories.carry("settlement.cancel", settlement.ref)

    page = text(console.get(f"/ledger/journals/cancel:{settlement.ref}/"))
    assert f'href="/approvals/{request.ref}/"' in page
    assert "Cancel settlement" in page

    tomorrow = (clock.now() + timedelta(days=1)).date()
    for query, number in (
        (f"q={settlement.ref.lower()}", 3),
        (f"q={other.trade_ref}", 2),
        (f"q=accrual:{other.trade_ref}", 1),
        ("kind=accrual", 2),
        (f"kind=accrual&q={other.ref}", 1),
        (f"since={tomorrow}", 0),
    ):
        listed = text(console.get(f"/ledger/journals/?{query}"))
        assert listed.count("<tr data-row") == number, query
    assert "Clear the filter" in listed
    for query in ("kind=%00", "before=x", "until=never"):
        assert console.get(f"/ledger/journals/?{query}").status_code == 200


# --- the trial balance -----------------------------------------------------------------------


def test_the_trial_balance_is_nothing_together_at_any_time(console: Client, kept: Kept) -> None:
    before: datetime = Journal.objects.earliest("pk").created_at - timedelta(minutes=2)
    page = text(console.get("/ledger/trial-balance/"))

    assert page.count("Balanced") == 2
    assert "Not balanced" not in page
    assert "1,000.00" in "".join(figures(page))
    earlier = text(console.get("/ledger/trial-balance/", {"at": f"{before:%Y-%m-%dT%H:%M}"}))
    assert "Nothing was posted by then." in earlier
    for at in ("never", "9999-12-31T23:59", "2026-13-01"):
        assert console.get("/ledger/trial-balance/", {"at": at}).status_code == 200


def test_the_trial_balance_says_when_it_does_not_balance(console: Client, kept: Kept, owner: Any) -> None:
    owner.execute("alter table settlement_entry disable trigger user")
    owner.execute("update settlement_entry set amount = amount + 1 where id = (select max(id) from settlement_entry)")
    owner.execute("alter table settlement_entry enable trigger user")

    assert text(console.get("/ledger/trial-balance/")).count("Not balanced") == 1
    key = Journal.objects.latest("pk").key
    assert "Not balanced" in text(console.get(f"/ledger/journals/{key}/"))


def test_the_trial_balance_is_taken_away_as_csv_and_noted(console: Client, kept: Kept) -> None:
    page = text(console.get("/ledger/trial-balance/"))
    at = re.search(r'name="at" value="([^"]+[+]00:00)"', page)
    assert at is not None
    factories.deposit(kept.client, kept.eur, "77")  # after what was looked at
    lines = rows(console.post("/ledger/trial-balance/export/", {"at": at[1]}))

    totals = {row["asset"]: row for row in lines if row["kind"] == "total"}
    assert set(totals) == {"EUR", "USDT"}
    for row in totals.values():
        assert row["debit"] == row["credit"]
        assert row["held_debit"] == row["held_credit"]
    assert totals["EUR"]["debit"] == "1000.00"
    assert AuditEvent.objects.get(name="ledger.exported").after["of"] == "trial-balance"


# --- how much --------------------------------------------------------------------------------


def test_pages_cost_the_same_queries_for_few_and_many_rows(console: Client, kept: Kept, euros: str) -> None:
    first = f"/ledger/journals/deposit:{Journal.objects.filter(kind='deposit').earliest('pk').key.partition(':')[2]}/"
    urls = [*PAGES, f"/ledger/accounts/{euros}/", "/ledger/accounts/bank:EUR/?since=2020-01-01", first]

    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert console.get(url).status_code == 200
        return len(seen)

    for url in urls:
        queries(url)
    before = [queries(url) for url in urls]
    for _ in range(5):
        factories.deposit(kept.client, kept.eur, "1")
    assert [queries(url) for url in urls] == before
    assert max(before) <= 17


def test_the_pages_are_in_persian_as_well(kept: Kept, euros: str) -> None:
    browser = verified_client(scene.person("amir", Role.APPROVER, language="fa"))

    for url, words in (
        ("/ledger/", "حساب‌ها"),
        (f"/ledger/accounts/{euros}/", "مانده پس از آن"),
        ("/ledger/journals/", "جابه‌جا می‌کند"),
        ("/ledger/trial-balance/", "تراز آزمایشی"),
    ):
        page = text(browser.get(url))
        assert words in page
        assert 'dir="rtl"' in page
