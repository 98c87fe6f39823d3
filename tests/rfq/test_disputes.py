"""Disputes: who opens, takes, notes, resolves and withdraws one, and what is refused."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from rfq import operations
from rfq.dispute_errors import (
    AlreadyAssigned,
    AlreadyDisputed,
    DisputeOver,
    InternalNote,
    NamesOtherSide,
    NoSuchFill,
    NotAHandler,
    NotAssigned,
    NotOfTheTrade,
    NotTheAssignee,
    TextTooShort,
    TookPart,
    UnknownKind,
)
from rfq.errors import KeyReused
from rfq.models import Dispute, DisputeNote, Fill
from rfq.operations import Offer, RfqRequest
from tests import factories, jobs
from tests.factories import REASON, Market, assigned, desk_login_of, dispute, narrowed, noted, resolved, withdrawn
from tests.probes import refused
from trading.lib import clock
from trading.lib.errors import NotFound
from users import capabilities
from users.capabilities import MissingCapability
from users.models import AuditEvent, RoleGrant, User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def fill(market: Market) -> Fill:
    """Tara of the client bought from leo of meridian."""
    return factories.fill(market)


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


@pytest.fixture
def oscar(db: None) -> User:
    return factories.user("ops", username="oscar")


def again(one: Dispute) -> Dispute:
    return Dispute.objects.get(pk=one.pk)


def events(one: Dispute) -> list[str]:
    return list(AuditEvent.objects.filter(subject_ref=one.ref).order_by("pk").values_list("name", flat=True))


# --- opening ---------------------------------------------------------------------------------


def test_each_party_disputes_its_own_trade(market: Market, fill: Fill) -> None:
    for user, party in ((market.tara, market.client), (market.leo, market.meridian)):
        made = dispute(fill, by=user)

        assert (made.status, made.party, made.opened_by, made.text) == ("open", party, user, REASON)
        event = AuditEvent.objects.get(name="dispute.opened", subject_ref=made.ref)
        assert event.after == {"fill": fill.ref, "party": party.ref, "kind": "price", "status": "open"}
        assert (event.actor, event.reason, event.capability) == (user, REASON, "dispute.own")
    assert jobs.names(task_name="alerting.dispatch_event").count("alerting.dispatch_event") >= 2


def test_the_desk_opens_one_in_a_partys_name(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill, by=olga, party=market.meridian, kind="settlement")

    assert (made.party, made.opened_by, made.kind) == (market.meridian, olga, "settlement")
    assert AuditEvent.objects.get(subject_ref=made.ref).capability == "dispute.handle"


def test_strangers_to_the_trade_open_nothing(market: Market, fill: Fill, olga: User) -> None:
    other = factories.user("trader")
    for user in (market.mina, other, narrowed(olga)):
        with pytest.raises(NotFound):
            dispute(fill, by=user, party=market.client)
    for role in ("approver", "admin", "auditor", "service"):
        with pytest.raises(MissingCapability):
            dispute(fill, by=factories.user(role), party=market.client)
    with pytest.raises(NoSuchFill):
        dispute(Fill(ref="FIL-NOBODY"), by=market.tara)
    assert not Dispute.objects.exists()


def test_the_desk_names_a_party_of_the_trade(market: Market, fill: Fill, olga: User) -> None:
    for party in (None, market.northwind):
        with pytest.raises(NotOfTheTrade):
            dispute(fill, by=olga, party=party)


@pytest.mark.parametrize("text", ["", "too short", "\u2800" * 40, "x" * 1001])
def test_words_that_say_nothing_are_refused(fill: Fill, text: str) -> None:
    with pytest.raises(TextTooShort):
        dispute(fill, text=text)
    with pytest.raises(UnknownKind):
        dispute(fill, kind="weather")
    assert not Dispute.objects.exists()


def test_the_same_key_is_the_same_dispute_and_other_words_are_refused(fill: Fill) -> None:
    first = dispute(fill, key="once")

    assert dispute(fill, key="once") == first
    with pytest.raises(KeyReused):
        dispute(fill, key="once", kind="amount")
    assert events(first) == ["dispute.opened"]


def test_one_live_dispute_a_trade_and_party(market: Market, fill: Fill) -> None:
    first = dispute(fill)
    with pytest.raises(AlreadyDisputed) as told:
        dispute(fill)
    assert first.ref in told.value.sentence
    dispute(fill, by=market.leo)  # the other side's is another one

    withdrawn(first, market.tara)

    assert dispute(fill).status == "open"


# --- assigning -------------------------------------------------------------------------------


def test_somebody_takes_it_gives_it_back_and_another_gets_it(fill: Fill, olga: User, oscar: User) -> None:
    made = assigned(dispute(fill), olga)
    assert (made.status, made.assigned_to) == ("assigned", olga)
    assert made.assigned_at is not None

    back = operations.unassign_dispute(dispute_ref=made.ref, actor=oscar, now=clock.now())
    assert (back.status, back.assigned_to, back.assigned_at) == ("open", None, None)

    assert assigned(back, oscar, by=olga).assigned_to == oscar
    taken, given_back, given = AuditEvent.objects.filter(
        name__in=["dispute.assigned", "dispute.unassigned"], subject_ref=made.ref
    ).order_by("pk")
    assert taken.before == {"status": "open", "assigned_to": None}
    assert taken.after == given_back.before == {"status": "assigned", "assigned_to": "olga"}
    assert (given.actor, given.after["assigned_to"]) == (olga, "oscar")


def test_what_somebody_handles_is_not_taken_from_them_unasked(fill: Fill, olga: User, oscar: User) -> None:
    made = assigned(dispute(fill), olga)

    with pytest.raises(AlreadyAssigned) as told:
        assigned(made, oscar)
    assert "olga" in told.value.sentence
    assert assigned(made, olga).assigned_to == olga  # the same once more is no event
    assert events(made) == ["dispute.opened", "dispute.assigned"]


def test_only_who_may_handle_it_gets_it(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)
    suspended = factories.user("ops")
    suspended.move("suspended", at=clock.now())
    lost = factories.user("ops")
    RoleGrant.objects.filter(user=lost).update(revoked_at=clock.now())
    others = [factories.user("approver"), narrowed(factories.user("ops")), suspended, lost, market.tara]
    for other in [*others, desk_login_of(market.leo)]:
        with pytest.raises(NotAHandler):
            assigned(made, other, by=olga)
    for role in ("approver", "admin", "auditor"):
        with pytest.raises(MissingCapability):
            assigned(made, olga, by=factories.user(role))
    with pytest.raises(NotFound):
        assigned(made, olga, by=narrowed(factories.user("ops")))
    assert again(made).status == "open"


def test_nothing_to_give_back_is_said(fill: Fill, olga: User) -> None:
    made = dispute(fill)
    with pytest.raises(NotAssigned):
        operations.unassign_dispute(dispute_ref=made.ref, actor=olga, now=clock.now())


# --- notes -----------------------------------------------------------------------------------


def test_party_and_desk_write_to_each_other_and_the_desk_to_itself(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)

    asked, said, own = noted(made, olga), noted(made, market.tara), noted(made, olga, is_internal=True)

    assert [note.is_internal for note in (asked, said, own)] == [False, False, True]
    first, second, third = AuditEvent.objects.filter(name="dispute.noted").order_by("pk")
    assert third.after == {"note": own.pk, "is_internal": True, "text": REASON}
    assert [event.capability for event in (first, second)] == ["dispute.handle", "dispute.own"]


def test_notes_are_refused_where_they_do_not_belong(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)
    with pytest.raises(InternalNote):
        noted(made, market.tara, is_internal=True)
    with pytest.raises(TextTooShort):
        noted(made, olga, "hm")
    for stranger in (market.leo, market.mina, factories.user("trader"), narrowed(olga)):
        with pytest.raises(NotFound):
            noted(made, stranger)
    with pytest.raises(MissingCapability):
        noted(made, factories.user("auditor"))
    assert not DisputeNote.objects.exists()


def test_the_same_key_is_the_same_note(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)
    first = noted(made, olga, key="once")

    assert noted(made, olga, key="once") == first
    with pytest.raises(KeyReused):
        noted(made, olga, f"{REASON} And more.", key="once")
    with pytest.raises(KeyReused):
        noted(made, olga, key="once", is_internal=True)
    assert events(made).count("dispute.noted") == 1


def test_what_the_party_reads_never_names_the_other_side(market: Market, fill: Fill, olga: User) -> None:
    clients, lps = dispute(fill), dispute(fill, by=market.leo)
    for one, other in ((clients, market.meridian), (lps, market.client)):
        assigned(one, olga)
        for words in (f"{REASON} {other.name.upper()} says so.", f"{REASON} ({other.ref.lower()})"):
            for write in (noted, lambda made, by, text: resolved(made, by, "rejected", text)):
                with pytest.raises(NamesOtherSide):
                    write(one, olga, words)
        noted(one, olga, f"{REASON} {other.name}", is_internal=True)
    text, another = f"{market.client.name} was quoted something else by phone.", factories.fill(market)
    with pytest.raises(NamesOtherSide):
        dispute(another, by=olga, party=market.meridian, text=text)


# --- resolving and withdrawing ---------------------------------------------------------------


@pytest.mark.parametrize("outcome", Dispute.Outcome.values)
def test_who_handles_it_says_what_came_of_it(fill: Fill, olga: User, outcome: str) -> None:
    made = resolved(assigned(dispute(fill), olga), olga, outcome)

    assert (made.status, made.outcome, made.resolution, made.assigned_to) == ("resolved", outcome, REASON, olga)
    assert made.closed_at is not None
    event = AuditEvent.objects.get(name="dispute.resolved")
    assert (event.before, event.after) == ({"status": "assigned"}, {"status": "resolved", "outcome": outcome})
    assert (event.reason, event.capability) == (REASON, "dispute.handle")


def test_nobody_else_resolves_it(market: Market, fill: Fill, olga: User, oscar: User) -> None:
    made = dispute(fill)
    with pytest.raises(NotAssigned):
        resolved(made, olga)
    assigned(made, olga)

    with pytest.raises(NotTheAssignee) as told:
        resolved(made, oscar)
    assert "olga" in told.value.sentence
    for user in (market.tara, factories.user("admin")):
        with pytest.raises(MissingCapability):
            resolved(made, user)
    assert again(made).status == "assigned"


@pytest.mark.parametrize("part", ["accepted", "quoted"])
def test_who_took_part_in_the_trade_does_not_resolve_it(market: Market, fill: Fill, part: str) -> None:
    login = desk_login_of(market.tara if part == "accepted" else market.leo)
    made = dispute(fill)
    made.move("assigned", at=clock.now(), assigned_to=login, assigned_at=clock.now())  # as from before they had it

    with pytest.raises(TookPart):
        resolved(made, login)
    assert again(made).status == "assigned"


def test_who_took_it_down_on_the_phone_took_part(market: Market, olga: User, oscar: User) -> None:
    now = clock.now()
    asked = RfqRequest("USDT/EUR", "buy", Decimal(10_000), "EUR", "by-phone")
    rfq = operations.enter_rfq(request=asked, trader=market.tara, actor=olga, now=now)
    offer = Offer(rfq.ref, Decimal("0.92"), "by-phone-too")
    quote = operations.enter_quote(offer=offer, dealer=market.leo, actor=oscar, now=now)
    operations.confirm_quote(quote_ref=quote.ref, actor=market.leo, now=clock.now())
    made = dispute(factories.accept(quote, market.tara))

    for user in (olga, oscar):
        with pytest.raises(NotAHandler):
            assigned(made, user)
        with refused("DP06"):
            made.move("assigned", at=now, assigned_to=user, assigned_at=now)
            made.move("resolved", at=now, outcome="upheld", resolution=REASON, closed_at=now)
        made = again(made)
    third = factories.user("ops")
    assert resolved(assigned(made, third), third).status == "resolved"


def test_an_outcome_needs_words_and_a_known_name(fill: Fill, olga: User) -> None:
    made = assigned(dispute(fill), olga)
    with pytest.raises(UnknownKind):
        resolved(made, olga, "forgotten")
    with pytest.raises(TextTooShort):
        resolved(made, olga, "upheld", "because")


def test_the_party_withdraws_from_either_state(market: Market, fill: Fill, olga: User) -> None:
    for take in (False, True):
        made = dispute(fill)
        if take:
            assigned(made, olga)
        gone = withdrawn(made, market.tara)
        assert (gone.status, gone.assigned_to) == ("withdrawn", olga if take else None)
        assert withdrawn(made, market.tara).closed_at == gone.closed_at  # once more is no event
        event = AuditEvent.objects.get(name="dispute.withdrawn", subject_ref=made.ref)
        assert event.before == {"status": "assigned" if take else "open"}


def test_nobody_else_withdraws_it(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)
    for stranger in (market.leo, factories.user("trader")):
        with pytest.raises(NotFound):
            withdrawn(made, stranger)
    with pytest.raises(MissingCapability):
        withdrawn(made, olga)


@pytest.mark.parametrize("end", ["resolved", "withdrawn"])
def test_what_is_over_stays_as_it_is(market: Market, fill: Fill, olga: User, end: str) -> None:
    made = assigned(dispute(fill), olga)
    if end == "resolved":
        resolved(made, olga)
    else:
        withdrawn(made, market.tara)
    before = Dispute.objects.filter(pk=made.pk).values().get()
    acts: list[Callable[[], Any]] = [
        lambda: assigned(made, olga),
        lambda: operations.unassign_dispute(dispute_ref=made.ref, actor=olga, now=clock.now()),
        lambda: noted(made, olga),
        lambda: noted(made, market.tara),
        lambda: resolved(made, olga, "rejected"),
    ]
    if end == "resolved":
        acts.append(lambda: withdrawn(made, market.tara))

    for act in acts:
        with pytest.raises(DisputeOver):
            act()
    assert Dispute.objects.filter(pk=made.pk).values().get() == before


def test_an_api_key_disputes_when_it_was_made_for_that(market: Market, fill: Fill) -> None:
    for scopes, is_let in ((["rfq.request"], False), (["dispute.own"], True)):
        tara = capabilities.narrow(User.objects.select_related("counterparty").get(pk=market.tara.pk), scopes)
        if is_let:
            assert dispute(fill, by=tara).status == "open"
        else:
            with pytest.raises(capabilities.MissingScope):
                dispute(fill, by=tara)
