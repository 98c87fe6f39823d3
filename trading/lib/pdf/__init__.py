"""Pages of text and tables as PDF, in any of the desk's languages and in its reading direction."""

from trading.lib.pdf.blocks import Attachment, Block, Column, Facts, Heading, Note, Sheet, Table

__all__ = ["Attachment", "Block", "Column", "Facts", "Heading", "Note", "Sheet", "Table", "render"]


def render(sheet: Sheet) -> bytes:
    """Lay out a paper and give its bytes."""
    from trading.lib.pdf import layout  # noqa: PLC0415 - fpdf and its fonts: 20 MB, only for who makes a paper

    return layout.render(sheet)
