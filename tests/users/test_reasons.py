"""A reason says something, in any script, and the console and the database agree on what that is."""

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.probes import sql
from users import policies
from users.policies import BLANK, LONGEST_REASON, SHORTEST_REASON, MeaninglessReason

RANGES = re.compile(r"\\[uU]([0-9a-f]+)(?:-\\[uU]([0-9a-f]+))?")
SAYS_NOTHING = [
    "",
    " " * 40,
    "\t" * 40,
    "\n\r" * 40,
    "\u00a0" * 40,  # no-break space
    "\u200b" * 40,  # zero-width space
    "\u200d\u200c" * 20,  # joiners
    "\ufeff" * 40,  # byte order mark
    "\u3164\u115f\u2800" * 20,  # fillers that are letters or symbols by name
    "\U000e0041" * 40,  # tags
    "\ufe0f" * 40,  # variation selectors
    "\x00" * 40,
    "\ud800" * 40,  # half of a letter
    "nineteen letters!!",
    "a" * 19,
    "a" * 19 + "\u200b" * 10,
    " ".join("a" * 19),
    "a" * 1001,
]
SAYS_ENOUGH = [
    "a" * 20,
    " ".join("a" * 20),
    "a" * 1000,
    "اسناد شرکت بررسی شد و درست است",
    "تم التحقق من وثائق الشركة وهي صحيحة",
    "公司文件已经核对无误,负责人身份亦已确认属实,可以开通账户。",
    "документы компании проверены",
    "👍" * 20,
]


@pytest.mark.parametrize("reason", SAYS_NOTHING, ids=ascii)
def test_reason_that_says_nothing(db: None, reason: str) -> None:
    with pytest.raises(MeaninglessReason):
        policies.require_meaningful(reason)
    if not policies.NOT_TEXT.search(reason):  # PostgreSQL cannot even hold those
        assert sql("select desk_meaningful(%s)", reason) is False


@pytest.mark.parametrize("reason", SAYS_ENOUGH)
def test_reason_that_says_enough_in_any_script(db: None, reason: str) -> None:
    assert policies.require_meaningful(f"\t {reason}\n") == reason
    assert sql("select desk_meaningful(%s)", reason) is True


def test_what_is_no_text_is_left_out() -> None:
    assert policies.require_meaningful("\x00" + "a" * 20 + "\ud800") == "a" * 20


def test_every_blank_that_unicode_knows_is_one() -> None:
    known = {"Zs", "Zl", "Zp", "Cc", "Cf", "Co"}
    blanks = {chr(one) for one in range(1, 0x110000) if unicodedata.category(chr(one)) in known}

    assert {letter for letter in blanks if not BLANK.fullmatch(letter)} == set()


def letters_to_compare() -> list[str]:
    """All of the first plane, the ends of every range of blanks with their neighbours, and a sample of the rest."""
    points = {*range(1, 0x10000), *range(0x10000, 0x110000, 101)}
    for start, end in RANGES.findall(BLANK.pattern):
        points |= {int(one, 16) + step for one in (start, end) if one for step in (-1, 0, 1)}
    return [chr(one) for one in sorted(points) if 0 < one < 0x110000 and not 0xD800 <= one <= 0xDFFF]


def test_console_and_database_agree_letter_by_letter(db: None) -> None:
    letters = letters_to_compare()
    statement = """
        select coalesce(array_agg(one), '{}') from unnest(%s::text[]) as one where not desk_meaningful(repeat(one, 20))
    """

    assert sql(statement, letters) == [letter for letter in letters if BLANK.fullmatch(letter)]


SHORT = st.text(min_size=0, max_size=60)
AROUND_THE_LIMIT = st.text(
    st.sampled_from("aé文ه\u0301👍 \t\u00a0\u200b\u3164\ufe0f"),
    min_size=SHORTEST_REASON - 2,
    max_size=SHORTEST_REASON + 12,
)
LONG = st.text(st.sampled_from("a \u200b"), min_size=LONGEST_REASON - 3, max_size=LONGEST_REASON + 3)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(SHORT, AROUND_THE_LIMIT, LONG))
def test_console_and_database_agree_on_any_text(db: None, text: str) -> None:
    try:
        words, is_enough = policies.require_meaningful(text), True
    except MeaninglessReason:
        words, is_enough = policies.NOT_TEXT.sub("", text).strip(), False

    assert sql("select desk_meaningful(%s)", words) is is_enough
