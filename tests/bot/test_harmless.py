"""No name or note changes how the rest of a message reads."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from trading.lib.chat import ISOLATES, OVERRIDES, POP_ISOLATE, harmless, message


def test_overrides_and_controls_go_and_isolates_stay_in_pairs() -> None:
    assert harmless("a\u202eb\u0007c\u2069d") == "abcd"
    assert harmless("\u2068RFQ-1\u2069 ok") == "\u2068RFQ-1\u2069 ok"
    assert harmless("x\u2067y") == "x\u2067y\u2069"


@given(st.text(alphabet="ab\u202a\u202e\u2066\u2067\u2068\u2069\u0000\u001b\t"))
def test_whatever_is_written_isolates_are_balanced_and_nothing_overrides(line: str) -> None:
    clean, depth = harmless(line), 0
    for character in clean:
        assert character not in OVERRIDES
        assert unicodedata.category(character) != "Cc" or character == "\t"
        depth += (character in ISOLATES) - (character == POP_ISOLATE)
        assert depth >= 0
    assert depth == 0
    assert harmless(clean) == clean


def test_name_with_markup_and_overrides_is_plain_text_in_a_message() -> None:
    text = message("telegram/start.html", {"name": "<b>Eve</b> & \u202eevE", "side": ""})
    first = text.splitlines()[0]

    assert "&lt;b&gt;Eve&lt;/b&gt; &amp; evE" in first
    assert "\u202e" not in text
