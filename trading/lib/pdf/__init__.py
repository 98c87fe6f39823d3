"""Pages of text and tables as PDF, in any of the desk's languages and in its reading direction."""

from trading.lib.pdf.blocks import Attachment, Block, Column, Facts, Heading, Note, Sheet, Table
from trading.lib.pdf.layout import render

__all__ = ["Attachment", "Block", "Column", "Facts", "Heading", "Note", "Sheet", "Table", "render"]
