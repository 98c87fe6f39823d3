"""
From which side a line begins.

Telegram, as browsers do, lets each line begin where its first strong letter says (https://www.unicode.org/reports/tr9/,
P2 and P3): a Persian sentence that begins with a Latin word, a ref or a number would begin at the left.
"""

import html
import re
from itertools import takewhile
from unicodedata import bidirectional

from trading.lib.numbers import RIGHT_TO_LEFT

RIGHT_TO_LEFT_MARK = "\u200f"
LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE = "\u2066", "\u2069"
MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_NO_MARKS = dict.fromkeys(map(ord, MARKS))
TAG = re.compile(r"(<[^>]*>)")
COMMAND = re.compile(r"(?<![\w/<:.@-])/[a-z][a-z_]*(?![\w/])")
ISOLATED = re.compile("[\u2066-\u2068][^\u2066-\u2069]*\u2069")
WORD = re.compile(r" \S+")
QUOTED = re.compile(r"<(/?)(?:blockquote|pre)\b[^>]*>")
DASHES, CLOSING = frozenset("—·–|"), ":.,)»”؛،"


def unmarked(text: str) -> str:
    """Take out what only turns text: somebody who copies a ref of the bot copies its marks as well."""
    return text.translate(_NO_MARKS)


def lead(text: str, language: str) -> str:
    """
    Have every line of a message (HTML as Telegram understands it) begin at its reader's side.

    For readers from right to left, lines that do not begin so by themselves are led by a mark, and commands are kept
    whole with their examples, slash first. Quoted words stay as their author wrote them.
    """
    if language not in RIGHT_TO_LEFT:
        return text
    led, is_quoted = [], False
    for line in text.split("\n"):
        quotes = QUOTED.findall(line)
        led.append(line if is_quoted or quotes or not line.strip() else _led(line))
        is_quoted = not quotes[-1] if quotes else is_quoted
    return "\n".join(led)


def _led(line: str) -> str:
    whole = "".join(part if part.startswith("<") else _whole_commands(part) for part in TAG.split(line))
    return whole if _begins_at_the_right(whole) else RIGHT_TO_LEFT_MARK + whole


def _begins_at_the_right(line: str) -> bool:
    """
    Whether the first strong letter, or a mark, is one from right to left, whoever looks for it.

    The rule passes isolates over; some that align lines do not (Chromium, by ICU's `ubidi_getBaseDirection`).
    """
    words = html.unescape(TAG.sub("", line))
    return _is_right(words) and _is_right(ISOLATED.sub("", words))


def _is_right(words: str) -> bool:
    return next((kind != "L" for kind in map(bidirectional, words) if kind in {"L", "R", "AL"}), False)


def _whole_commands(text: str) -> str:
    """Isolate each command with the words of its example."""
    parts, done = [], 0
    for found in COMMAND.finditer(text):
        if found.start() < done:
            continue
        words = takewhile(_is_of_an_example, WORD.findall(text[found.end() :].partition("  ")[0]))
        end = found.end() + len("".join(words))
        while end > found.end() and text[end - 1] in CLOSING:
            end -= 1
        parts += [text[done : found.start()], LEFT_TO_RIGHT_ISOLATE, text[found.start() : end], POP_ISOLATE]
        done = end
    return "".join([*parts, text[done:]])


def _is_of_an_example(word: str) -> bool:
    return not DASHES & set(word) and not any(bidirectional(one) in {"R", "AL"} for one in word)
