"""A party's statement of account, as CSV for machines and as PDF for people."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from rfq import periods
from rfq.papers import words
from rfq.queries import statements
from rfq.queries.statements import AccountPeriod, Statement, Trade
from settlement.models import Settlement
from trading.lib import pdf, sheets
from trading.lib.documents import CSV, PDF, Paper, Wanted
from trading.lib.money import USDT
from trading.lib.pdf import Block, Column, Facts, Heading, Note, Sheet, Table
from users.models import Counterparty, User

KIND = "statement"
FORMATS = ("pdf", "csv")
MOST_ROWS = {"pdf": 2_000, "csv": 50_000}
BOM = "\ufeff"
COLUMNS = (
    "record",
    "at",
    "asset",
    "ref",
    "kind",
    "in",
    "out",
    "balance",
    "rfq",
    "settlement",
    "side",
    "base_amount",
    "price",
    "quote_amount",
    "currency",
    "status",
)


def wanted(period: str, form: str, *, at: datetime) -> Wanted:
    """Name the statement of a period as it stands at an instant, so that it can be made later."""
    return Wanted(KIND, period, {"format": form, "at": at.isoformat()})


def make(reader: User, party: Counterparty, asked: Wanted) -> Paper:
    """
    Make a party's statement on the reader's clock. Three queries.

    :raises StatementTooLong: more rows than one paper holds.
    """
    form, at = asked.options["format"], datetime.fromisoformat(asked.options["at"])
    period = periods.read([asked.ref], time_zone=reader.time_zone, now=at)
    found = statements.statement(party, period, most=MOST_ROWS[form], made_at=at)
    name = f"statement-{party.ref}-{period.name.replace(periods.TO, '-to-')}.{form}"
    if form == "csv":
        return Paper(name, CSV, to_csv(found).encode())
    return Paper(name, PDF, to_pdf(found, time_zone=reader.time_zone))


# --- CSV ------------------------------------------------------------------------------------


def to_csv(statement: Statement) -> str:
    """
    One table (RFC 4180, UTF-8 with its mark): openings, movements, closings, then trades.

    Numbers are plain and instants in UTC, whatever the reader's language; no cell is a formula.
    """
    rows = [*_account_rows(statement), *(_trade_row(trade) for trade in statement.trades)]
    lines = [sheets.line(COLUMNS), *(sheets.line(row.get(name) for name in COLUMNS) for row in rows)]
    return BOM + "".join(lines)


def _account_rows(statement: Statement) -> Iterator[dict[str, object]]:
    until = min(statement.period.ends, statement.made_at)
    for account in statement.accounts:
        code = {"asset": account.asset.code}
        yield {"record": "opening", "at": statement.period.begins, "balance": account.opening, **code}
        for row in account.movements:
            sides = {"in": row.amount} if row.amount > 0 else {"out": -row.amount}
            said = {"at": row.at, "ref": row.ref, "kind": row.kind, "balance": row.balance}
            yield {"record": "movement", **code, **said, **sides}
        sums = {"in": account.came_in, "out": account.went_out, "balance": account.closing}
        yield {"record": "closing", "at": until, **sums, **code}


def _trade_row(trade: Trade) -> dict[str, object]:
    return {
        "record": "trade",
        "at": trade.at,
        "asset": USDT.code,
        "ref": trade.ref,
        "rfq": trade.rfq,
        "settlement": trade.settlement,
        "side": trade.side,
        "base_amount": trade.base_amount,
        "price": trade.price,
        "quote_amount": round(trade.quote_amount, trade.currency.scale),
        "currency": trade.currency.code,
        "status": trade.status,
    }


# --- PDF ------------------------------------------------------------------------------------


def to_pdf(statement: Statement, *, time_zone: str) -> bytes:
    """The same for people, in the active language."""
    span = _span(statement, time_zone)
    made = words.moment(statement.made_at, time_zone)
    blocks: list[Block] = [
        Facts(
            [
                (_("Party"), statement.party.name, "text"),
                (_("Reference"), statement.party.ref, "code"),
                (_("Period"), span, "code"),
                (_("Time zone"), time_zone, "code"),
                (_("Made at"), made, "code"),
            ]
        )
    ]
    for account in statement.accounts:
        blocks += _account(account, statement, time_zone)
    if not statement.accounts:
        blocks.append(Note(_("No money moved, and there is no balance.")))
    if statement.trades:
        blocks += _trades(statement.trades, time_zone, is_lp=statement.party.kind == Counterparty.Kind.LP)
    sheet = Sheet(
        title=_("Statement of account"),
        running=f"{statement.party.name} · {span}",
        made=_("Made at {at} ({zone})").format(at=made, zone=time_zone),
        made_at=statement.made_at,
        language=words.language(),
        page_of=_("Page {page} of {pages}"),
        blocks=blocks,
    )
    return pdf.render(sheet)


def _span(statement: Statement, time_zone: str) -> str:
    """The first and the last day."""
    last = statement.period.ends - timedelta(seconds=1)
    return words.span(statement.period.begins, last, time_zone)


def _account(account: AccountPeriod, statement: Statement, time_zone: str) -> list[Block]:
    scale = account.asset.scale

    def amount(value: Decimal) -> str:
        return words.number(value, scale) if value else ""

    begins, until = statement.period.begins, min(statement.period.ends, statement.made_at)
    opening = words.number(account.opening, scale)
    rows: list[tuple[str, ...]] = [(words.moment(begins, time_zone), "", _("Opening balance"), "", "", opening)]
    for row in account.movements:
        came, went = amount(max(row.amount, Decimal(0))), amount(max(-row.amount, Decimal(0)))
        balance = words.number(row.balance, scale)
        rows.append((words.moment(row.at, time_zone), row.ref, words.kind(row.kind, row.ref), came, went, balance))
    sums = (amount(account.came_in), amount(account.went_out), words.number(account.closing, scale))
    rows.append((words.moment(until, time_zone), "", _("Closing balance"), *sums))
    columns = [
        Column(_("Date"), 30, "code"),
        Column(_("Reference"), 30, "code"),
        Column(_("What"), 36),
        Column(_("In"), 28, "number"),
        Column(_("Out"), 28, "number"),
        Column(_("Balance"), 28, "number"),
    ]
    strong = frozenset({0, len(rows) - 1})
    return [Heading(_("Account in {asset}").format(asset=account.asset.code)), Table(columns, rows, strong)]


def _trades(trades: list[Trade], time_zone: str, *, is_lp: bool) -> list[Block]:
    columns = [
        Column(_("Date"), 29, "code"),
        Column(_("Trade"), 28, "code"),
        Column(_("Side"), 17),
        Column("USDT", 30, "number"),
        Column(_("Price") if is_lp else _("Price, all in"), 23, "number"),
        Column(_("Amount"), 30, "number"),
        Column(_("State"), 23),
    ]
    rows = [_trade(trade, time_zone) for trade in trades]
    totals = list(_totals(trades))
    strong = frozenset(range(len(rows), len(rows) + len(totals)))
    notes = [Note(_("Reversed trades are not in the totals."))] if any(map(_is_reversed, trades)) else []
    return [Heading(_("Trades")), Table(columns, [*rows, *totals], strong), *notes]


def _is_reversed(trade: Trade) -> bool:
    return trade.status == Settlement.Status.REVERSED


def _trade(trade: Trade, time_zone: str) -> tuple[str, ...]:
    return (
        words.moment(trade.at, time_zone),
        trade.ref,
        words.side(trade.side),
        words.number(trade.base_amount, USDT.scale),
        words.price(trade.price, trade.price_scale),
        f"{words.number(trade.quote_amount, trade.currency.scale)} {trade.currency.code}",
        words.state(trade.status),
    )


def _totals(trades: list[Trade]) -> Iterator[tuple[str, ...]]:
    """One line per side and currency, of what stands."""
    trades = [trade for trade in trades if not _is_reversed(trade)]
    for side, code in sorted({(trade.side, trade.currency.code) for trade in trades}):
        same = [trade for trade in trades if (trade.side, trade.currency.code) == (side, code)]
        base = sum((trade.base_amount for trade in same), Decimal(0))
        quote = sum((trade.quote_amount for trade in same), Decimal(0))
        total = f"{words.number(quote, same[0].currency.scale)} {code}"
        yield (_("Total"), "", words.side(side), words.number(base, USDT.scale), "", total, "")
