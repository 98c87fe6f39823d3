"""Drawing text with fpdf2: fonts for every script of the desk, shaped by HarfBuzz, from either side of the page."""

from pathlib import Path

from fpdf import FPDF

from trading.lib.numbers import RIGHT_TO_LEFT
from trading.lib.pdf.blocks import Kind

FONTS = Path(__file__).resolve().parent / "fonts"
FAMILIES = {"inter": "Inter", "vazirmatn": "Vazirmatn-NL"}
STYLES = {"": "Regular", "B": "SemiBold"}
WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 15.0
INNER = WIDTH - 2 * MARGIN
MM_PER_POINT = 0.3528
WIDEST_LETTER = 0.62  # of the size: a text whose letters were all so wide is measured before it is drawn
ELLIPSIS = "…"
INK, FAINT, BAND = (17, 24, 39), (107, 114, 128), (243, 244, 246)


class Pen:
    """Draws on A4 pages; positions are millimetres from the side on which the language begins to read."""

    def __init__(self, language: str) -> None:
        self.is_rtl = language in RIGHT_TO_LEFT
        self.pdf = FPDF(format="A4")
        self.pdf.set_auto_page_break(auto=False)
        self.pdf.set_margin(0)
        self.pdf.c_margin = 0
        for family, file in FAMILIES.items():
            for style, weight in STYLES.items():
                self.pdf.add_font(family, style, FONTS / f"{file}-{weight}.ttf")
        self._own, self._other = ("vazirmatn", "inter") if self.is_rtl else ("inter", "vazirmatn")
        self.pdf.set_fallback_fonts([self._other])

    def text(
        self,
        at: tuple[float, float],
        width: float,
        text: str,
        *,
        size: float = 8.5,
        strong: bool = False,
        kind: Kind = "text",
        end: bool = False,
        faint: bool = False,
    ) -> None:
        """Write one line into a box that begins `at` (from the reading side, from the top); too long is cut."""
        if not text:
            return
        self._set(size, strong=strong, kind=kind)
        self.pdf.set_text_color(*(FAINT if faint else INK))
        fitted = self._fitted(text, width, size)
        align = "L" if end == self.is_rtl else "R"
        self.pdf.set_xy(self._left(at[0], width), at[1])
        self.pdf.cell(width, size * MM_PER_POINT * 1.35, fitted, align=align)

    def wrapped(self, text: str, width: float, *, size: float, kind: Kind = "text") -> list[str]:
        """Break a text into lines that fit: between words, or anywhere where it is a code."""
        self._set(size, strong=False, kind=kind)
        parts = list(text) if kind == "code" else text.split(" ")
        joint = "" if kind == "code" else " "
        lines, line = [], ""
        for part in parts:
            longer = f"{line}{joint}{part}" if line else part
            if line and self.pdf.get_string_width(longer) > width:
                lines.append(line)
                line = part
            else:
                line = longer
        return [*lines, line]

    def rule(self, y: float, *, strong: bool = False) -> None:
        """Draw a line across the page."""
        self.pdf.set_draw_color(*(INK if strong else (209, 213, 219)))
        self.pdf.set_line_width(0.25 if strong else 0.12)
        self.pdf.line(MARGIN, y, WIDTH - MARGIN, y)

    def band(self, y: float, height: float) -> None:
        """Fill a band across the page."""
        self.pdf.set_fill_color(*BAND)
        self.pdf.rect(MARGIN, y, INNER, height, style="F")

    def _set(self, size: float, *, strong: bool, kind: Kind) -> None:
        style = "B" if strong else ""
        # After a line that began in the other font fpdf2 takes this one as set still: it is set anew every time.
        self.pdf.set_font(self._other, style, size)
        self.pdf.set_font(self._own, style, size)
        is_rtl = self.is_rtl and kind == "text"
        self.pdf.set_text_shaping(use_shaping_engine=True, direction="rtl" if is_rtl else "ltr")

    def _left(self, start: float, width: float) -> float:
        return WIDTH - MARGIN - start - width if self.is_rtl else MARGIN + start

    def _fitted(self, text: str, width: float, size: float) -> str:
        if len(text) * size * MM_PER_POINT * WIDEST_LETTER <= width or self.pdf.get_string_width(text) <= width:
            return text
        while text and self.pdf.get_string_width(text + ELLIPSIS) > width:
            text = text[:-1]
        return text + ELLIPSIS
