"""What a file is, by its content; a name for it that is safe on every disk."""

import re
import unicodedata

PDF, PNG, JPEG, TEXT, CSV = "application/pdf", "image/png", "image/jpeg", "text/plain", "text/csv"
SUFFIXES = {PDF: "pdf", PNG: "png", JPEG: "jpg", TEXT: "txt", CSV: "csv"}
SIGNATURES = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LONGEST_STEM = 100


def kind_of(content: bytes, name: str) -> str:
    """Tell the media type by the content; "" for what is not kept. The name only tells CSV from other text."""
    for signature, kind in SIGNATURES:
        if content.startswith(signature):
            return kind
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    if not text.strip() or CONTROLS.search(text):
        return ""
    return CSV if name.lower().endswith(".csv") else TEXT


def safe_name(name: str, kind: str) -> str:
    """Give a name without paths, control or direction characters, with the suffix of its kind."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name
    kept = "".join(c if c.isalnum() or c in " -_()" else "_" for c in unicodedata.normalize("NFC", stem))
    return f"{kept.strip(' _')[:LONGEST_STEM] or 'file'}.{SUFFIXES[kind]}"
