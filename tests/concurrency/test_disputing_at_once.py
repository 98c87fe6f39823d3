"""Two people at the same dispute at the same instant, on connections of their own: one effect, and the right words."""

from collections.abc import Callable

import pytest

from rfq.dispute_errors import AlreadyAssigned, AlreadyDisputed, DisputeOver
from rfq.models import Dispute, DisputeNote, Fill
from tests import factories
from tests.concurrency.threads import at_once, in_thread, locked, wait_for_a_waiter
from tests.factories import Market, assigned, dispute, noted, resolved, withdrawn
from users.models import AuditEvent, User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def fill(market: Market) -> Fill:
    return factories.fill(market)


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


@pytest.fixture
def oscar(db: None) -> User:
    return factories.user("ops", username="oscar")


def refusals(outcomes: list[object]) -> list[Exception]:
    return [one for one in outcomes if isinstance(one, Exception)]


def names(made: Dispute) -> list[str]:
    return list(AuditEvent.objects.filter(subject_ref=made.ref).order_by("pk").values_list("name", flat=True))


def test_two_take_it_one_has_it_and_the_other_is_told_who(fill: Fill, olga: User, oscar: User) -> None:
    made = dispute(fill)

    outcomes = at_once([lambda: assigned(made, olga), lambda: assigned(made, oscar)])

    (told,) = refusals(outcomes)
    assert isinstance(told, AlreadyAssigned)
    now = Dispute.objects.select_related("assigned_to").get(pk=made.pk)
    assert now.assigned_to is not None
    assert now.assigned_to.username in told.sentence
    assert names(made) == ["dispute.opened", "dispute.assigned"]


def test_resolving_against_withdrawing_one_of_them_counts(market: Market, fill: Fill, olga: User) -> None:
    made = assigned(dispute(fill), olga)

    outcomes = at_once([lambda: resolved(made, olga), lambda: withdrawn(made, market.tara)])

    (told,) = refusals(outcomes)
    assert isinstance(told, DisputeOver)
    end = Dispute.objects.get(pk=made.pk).status
    assert names(made) == ["dispute.opened", "dispute.assigned", f"dispute.{end}"]


def ends(market: Market, made: Dispute, olga: User) -> list[Callable[[], object]]:
    return [lambda: resolved(made, olga), lambda: withdrawn(made, market.tara)]


@pytest.mark.parametrize("first", [0, 1], ids=["resolve", "withdraw"])
def test_whoever_waits_for_the_lock_sees_what_the_other_did(market: Market, fill: Fill, olga: User, first: int) -> None:
    made = assigned(dispute(fill), olga)
    acts = ends(market, made, olga)

    with locked(made):
        one = in_thread(acts[first])
        wait_for_a_waiter()
        two = in_thread(acts[1 - first])
        wait_for_a_waiter(2)
    outcomes = [one.outcome(), two.outcome()]

    assert isinstance(outcomes[0], Dispute)
    assert isinstance(outcomes[1], DisputeOver)


def test_a_note_never_comes_after_the_end(market: Market, fill: Fill, olga: User) -> None:
    made = assigned(dispute(fill), olga)

    with locked(made):
        end = in_thread(lambda: resolved(made, olga))
        wait_for_a_waiter()
        note = in_thread(lambda: noted(made, market.tara))
        wait_for_a_waiter(2)

    assert isinstance(end.outcome(), Dispute)
    assert isinstance(note.outcome(), DisputeOver)
    assert not DisputeNote.objects.exists()


def test_the_same_opened_ten_times_at_once_is_one(fill: Fill) -> None:
    outcomes = at_once([lambda: dispute(fill, key="once")] * 10)

    assert refusals(outcomes) == []
    assert len({one.pk for one in outcomes if isinstance(one, Dispute)}) == 1
    assert AuditEvent.objects.filter(name="dispute.opened").count() == 1


def test_two_of_one_party_at_once_open_one(market: Market, fill: Fill) -> None:
    other = factories.user("trader", of=market.client)

    outcomes = at_once([lambda: dispute(fill), lambda: dispute(fill, by=other)])

    (told,) = refusals(outcomes)
    assert isinstance(told, AlreadyDisputed)
    assert Dispute.objects.get().ref in told.sentence
