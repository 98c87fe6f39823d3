"""In languages from right to left every line of a message begins at the right; commands stay whole."""

from unicodedata import bidirectional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bot.scene import NAVID, STRANGER, Scene
from tests.factories import fill
from trading.lib.direction import LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE, RIGHT_TO_LEFT_MARK, lead, unmarked

RLM, LRI, PDI, FSI = RIGHT_TO_LEFT_MARK, LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE, "\u2068"


@pytest.mark.parametrize(
    ("line", "led"),
    [
        ("RFQ-1 · FIL-2", f"{RLM}RFQ-1 · FIL-2"),
        ("<b>USDT</b> خریدید", f"{RLM}<b>USDT</b> خریدید"),
        ("1,000.50", f"{RLM}1,000.50"),
        (f"{FSI}RFQ-1{PDI} · EUR", f"{RLM}{FSI}RFQ-1{PDI} · EUR"),
        (f"{FSI}۱۰ USDT{PDI} خریدید", f"{RLM}{FSI}۱۰ USDT{PDI} خریدید"),
        (f"{FSI}خرید{PDI} USDT", f"{RLM}{FSI}خرید{PDI} USDT"),
        ("🧾 <b>رسید</b> · STL-1", "🧾 <b>رسید</b> · STL-1"),
        ("&lt;b&gt; نام", f"{RLM}&lt;b&gt; نام"),
        ("&amp; نام", "&amp; نام"),
        ("", ""),
        (f"{RLM}USDT", f"{RLM}USDT"),
    ],
)
def test_a_line_that_does_not_begin_at_the_right_is_led_there(line: str, led: str) -> None:
    assert lead(line, "fa") == led


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("/rfq buy 10000 EUR — خرید", f"{RLM}{LRI}/rfq buy 10000 EUR{PDI} — خرید"),
        ("بنویسید: /freeze.", f"بنویسید: {LRI}/freeze{PDI}."),
        ("پس گرفتن؛ /pull all: همه", f"پس گرفتن؛ {LRI}/pull all{PDI}: همه"),
        (f"/dispute {FSI}DSP-1{PDI} …", f"{RLM}{LRI}/dispute {FSI}DSP-1{PDI} …{PDI}"),
        ("(/help) ببینید", f"{RLM}({LRI}/help{PDI}) ببینید"),
        ("جفت USDT/eur", "جفت USDT/eur"),
        ("نشانی https://desk.example/help", "نشانی https://desk.example/help"),
    ],
)
def test_a_command_is_kept_whole_with_its_example(line: str, kept: str) -> None:
    assert lead(line, "ar") == kept
    assert unmarked(lead(line, "ar")) == unmarked(line)


def test_what_somebody_wrote_stays_as_it_is_written() -> None:
    text = "نوشت:\n<blockquote>The price is wrong.\nSee /rfq 1.</blockquote>\nEUR"

    assert lead(text, "fa") == f"{text.removesuffix('EUR')}{RLM}EUR"


@pytest.mark.parametrize("language", ["en", "ru", "tr", ""])
def test_who_reads_from_the_left_gets_no_marks(language: str) -> None:
    assert lead("USDT خرید\n/help", language) == "USDT خرید\n/help"


@given(st.text(alphabet="aZ1/ \n—:.<>&;bخر۵\u2066\u2068\u2069\u200f"))
def test_words_stay_and_what_is_led_is_led_already(text: str) -> None:
    assert unmarked(lead(text, "fa")) == unmarked(text)
    assert lead(text, "fa").count("\n") == text.count("\n")


def begins_at_the_right(line: str) -> bool:
    """By the first strong letter of all: those who pass isolates over find a mark or letter there, too."""
    strong = (bidirectional(character) for character in line)
    return next((kind != "L" for kind in strong if kind in {"L", "R", "AL"}), False)


@pytest.mark.parametrize(
    "command", ["/rfq buy ۱۰٬۰۰۰ EUR", "/help", "/limits", "/balance", "/dispute", "/notify", "/orders"]
)
def test_all_lines_that_a_persian_reads_begin_at_the_right(scene: Scene, command: str) -> None:
    scene.say(NAVID, command)

    lines = [line for message in scene.screen(NAVID) for line in message["text"].splitlines() if line]
    assert lines
    assert [line for line in lines if not begins_at_the_right(line)] == []


def test_receipts_and_refusals_begin_at_the_right_for_people_and_for_strangers(scene: Scene) -> None:
    fill(scene.market)
    scene.say(NAVID, "/history")
    scene.say(NAVID, "/receipt FIL-NONE")
    stranger = scene.client.say(STRANGER, "hello")
    assert stranger["from"]["language_code"] == "en"
    scene.turn()

    lines = [line for message in scene.screen(NAVID) for line in message["text"].splitlines() if line]
    assert [line for line in lines if not begins_at_the_right(line)] == []
    assert RLM not in scene.screen(STRANGER)[-1]["text"]


def test_a_ref_or_command_pasted_with_its_marks_is_understood(scene: Scene) -> None:
    (told,) = scene.say(NAVID, f"{RLM}{LRI}/help{PDI}")
    assert "/rfq" in told["text"]

    card = scene.say(NAVID, "/rfq buy 10000 EUR")[-1]
    ref = unmarked(card["text"]).split()[0]
    (gone, *_rest) = scene.say(NAVID, f"/cancel {FSI}{ref}{PDI}")
    assert ref in gone["text"]
    assert "لغو شد" in gone["text"]
