"""
Reads of the ledger for people: accounts, entries, journals, the trial balance. Each has a fixed number of queries.

Who serves some counterparties only sees their accounts and the journals that touch them; the desk's own accounts and
its trial balance are for those who serve the whole desk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from settlement import standings
from settlement.models import Asset, Entry, Journal, LedgerAccount
from settlement.standings import Standing
from trading.lib.errors import NotFound
from trading.lib.money import Money, Unit
from users.models import Counterparty, User
from users.queries.scopes import within

# From one kind to the next along the index, however many journals are of each.
KINDS = """
with recursive kinds as (
    select min(kind) as kind from settlement_journal
    union all
    select (select min(kind) from settlement_journal where kind > kinds.kind) from kinds where kinds.kind is not null
)
select kind from kinds where kind is not null order by kind
"""
PAGE_SIZE = 50
ENTRIES_AT_ONCE = 2000
POSTED, HELD = Entry.Layer.POSTED, Entry.Layer.HELD
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Balances:
    """What an account has, in units of its asset, in its normal direction; `credit` is how far below nothing it may."""

    unit: Unit
    posted: Decimal
    held: Decimal
    credit: Decimal

    @property
    def available(self) -> Decimal:
        """What is not held."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of the list."""

    account: LedgerAccount
    balances: Balances


@dataclass(frozen=True, slots=True)
class Filter:
    """Which accounts a list shows, and the code after which it begins; it comes from the address of the page."""

    kind: str = ""
    asset: str = ""
    text: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Accounts:
    """One page of accounts by code, and the code after which there are more."""

    rows: list[AccountRow]
    more: str


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, each open where nothing is said; `until` is not in it any more."""

    since: datetime | None = None
    until: datetime | None = None

    def of(self, path: str) -> Q:
        """The rows whose instant at `path` is in it."""
        found = Q(**{f"{path}__gte": self.since}) if self.since else Q()
        return found & Q(**{f"{path}__lt": self.until}) if self.until else found

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of an account, in its normal direction, and what the account had in that layer after it."""

    entry: Entry
    amount: Decimal
    running: Decimal

    @property
    def credit(self) -> Decimal:
        """The same as an amount on the other side."""
        return -self.amount


@dataclass(frozen=True, slots=True)
class Statement:
    """
    One page of an account's entries, newest first.

    `opening` and `closing` are its posted balance at both ends of the time that was asked for.
    """

    account: LedgerAccount
    balances: Balances
    lines: list[Line]
    older: int | None
    opening: Decimal | None = None
    closing: Decimal | None = None


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which journals a list shows."""

    kind: str = ""
    text: str = ""
    span: Span = field(default_factory=Span)
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """What a journal moves in one asset and layer: its debits, its credits, and what is left over, which is nothing."""

    asset: Asset
    layer: str
    debit: Decimal
    credit: Decimal

    @property
    def label(self) -> str:
        """The layer in words."""
        return str(Entry.Layer(self.layer).label)

    @property
    def difference(self) -> Decimal:
        """Zero, or the ledger is broken."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One journal of the list: how many entries it has, and what it moves."""

    journal: Journal
    entries: int
    totals: list[Total]


@dataclass(frozen=True, slots=True)
class Journals:
    """One page of journals, newest first, and the id where the older ones begin."""

    rows: list[JournalRow]
    older: int | None


@dataclass(frozen=True, slots=True)
class JournalDetail:
    """One journal with its entries, its sums, and the other journals of what it came from."""

    journal: Journal
    entries: list[Line]
    totals: list[Total]
    siblings: list[Journal]


def accounts(criteria: Filter, *, reader: User) -> Accounts:
    """Read one page of accounts with their balances. Two queries."""
    found = LedgerAccount.objects.filter(within(reader, "counterparty")).order_by("code")
    if criteria.kind:
        found = found.filter(kind=criteria.kind)
    if criteria.asset:
        found = found.filter(asset=criteria.asset)
    if text := criteria.text.strip():
        named = Q(counterparty__name__icontains=text) | Q(counterparty__ref=text.upper())
        found = found.filter(named | Q(code__istartswith=text))
    if criteria.after:
        found = found.filter(code__gt=criteria.after)
    rows = list(found.select_related("asset", "counterparty", "balance")[: PAGE_SIZE + 1])
    more = rows[PAGE_SIZE - 1].code if len(rows) > PAGE_SIZE else ""
    rows = rows[:PAGE_SIZE]
    found_at = standings.of_accounts([row.pk for row in rows if not row.is_cached])
    return Accounts([AccountRow(row, _balances(row, found_at.get(row.pk))) for row in rows], more)


def account(code: str, *, reader: User) -> LedgerAccount:
    """
    Read one account. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    found = LedgerAccount.objects.filter(within(reader, "counterparty"), code=code)
    row = found.select_related("asset", "counterparty", "balance").first()
    if row is None:
        raise NotFound
    return row


def statement(of: LedgerAccount, *, span: Span, before: int | None = None) -> Statement:
    """Read one page of an account's entries with the running balance. Five queries, whatever the number of rows."""
    entries = Entry.objects.filter(account=of)
    shown = entries.filter(span.of("journal__created_at")).select_related("journal").order_by("-pk")
    if before is not None:
        shown = shown.filter(pk__lt=before)
    page = list(shown[: PAGE_SIZE + 1])
    older = page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None
    page = page[:PAGE_SIZE]
    opening, closing = _ends(of, span) if span else (None, None)
    now = standings.of_accounts([of.pk]).get(of.pk, Standing())
    return Statement(of, _balances(of, now), _with_running(of, page, now), older, opening, closing)


def whole_statement(of: LedgerAccount, *, span: Span, last: int) -> Iterator[Line]:
    """
    Go through an account's entries up to the id `last`, oldest first, with the running balance.

    One query for every 2,000 of them: a cursor that outlives its statement needs a connection that nobody else is lent.
    """
    running: dict[str, Decimal] = {POSTED: ZERO, HELD: ZERO}
    entries = Entry.objects.filter(account=of, pk__lte=last).select_related("journal").order_by("pk")
    for entry in _in_order(entries):
        running[entry.layer] += entry.amount
        at = entry.journal.created_at
        if (span.since is None or at >= span.since) and (span.until is None or at < span.until):
            yield _line(of, entry, running[entry.layer])


def _in_order(entries: QuerySet[Entry]) -> Iterator[Entry]:
    after = 0
    while page := list(entries.filter(pk__gt=after)[:ENTRIES_AT_ONCE]):
        yield from page
        after = page[-1].pk


def journals(criteria: JournalFilter, *, reader: User) -> Journals:
    """Read one page of journals with what they move. Two queries."""
    found = Journal.objects.filter(_seen_by(reader), criteria.span.of("created_at")).order_by("-pk")
    if criteria.kind:
        found = found.filter(kind=criteria.kind)
    if text := criteria.text.strip():
        found = found.filter(Q(key=text) | Q(subject=text.upper()) | Q(key__endswith=f":{text.upper()}"))
    if criteria.before is not None:
        found = found.filter(pk__lt=criteria.before)
    rows = list(found[: PAGE_SIZE + 1])
    older = rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None
    rows = rows[:PAGE_SIZE]
    totals, numbers = _totals([row.pk for row in rows])
    return Journals([JournalRow(row, numbers.get(row.pk, 0), totals.get(row.pk, [])) for row in rows], older)


def journal(key: str, *, reader: User) -> JournalDetail:
    """
    Read one journal with its entries and its siblings. Four queries.

    :raises NotFound: there is none, or not for this reader.
    """
    found = Journal.objects.filter(_seen_by(reader), key=key)
    row = found.select_related("reverses", "reversal").first()
    if row is None:
        raise NotFound
    entries = Entry.objects.filter(journal=row).select_related("account__counterparty", "asset").order_by("pk")
    lines = [Line(entry, Money.from_minor(entry.amount, entry.asset.unit).amount, ZERO) for entry in entries]
    totals, _numbers = _totals([row.pk])
    siblings = Journal.objects.filter(subject=row.subject).exclude(subject="").exclude(pk=row.pk)
    return JournalDetail(row, lines, totals.get(row.pk, []), list(siblings.order_by("pk")[:PAGE_SIZE]))


def named(key: str, *, reader: User) -> Journal | None:
    """Find the journal of this key, if it is the reader's to see. One query."""
    return Journal.objects.filter(_seen_by(reader), key=key).first()


def kinds_of_journals() -> list[str]:
    """List what kinds of journals there are. One query."""
    with connection.cursor() as cursor:
        cursor.execute(KINDS)
        return [kind for (kind,) in cursor.fetchall()]


def assets() -> list[str]:
    """List the assets the desk keeps accounts in. One query."""
    return list(Asset.objects.order_by("code").values_list("code", flat=True))


def last_entry() -> int:
    """The highest id of an entry; 0 when there is none. One query."""
    return Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


_LAYERS = {
    "posted": Sum("amount", filter=Q(layer=POSTED), default=ZERO),
    "held": Sum("amount", filter=Q(layer=HELD), default=ZERO),
}


def _seen_by(reader: User) -> Q:
    if not reader.is_scoped:
        return Q()
    served = Counterparty.objects.filter(within(reader, "pk")).values("pk")
    return Q(Exists(Entry.objects.filter(journal=OuterRef("pk"), account__counterparty__in=served)))


def _signed(of: LedgerAccount, minor: Decimal) -> Decimal:
    """Turn a debit-positive amount into the account's direction; nothing has no sign."""
    return (minor if of.normal == LedgerAccount.Normal.DEBIT else -minor) or ZERO


def _balances(of: LedgerAccount, standing: Standing | None) -> Balances:
    unit = of.asset.unit
    posted, held = ZERO, ZERO
    if of.is_cached:
        posted, held = of.balance.posted, of.balance.held
    elif standing is not None:
        posted, held = _signed(of, standing.posted), _signed(of, standing.held)
    return Balances(unit, *(Money.from_minor(minor, unit).amount for minor in (posted, held, of.credit_minor)))


def _line(of: LedgerAccount, entry: Entry, running: Decimal) -> Line:
    unit = of.asset.unit
    amount, balance = (Money.from_minor(_signed(of, minor), unit).amount for minor in (entry.amount, running))
    return Line(entry, amount, balance)


def _with_running(of: LedgerAccount, page: list[Entry], now: Standing) -> list[Line]:
    """Walk down from what the account stands at now; entries newer than the page, or hidden by a filter, count too."""
    if not page:
        return []
    newer = Entry.objects.filter(account=of, pk__gt=page[0].pk).aggregate(**_LAYERS)
    running: dict[str, Decimal] = {POSTED: now.posted - newer["posted"], HELD: now.held - newer["held"]}
    shown = {entry.pk: entry for entry in page}
    lines = []
    between = Entry.objects.filter(account=of, pk__lte=page[0].pk, pk__gte=page[-1].pk).order_by("-pk")
    for pk, layer, amount in between.values_list("pk", "layer", "amount"):
        if pk in shown:
            lines.append(_line(of, shown[pk], running[layer]))
        running[layer] -= amount
    return lines


def _ends(of: LedgerAccount, span: Span) -> tuple[Decimal, Decimal]:
    nothing: dict[int, Standing] = {}
    opening = standings.of_accounts_before([of.pk], span.since) if span.since else nothing
    closing = standings.of_accounts_before([of.pk], span.until) if span.until else standings.of_accounts([of.pk])
    opened, closed = (
        Money.from_minor(_signed(of, found.get(of.pk, Standing()).posted), of.asset.unit).amount
        for found in (opening, closing)
    )
    return opened, closed


def _totals(pks: list[int]) -> tuple[dict[int, list[Total]], dict[int, int]]:
    sums = (
        Entry.objects.filter(journal__in=pks)
        .values("journal", "asset", "layer", "asset__scale")
        .annotate(
            debit=Sum("amount", filter=Q(amount__gt=0), default=ZERO),
            credit=Sum("amount", filter=Q(amount__lt=0), default=ZERO),
            number=Count("pk"),
        )
        .order_by("journal", "asset", "-layer")
    )
    totals: dict[int, list[Total]] = {}
    numbers: dict[int, int] = {}
    for row in sums:
        asset = Asset(code=row["asset"], scale=row["asset__scale"])
        debit, credit = (Money.from_minor(row[side], asset.unit).amount for side in ("debit", "credit"))
        totals.setdefault(row["journal"], []).append(Total(asset, row["layer"], debit, -credit))
        numbers[row["journal"]] = numbers.get(row["journal"], 0) + row["number"]
    return totals, numbers
