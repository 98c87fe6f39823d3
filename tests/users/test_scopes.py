"""Scopes: what one of the desk's people does not serve is not there for them; more takes two, less takes one."""

from typing import Any

import pytest

from tests import factories
from tests.concurrency.threads import at_once
from tests.factories import decide, propose
from tests.probes import refused, sql
from tests.users.approvals import Desk, execute_by_hand, forged_request, write_decision
from tests.users.keys import collected
from trading.lib import clock
from trading.lib.errors import NotFound
from users import errors, operations
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty, ScopeGrant, User
from users.operations.scopes import NoScope, NotNarrower
from users.own_acts.base import BadPayload, WrongState
from users.queries import approvals, scopes
from users.queries import people as people_queries

REASON = "She looks after these clients only from today on."


@pytest.fixture
def cedar(db: None) -> Counterparty:
    return factories.counterparty(name="Cedar Imports")


@pytest.fixture
def pars(db: None) -> Counterparty:
    return factories.counterparty(name="Pars Export")


def narrow(user: User, *keep: Counterparty, by: User | None = None) -> User:
    operations.narrow_scope(user=user, keep=keep, actor=by or factories.founders()[1], reason=REASON, now=clock.now())
    return User.objects.get(pk=user.pk)


def names(user: User) -> list[str]:
    return [one.name for one in scopes.served(user)]


# --- narrowing -------------------------------------------------------------------------------


def test_one_person_narrows_at_once(cedar: Counterparty, pars: Counterparty) -> None:
    olga = narrow(factories.user("ops"), cedar, pars)
    assert (olga.is_scoped, names(olga)) == (True, ["Cedar Imports", "Pars Export"])

    olga = narrow(olga, cedar)

    assert names(olga) == ["Cedar Imports"]
    first, second = AuditEvent.objects.filter(name="scope.narrowed").order_by("pk")
    assert (first.before, first.after) == ({"serves": "whole desk"}, {"serves": ["Cedar Imports", "Pars Export"]})
    assert (second.before, second.after) == (
        {"serves": ["Cedar Imports", "Pars Export"]},
        {"serves": ["Cedar Imports"]},
    )
    assert (second.reason, second.capability) == (REASON, "scope.narrow")
    assert ScopeGrant.objects.get(user=olga, counterparty=pars).ended_at is not None


def test_what_is_no_less_is_refused(cedar: Counterparty, pars: Counterparty) -> None:
    olga = narrow(factories.user("ops"), cedar)

    for keep in ([cedar], [pars], [cedar, pars]):
        with pytest.raises(NotNarrower):
            narrow(olga, *keep)
    assert names(narrow(olga)) == []


def test_who_narrows_and_whom(cedar: Counterparty) -> None:
    olga = factories.user("ops")
    for role in ("ops", "auditor"):
        with pytest.raises(MissingCapability):
            narrow(olga, cedar, by=factories.user(role))
    with pytest.raises(NoScope):
        narrow(factories.user("trader", of=cedar), cedar)


# --- widening --------------------------------------------------------------------------------


def test_two_people_widen(cedar: Counterparty, pars: Counterparty) -> None:
    olga = narrow(factories.user("ops"), cedar)

    request = factories.carry("scope.widen", olga.ref, counterparties=[pars.ref])
    assert names(olga) == ["Cedar Imports", "Pars Export"]
    factories.carry("scope.widen", olga.ref, whole_desk=True)

    olga.refresh_from_db()
    assert not olga.is_scoped
    assert not ScopeGrant.objects.filter(ended_at=None).exists()
    event = AuditEvent.objects.filter(name="scope.widened").order_by("pk")[0]
    assert (event.before, event.after["request"]) == ({"serves": [cedar.ref]}, request.ref)
    assert event.secondary_approver == factories.founders()[1]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"whole_desk": False},
        {"whole_desk": True, "counterparties": []},
        {"counterparties": []},
        {"counterparties": ["CPY-NOBODY"]},
        {"counterparties": "CPY-NOBODY"},
        {"counterparties": [7]},
        {"counterparties": ["served"]},
        {"counterparties": ["other", "other"]},
    ],
    ids=str,
)
def test_proposals_that_make_no_sense_are_refused(
    cedar: Counterparty, pars: Counterparty, payload: dict[str, Any]
) -> None:
    olga = narrow(factories.user("ops"), cedar)
    if isinstance(payload.get("counterparties"), list):
        known = {"served": cedar.ref, "other": pars.ref}
        payload = payload | {"counterparties": [known.get(one, one) for one in payload["counterparties"]]}

    with pytest.raises(BadPayload):
        propose("scope.widen", olga.ref, by=None, **payload)


def test_who_serves_the_whole_desk_is_not_widened(cedar: Counterparty) -> None:
    with pytest.raises(WrongState):
        propose("scope.widen", factories.user("ops").ref, by=None, counterparties=[cedar.ref])


# --- what is outside is not there ------------------------------------------------------------


def test_reads_show_what_is_served_and_the_desk_itself(cedar: Counterparty, pars: Counterparty) -> None:
    tara, navid = factories.user("trader", of=cedar), factories.user("trader", of=pars)
    ours, theirs = propose("user.reactivate", suspended(tara).ref), propose("user.reactivate", suspended(navid).ref)
    olga = narrow(factories.user("ops"), cedar)

    seen = {user.ref for user in people_queries.page(people_queries.Criteria(), reader=olga).rows}
    assert tara.ref in seen
    assert olga.ref in seen
    assert navid.ref not in seen
    assert [one.name for one in people_queries.counterparties(reader=olga)[0]] == ["Cedar Imports"]
    listed = approvals.page(approvals.Criteria("open", olga), now=clock.now()).rows
    assert [one.ref for one in listed] == [ours.ref]
    for read in (
        lambda: people_queries.detail(navid.ref, reader=olga),
        lambda: people_queries.counterparty(pars.ref, reader=olga),
        lambda: approvals.detail(theirs.ref, reader=olga),
    ):
        with pytest.raises(NotFound):
            read()


def suspended(user: User) -> User:
    operations.suspend_user(user=user, actor=None, reason="for a test", now=clock.now())
    return user


def test_nothing_outside_is_acted_on(cedar: Counterparty, pars: Counterparty) -> None:
    navid, mina = factories.user("trader", of=pars), factories.user("lp")
    key, _text = collected(mina)
    olga = narrow(factories.user("ops"), cedar)
    look = operations.Look("screening", "passed", REASON)
    now = clock.now()

    for act in (
        lambda: operations.suspend_user(user=navid, actor=olga, reason=REASON, now=now),
        lambda: operations.revoke_role(user=navid, role="trader", actor=olga, reason=REASON, now=now),  # type: ignore[arg-type]
        lambda: operations.revoke_key(key_ref=key.ref, actor=olga, reason=REASON, now=now),
        lambda: operations.record_checks(subject=navid, looks=[look], actor=olga, now=now),
        lambda: operations.record_checks(subject=pars, looks=[look], actor=olga, now=now),
        lambda: propose("user.reject", factories.newcomer(of=pars).ref, by=olga),
    ):
        with pytest.raises(NotFound):
            act()
    operations.suspend_user(user=factories.user("trader", of=cedar), actor=olga, reason=REASON, now=now)


def test_who_does_not_serve_does_not_decide_nor_is_asked(cedar: Counterparty, pars: Counterparty) -> None:
    amir = narrow(factories.user("approver", username="amir"), cedar)
    newcomer = factories.newcomer(of=pars)
    request = propose("user.approve", newcomer.ref, roles=["trader"])

    assert amir not in approvals.deciders(approvals.detail(request.ref, reader=factories.founders()[0]))
    with pytest.raises(NotFound):
        decide(request, by=amir)
    with refused("DC28"):
        write_decision(request, amir)
    assert decide(request).status == "executed"


def test_an_approver_narrowed_before_the_execution_does_not_count(cedar: Counterparty, pars: Counterparty) -> None:
    amir, bella, _carol = (factories.user("approver") for _ in range(3))
    factories.carry("policy.change", "user.approve", quorum=2)
    request = propose("user.approve", factories.newcomer(of=pars).ref, roles=["trader"])
    decide(request, by=amir)
    narrow(amir, cedar)

    assert decide(request, by=bella).status == "pending"
    assert decide(request).status == "executed"


def test_a_proposer_narrowed_meanwhile_blocks_it(cedar: Counterparty, pars: Counterparty) -> None:
    olga = factories.user("ops")
    request = propose("user.approve", factories.newcomer(of=pars).ref, by=olga, roles=["trader"])
    narrow(olga, cedar)

    with pytest.raises(errors.ProposerGone):
        decide(request)


def test_narrowed_while_deciding_either_the_decision_or_the_narrowing_comes_first(
    cedar: Counterparty, pars: Counterparty
) -> None:
    amir, newcomer = factories.user("approver"), factories.newcomer(of=pars)
    request = propose("user.approve", newcomer.ref, roles=["trader"])

    outcomes = at_once([lambda: decide(request, by=amir), lambda: narrow(amir, cedar)])

    newcomer.refresh_from_db()
    decided = not isinstance(outcomes[0], Exception)
    assert decided == (newcomer.status == "active")
    assert decided or isinstance(outcomes[0], NotFound)


# --- in the database -------------------------------------------------------------------------


def test_nobody_widens_past_a_request(cedar: Counterparty, pars: Counterparty) -> None:
    olga, tara = narrow(factories.user("ops"), cedar), factories.user("trader")
    approver, third = factories.founders()[1], factories.counterparty()

    with refused("DC92"):
        sql("update users_user set is_scoped = false where id = %s", olga.pk)
    with refused("DC93"):
        ScopeGrant.objects.create(user=olga, counterparty=pars, granted_at=clock.now())
    request = propose("scope.widen", olga.ref, by=None, counterparties=[pars.ref])
    with refused("DC93"):
        execute_by_hand(request, approver)
        ScopeGrant.objects.create(user=olga, counterparty=third, granted_at=clock.now())
    with refused("DC92"):
        execute_by_hand(request, approver)
        sql("update users_user set is_scoped = false where id = %s", olga.pk)
    with refused("DC45"):
        execute_by_hand(request, approver)
    operations.withdraw(request_ref=request.ref, actor=factories.founders()[0], now=clock.now())
    whole = propose("scope.widen", olga.ref, by=None, whole_desk=True)
    with refused("DC45"):
        execute_by_hand(whole, approver)
    narrow(olga)
    with refused("DC94"):
        sql("update users_scopegrant set ended_at = null")
    with refused("never changed or removed"):
        sql("delete from users_scopegrant")
    with refused("user_scope_of_staff"):
        sql("update users_user set is_scoped = true where id = %s", tara.pk)


def test_the_database_asks_for_whom_a_proposer_speaks(cedar: Counterparty, pars: Counterparty) -> None:
    olga = narrow(factories.user("ops"), cedar)
    cast = Desk(olga, factories.founders()[1], factories.newcomer(of=pars))

    with refused("DC06"):
        forged_request(cast)
    with refused("DC06"):
        forged_request(cast, subject_ref=pars.ref, subject_counterparty=cedar)
