"""Proposing: what it does, and what it refuses in which words."""

from datetime import timedelta
from typing import Any

import pytest

from settlement import autosettle
from tests import factories
from tests.factories import REASON, propose
from tests.users.approvals import (
    Desk,
    desk,
    event,
    proposing,
    revoke,
    second_account,
    suspend,
)
from trading.lib.errors import DeskError, NotFound
from users import errors
from users.acts import UnknownAct
from users.models import ApprovalRequest, AuditEvent, User
from users.own_acts.base import BadPayload, WrongState
from users.policies import MeaninglessReason


@pytest.fixture
def cast(db: None) -> Desk:
    return desk()


@pytest.fixture
def request_(cast: Desk) -> ApprovalRequest:
    return propose("user.approve", cast.newcomer.ref, roles=["ops"])


def test_proposal_waits_and_changes_nothing(cast: Desk) -> None:
    request = proposing(cast, nominee=cast.approver)

    assert (request.status, request.requested_by, request.nominee) == ("pending", cast.proposer, cast.approver)
    assert request.expires_at - request.created_at == timedelta(days=1)
    assert len(bytes(request.digest)) == 32
    cast.newcomer.refresh_from_db()
    assert cast.newcomer.status == "pending"
    proposed = event("approval.proposed", request.ref)
    assert (proposed.actor, proposed.reason, proposed.secondary_approver) == (cast.proposer, REASON, None)
    assert bytes(proposed.digest or b"") == bytes(request.digest)
    assert proposed.after["nominee"] == cast.approver.username


REFUSED: list[tuple[dict[str, Any], type[DeskError]]] = [
    ({"act": "no.such"}, UnknownAct),
    ({"subject_ref": "USR-NOBODY"}, NotFound),
    ({"reason": ""}, MeaninglessReason),
    ({"reason": "\t\u200b\u00a0" * 20}, MeaninglessReason),
    ({"payload": {"roles": ["king"]}}, BadPayload),
    ({"payload": {"roles": ["ops", "ops"]}}, BadPayload),
    ({"payload": {"roles": "ops"}}, BadPayload),
    ({"payload": {"roles": [["ops"]]}}, BadPayload),
    ({"payload": {"roles": None}}, BadPayload),
    ({"act": "user.reactivate"}, WrongState),
    ({"act": "user.reopen"}, WrongState),
    ({"act": "role.grant", "payload": {"role": "ops"}}, WrongState),
    ({"act": "telegram.relink", "payload": {"telegram_id": 1}}, WrongState),
    ({"act": "telegram.relink", "payload": {"telegram_id": True}}, BadPayload),
    ({"act": "telegram.relink", "payload": {"telegram_id": 2**60}}, BadPayload),
    ({"act": "flag.on", "payload": {}}, NotFound),
    ({"act": "policy.change"}, NotFound),
]


@pytest.mark.parametrize(("changes", "refusal"), REFUSED)
def test_proposals_that_make_no_sense(cast: Desk, changes: dict[str, Any], refusal: type[DeskError]) -> None:
    with pytest.raises(refusal):
        proposing(cast, **changes)
    assert not ApprovalRequest.objects.exists()


POLICIES: list[dict[str, Any]] = [
    {},
    {"color": "red"},
    {"quorum": 0},
    {"quorum": 6},
    {"quorum": True},
    {"quorum": "2"},
    {"expires_after": 59},
    {"step_up_within": 7 * 86_400 + 1},
    {"execute_within": None},
    {"approver_role": "king"},
    {"approver_role": None},
    {"proposer_roles": []},
    {"proposer_roles": ["king"]},
    {"proposer_roles": "ops"},
    {"quorum": 2},  # two approvers, one of whom may be the proposer
    {"approver_role": "auditor"},  # nobody is one
]


@pytest.mark.parametrize("payload", POLICIES, ids=str)
def test_policies_that_make_no_sense_or_cannot_be_met(cast: Desk, payload: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        proposing(cast, act="policy.change", subject_ref="user.approve", payload=payload)


@pytest.mark.parametrize("role", ["trader", "lp", "approver", "auditor", "service"])
def test_roles_that_may_not_propose(cast: Desk, role: str) -> None:
    with pytest.raises(errors.MayNotPropose):
        proposing(cast, by=factories.user(role))


def test_suspended_person_may_not_propose(cast: Desk) -> None:
    suspend(cast.proposer)

    with pytest.raises(errors.MayNotPropose):
        proposing(cast, by=User.objects.get(pk=cast.proposer.pk))


def test_person_suspended_a_moment_ago_is_told_the_same(cast: Desk) -> None:
    suspend(cast.proposer)

    with pytest.raises(errors.MayNotPropose):
        proposing(cast)  # the object still says active; the database knows better


def test_nobody_proposes_about_themselves_nor_their_other_login(cast: Desk) -> None:
    user = factories.user("admin")
    other_login = second_account(user.person, "auditor")  # type: ignore[arg-type]

    for subject in (user, other_login):
        with pytest.raises(errors.AboutYourself):
            proposing(cast, by=user, act="role.grant", subject_ref=subject.ref, payload={"role": "approver"})


def test_same_key_is_the_same_proposal(cast: Desk) -> None:
    first = proposing(cast, key="once")

    assert proposing(cast, key="once") == first
    with pytest.raises(errors.KeyReused, match=first.ref):
        proposing(cast, key="once", payload={"roles": ["admin"]})
    assert AuditEvent.objects.filter(name="approval.proposed", subject_ref=first.ref).count() == 1


def test_act_and_target_wait_once(cast: Desk, request_: ApprovalRequest) -> None:
    with pytest.raises(errors.AlreadyOpen, match=request_.ref):
        proposing(cast)
    assert proposing(cast, act="user.reject", payload={}).status == "pending"


@pytest.mark.parametrize("who", ["proposer", "newcomer", "auditor", "suspended"])
def test_nominee_is_somebody_who_can_decide(cast: Desk, who: str) -> None:
    nominee = {"proposer": cast.proposer, "newcomer": cast.newcomer}.get(who) or factories.user("auditor", "approver")
    if who == "auditor":
        revoke(nominee, "approver")
    if who == "suspended":
        suspend(nominee)

    with pytest.raises(errors.MayNotDecide):
        proposing(cast, nominee=nominee)


def test_what_is_about_a_user_names_who_is_asked(cast: Desk) -> None:
    with pytest.raises(errors.NobodyNamed):
        proposing(cast, nominee=None)
    assert proposing(cast, nominee=None, act="flag.on", subject_ref=autosettle.FLAG, payload={}).nominee is None


@pytest.mark.parametrize("roles", [["trader"], ["lp"], ["service"], ["ops", "ops"], "ops"])
def test_roles_that_do_not_fit_the_login_are_refused(cast: Desk, roles: object) -> None:
    with pytest.raises(BadPayload):
        proposing(cast, payload={"roles": roles})


@pytest.mark.parametrize(
    "terms", [{"approver_role": "auditor"}, {"approver_role": "lp"}, {"proposer_roles": ["auditor"]}]
)
def test_policy_hands_no_power_to_who_only_looks_or_trades(cast: Desk, terms: dict[str, object]) -> None:
    with pytest.raises(BadPayload):
        propose("policy.change", "user.approve", by=None, **terms)


def test_quorum_that_cannot_be_reached_is_refused(cast: Desk) -> None:
    revoke(cast.approver, "approver")

    with pytest.raises(errors.QuorumUnreachable):
        proposing(cast)
