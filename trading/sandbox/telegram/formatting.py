"""
Telegram's text formatting: HTML in, plain text and entities out, and back to safe HTML for the page.

Offsets and lengths count UTF-16 units, as the Bot API does (core.telegram.org/bots/api#messageentity).
"""

import re
from dataclasses import dataclass
from html import escape
from typing import Any

from trading.sandbox.telegram.errors import ApiError, bad_request

type Entity = dict[str, Any]

MAX_TEXT = 4096
MAX_CAPTION = 1024

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "tg-spoiler": "spoiler",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_OPENING = re.compile(r"<([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[a-zA-Z-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"']+))?)*)\s*>")
_CLOSING = re.compile(r"</([a-zA-Z][a-zA-Z0-9-]*)?\s*>")
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))")
_REFERENCE = re.compile(r"&(#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|[a-z]{2,4});")
_COMMAND = re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")
_RENDERED = {
    "bold": "strong",
    "italic": "em",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "q",
    "spoiler": "span",
}
_HIGHEST_CODE_POINT = 0x10FFFF


_CLEANED: dict[int, str | None] = {code: " " for code in range(32) if chr(code) not in "\n\r"}
_CLEANED.update(dict.fromkeys((13, *range(8232, 8239))))


def cleaned(text: str) -> str:
    """
    Make text as the service makes it: control characters become blanks, line and bidi embeddings go.

    :raises UnicodeEncodeError: half a surrogate pair, which is no text.
    """
    text.encode()
    return text.translate(_CLEANED)


def utf16_length(text: str) -> int:
    """Count UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(slots=True)
class _Open:
    tag: str
    kind: str
    offset: int
    at_byte: int
    url: str = ""


class _HtmlReader:
    """One pass over Telegram's HTML."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text: list[str] = []
        self.offset = 0
        self.entities: list[Entity] = []
        self.stack: list[_Open] = []

    def read(self) -> tuple[str, list[Entity]]:
        position = 0
        while position < len(self.source):
            character = self.source[position]
            if character == "<":
                position = self._tag(position)
            elif character == "&":
                position = self._reference(position)
            else:
                position = self._plain(position)
        if self.stack:
            opened = self.stack[-1]
            raise self._refuse(
                f'Can\'t find end tag corresponding to start tag "{opened.tag}" at byte offset {opened.at_byte}'
            )
        self.entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self.text), self.entities

    def _refuse(self, words: str) -> ApiError:
        return bad_request(f"can't parse entities: {words}")

    def _byte(self, position: int) -> int:
        return len(self.source[:position].encode())

    def _put(self, piece: str) -> None:
        self.text.append(piece)
        self.offset += utf16_length(piece)

    def _plain(self, position: int) -> int:
        found = re.compile(r"[<&]").search(self.source, position)
        end = found.start() if found else len(self.source)
        self._put(self.source[position:end])
        return end

    def _reference(self, position: int) -> int:
        found = _REFERENCE.match(self.source, position)
        value = None
        if found:
            name = found[1]
            if name.startswith("#"):
                number = int(name.removeprefix("#x"), 16) if name[1] == "x" else int(name[1:])
                value = chr(number) if 0 < number <= _HIGHEST_CODE_POINT else None
            else:
                value = _NAMED.get(name)
        if found is None or value is None:  # Telegram keeps an unknown reference as it is
            self._put("&")
            return position + 1
        self._put(value)
        return found.end()

    def _tag(self, position: int) -> int:
        if self.source.startswith("</", position):
            return self._close(position)
        found = _OPENING.match(self.source, position)
        if not found:
            raise self._refuse(f"Unclosed or malformed start tag at byte offset {self._byte(position)}")
        tag = found[1].lower()
        kind = _TAGS.get(tag)
        if kind is None:
            raise self._refuse(f'Unsupported start tag "{tag}" at byte offset {self._byte(position)}')
        url = next((m[2] or m[3] or m[4] or "" for m in _ATTRIBUTE.finditer(found[2]) if m[1].lower() == "href"), "")
        self.stack.append(_Open(tag, kind, self.offset, self._byte(position), url.replace("&amp;", "&")))
        return found.end()

    def _close(self, position: int) -> int:
        found = _CLOSING.match(self.source, position)
        if not found:
            raise self._refuse(f"Unclosed end tag at byte offset {self._byte(position)}")
        if not self.stack:
            raise self._refuse(f"Unexpected end tag at byte offset {self._byte(position)}")
        opened = self.stack.pop()
        tag = (found[1] or opened.tag).lower()
        if tag != opened.tag:
            raise self._refuse(
                f'Unmatched end tag at byte offset {self._byte(position)}, expected "</{opened.tag}>", found "</{tag}>"'
            )
        length = self.offset - opened.offset
        if length and (opened.kind != "text_link" or opened.url):
            entity: Entity = {"offset": opened.offset, "length": length, "type": opened.kind}
            if opened.kind == "text_link":
                entity["url"] = opened.url
            self.entities.append(entity)
        return found.end()


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Strip blanks at both ends as Telegram does, and move the entities along."""
    start = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    length = utf16_length(text)
    kept = []
    for entity in entities:
        begin = max(0, entity["offset"] - start)
        end = min(length, entity["offset"] - start + entity["length"])
        if end > begin:
            kept.append({**entity, "offset": begin, "length": end - begin})
    return text, kept


def bot_commands(text: str) -> list[Entity]:
    """Find the commands of a plain text."""
    return [
        {
            "offset": utf16_length(text[: found.start()]),
            "length": utf16_length(found[0]),
            "type": "bot_command",
        }
        for found in _COMMAND.finditer(text)
    ]


def parse(source: str, parse_mode: str) -> tuple[str, list[Entity]]:
    """
    Read what a bot sends: plain text, or HTML when ``parse_mode`` says so.

    :raises ApiError: malformed HTML, or a parse mode this stand-in does not know (Markdown).
    """
    mode = parse_mode.lower()
    if mode not in ("", "html"):
        raise bad_request("unsupported parse_mode (the sandbox reads HTML only)")
    text, entities = _HtmlReader(source).read() if mode == "html" else (source, [])
    text, entities = trimmed(text, entities)
    covered = [(e["offset"], e["offset"] + e["length"]) for e in entities if e["type"] in ("code", "pre")]
    commands = [
        command
        for command in bot_commands(text)
        if not any(start < command["offset"] + command["length"] and command["offset"] < end for start, end in covered)
    ]
    return text, sorted([*entities, *commands], key=lambda entity: (entity["offset"], -entity["length"]))


def to_html(text: str, entities: list[Entity]) -> str:
    """Render text with its entities as HTML that is safe to show."""
    units = text.encode("utf-16-le", "surrogatepass")

    def piece(start: int, end: int) -> str:
        return escape(units[start * 2 : end * 2].decode("utf-16-le", "replace"))

    def span(start: int, end: int, inside: list[Entity]) -> str:
        parts = []
        position = start
        while inside:
            entity, *rest = inside
            begin, stop = entity["offset"], min(end, entity["offset"] + entity["length"])
            nested = [other for other in rest if other["offset"] < stop]
            inside = rest[len(nested) :]
            if begin < position or stop <= begin:
                continue
            parts += [piece(position, begin), _wrapped(entity, span(begin, stop, nested))]
            position = stop
        parts.append(piece(position, end))
        return "".join(parts)

    ordered = sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))
    return span(0, len(units) // 2, ordered)


def read_entities(given: Any, text: str) -> list[Entity]:
    """
    Read entities that a bot sent by itself.

    :raises ApiError: not a list of entities, or one lies outside the text.
    """
    if not isinstance(given, list):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    length = utf16_length(text)
    for entity in given:
        if not isinstance(entity, dict) or not isinstance(entity.get("type"), str):
            raise bad_request('can\'t parse MessageEntity: Field "type" must be of type String')
        offset, count = entity.get("offset"), entity.get("length")
        if not isinstance(offset, int) or not isinstance(count, int) or not 0 <= offset < offset + count <= length:
            raise bad_request("can't parse MessageEntity: it must lie inside the text")
    return [dict(entity) for entity in given]


def _wrapped(entity: Entity, content: str) -> str:
    kind = entity["type"]
    if kind == "text_link" and str(entity.get("url", "")).startswith(("http://", "https://")):
        return f'<a href="{escape(entity["url"])}" rel="noreferrer noopener" target="_blank">{content}</a>'
    if kind == "bot_command":
        return f'<span class="cmd">{content}</span>'
    tag = _RENDERED.get(kind)
    return f"<{tag}>{content}</{tag}>" if tag else content
