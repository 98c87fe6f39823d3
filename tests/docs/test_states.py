"""The page of the state machines says what the code's tables say."""

from io import StringIO

from django.core.management import call_command

from tests.docs.test_links import ROOT


def test_page_of_states_is_what_the_code_says() -> None:
    drawn = StringIO()
    call_command("states", stdout=drawn)

    assert (ROOT / "docs/states.md").read_text() == drawn.getvalue(), "run `make states`"
