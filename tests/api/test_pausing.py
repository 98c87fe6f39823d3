"""An LP's program pauses its own quoting, and ends that."""

import pytest

from rfq import operations
from rfq.models import LpTerms, Quote
from tests import factories
from tests.api.parties import LP_SCOPES, TRADER_SCOPES, Program, Room, code_of
from trading.lib import clock

REASON = {"reason": "Our prices are being checked."}


@pytest.fixture
def room(db: None) -> Room:
    return Room()


@pytest.fixture
def leo(room: Room) -> Program:
    return Program(room.market.leo, [*LP_SCOPES, "lp.own_pause"])


def test_a_pause_of_its_own_pulls_the_quotes_and_is_ended_by_itself(room: Room, leo: Program) -> None:
    leo.quote(room.tara.ask().json()["ref"])
    paused = leo.post("pause", REASON)
    assert paused.status_code == 200
    assert paused.json()["paused_at"]
    assert Quote.objects.get().status == "pulled"
    assert code_of(leo.post("pause", REASON)) == (409, "already_paused")

    assert leo.delete("pause").json() == {"paused_at": None}
    assert LpTerms.objects.get().paused_at is None
    assert code_of(leo.delete("pause")) == (403, "not_your_pause")


def test_the_desks_pause_stays(room: Room, leo: Program) -> None:
    operations.pause_lp(
        lp_ref=room.market.meridian.ref, actor=factories.user("ops"), reason=REASON["reason"], now=clock.now()
    )

    assert code_of(leo.delete("pause")) == (403, "not_your_pause")


def test_a_reason_that_says_nothing_is_refused(leo: Program) -> None:
    assert code_of(leo.post("pause", {"reason": "x"}))[1] == "reason_too_short"
    assert not LpTerms.objects.filter(paused_at__isnull=False).exists()


def test_a_key_needs_the_scope(room: Room) -> None:
    assert code_of(room.leo.post("pause", REASON)) == (403, "missing_scope")
    assert room.leo.delete("pause").status_code == 403
    assert Program(room.market.tara, TRADER_SCOPES).post("pause", REASON).status_code == 403
