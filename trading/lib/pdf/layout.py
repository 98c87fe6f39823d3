"""From blocks to lines, from lines to pages, and onto paper. The same sheet makes the same bytes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from trading.lib.numbers import format_decimal
from trading.lib.pdf.blocks import Attachment, Block, Facts, Heading, Kind, Note, Sheet, Table
from trading.lib.pdf.pen import HEIGHT, INNER, Pen

TOP, BOTTOM = 26.0, 20.0
ROOM = HEIGHT - TOP - BOTTOM
ROW, HEAD, FACT = 5.2, 6.4, 5.6
LABEL = 52.0
GAP = 1.5  # between a column's edge and its text
SMALL, PLAIN, LARGE = 7.0, 9.0, 18.0


@dataclass(frozen=True, slots=True)
class Line:
    """Something of one height; `head` is what comes again above it at the top of a new page."""

    height: float
    draw: Callable[[Pen, float], None]
    head: "Line | None" = None
    keep: float = 0.0  # how much of what follows must be on the same page


def render(sheet: Sheet) -> bytes:
    """Lay out a paper and give its bytes."""
    pen = Pen(sheet.language)
    lines = [_title(sheet.title), *(line for block in sheet.blocks for line in _lines(block, pen))]
    pages = list(_paged(lines))
    for number, page in enumerate(pages, start=1):
        pen.pdf.add_page()
        _frame(pen, sheet, number, len(pages))
        y = TOP
        for line in page:
            line.draw(pen, y)
            y += line.height
    _describe(pen, sheet)
    return bytes(pen.pdf.output())


def _describe(pen: Pen, sheet: Sheet) -> None:
    pen.pdf.set_title(sheet.title)
    pen.pdf.set_subject(sheet.running)
    pen.pdf.set_lang(sheet.language)
    pen.pdf.set_creation_date(sheet.made_at)
    for attachment in sheet.attachments:
        _attach(pen, attachment, sheet)


def _attach(pen: Pen, attachment: Attachment, sheet: Sheet) -> None:
    pen.pdf.embed_file(
        bytes=attachment.content,
        basename=attachment.name,
        desc=attachment.about,
        creation_date=sheet.made_at,
        modification_date=sheet.made_at,
        compress=False,
    )


def _paged(lines: list[Line]) -> Iterator[list[Line]]:
    page: list[Line] = []
    used = 0.0
    for line in lines:
        if page and used + line.height + line.keep > ROOM:
            yield page
            page = [line.head] if line.head else []
            used = sum(kept.height for kept in page)
        page.append(line)
        used += line.height
    yield page


def _frame(pen: Pen, sheet: Sheet, number: int, total: int) -> None:
    pen.text((0, 12), INNER, f"{sheet.title} · {sheet.running}", size=SMALL, faint=True)
    pen.rule(17.5)
    pen.rule(HEIGHT - 16)
    pen.text((0, HEIGHT - 14), INNER * 0.7, sheet.made, size=SMALL, faint=True)
    page, pages = (format_decimal(Decimal(one), 0, sheet.language) for one in (number, total))
    words = sheet.page_of.format(page=page, pages=pages)
    pen.text((INNER * 0.7, HEIGHT - 14), INNER * 0.3, words, size=SMALL, faint=True, end=True)


def _title(text: str) -> Line:
    return Line(13.0, lambda pen, y: pen.text((0, y), INNER, text, size=LARGE, strong=True))


def _lines(block: Block, pen: Pen) -> Iterator[Line]:
    match block:
        case Heading(text):
            yield Line(10.5, lambda pen, y: pen.text((0, y + 3.5), INNER, text, size=11, strong=True), keep=HEAD + ROW)
        case Facts():
            yield from _facts(block)
        case Table():
            yield from _table(block)
        case Note():
            yield from _note(block, pen)


def _facts(block: Facts) -> Iterator[Line]:
    for label, value, kind in block.rows:
        yield Line(FACT, partial(_draw_fact, label, value, kind))


def _draw_fact(label: str, value: str, kind: Kind, pen: Pen, y: float) -> None:
    pen.text((0, y + 0.8), LABEL - GAP, label, size=PLAIN, faint=True)
    pen.text((LABEL, y + 0.8), INNER - LABEL, value, size=PLAIN, kind=kind)


def _table(block: Table) -> Iterator[Line]:
    head = Line(HEAD, partial(_draw_head, block), keep=ROW)
    yield head
    for number, row in enumerate(block.rows):
        yield Line(ROW, partial(_draw_row, block, row, number in block.strong), head=head)


def _draw_head(block: Table, pen: Pen, y: float) -> None:
    pen.band(y, HEAD)
    _cells(pen, block, [column.title for column in block.columns], y + 1.5, is_head=True)


def _draw_row(block: Table, row: Sequence[str], strong: bool, pen: Pen, y: float) -> None:  # noqa: FBT001 - bound by position
    _cells(pen, block, row, y + 0.9, strong=strong)
    pen.rule(y + ROW)


def _cells(
    pen: Pen, table: Table, values: Sequence[str], y: float, *, is_head: bool = False, strong: bool = False
) -> None:
    start = 0.0
    for column, value in zip(table.columns, values, strict=True):
        pen.text(
            (start + GAP, y),
            column.width - 2 * GAP,
            value,
            size=SMALL if is_head else 8.0,
            strong=strong or is_head,
            kind="text" if is_head else column.kind,
            end=column.kind == "number",
        )
        start += column.width


def _note(block: Note, pen: Pen) -> Iterator[Line]:
    yield Line(2.0, lambda _pen, _y: None)
    for line in pen.wrapped(block.text, INNER, size=SMALL, kind=block.kind):
        yield Line(3.9, partial(_draw_note, line, block.kind))


def _draw_note(line: str, kind: Kind, pen: Pen, y: float) -> None:
    pen.text((0, y), INNER, line, size=SMALL, faint=True, kind=kind)
