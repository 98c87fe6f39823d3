"""How an act's target is described to the people who decide, and what they read where it has changed."""

import pytest

from tests.users.acts import Probe, register
from tests.users.approvals import desk
from trading.lib.errors import NotFound
from users import acts
from users.acts import Line
from users.models import ApprovalRequest


def test_an_act_without_checks_of_its_own_looks_at_nothing() -> None:
    assert Probe().checks("thing") == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        ("", "–"),
        (None, "–"),
        (0, "0"),
        (True, "Yes"),
        (False, "No"),
        ([], "–"),
        (["a", True, None], "a, Yes, –"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, shown: str) -> None:
    assert acts.differences(Probe(), {"looks": (value, "new")}) == [Line("looks", shown, "new")]
    assert acts.differences(Probe(), {"looks": ("old", value)}) == [Line("looks", "old", shown)]


def test_fields_have_the_names_the_act_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "fields", {"looks": "How it looks"})

    (line,) = acts.differences(Probe(), {"looks": ("old", "new")})

    assert line.field == "How it looks"


def test_only_what_is_different_has_changed_and_all_of_what_is_gone(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    desk()
    probe = register(monkeypatch)
    request = ApprovalRequest(act=probe.name, subject_ref="thing", target={"ref": "thing", "looks": "old", "was": None})

    assert acts.changed(request) == {"looks": ("old", "the same"), "was": (None, None)}

    monkeypatch.setattr(Probe, "state", gone)
    assert acts.changed(request) == {"ref": ("thing", None), "looks": ("old", None), "was": (None, None)}


def gone(_probe: Probe, subject_ref: str) -> dict[str, object]:
    raise NotFound(ref=subject_ref)
