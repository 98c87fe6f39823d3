"""What is checked before somebody is let in: recorded with evidence, read by who decides, never changed."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.factories import REASON, decide, propose
from tests.probes import refused, sql
from trading.lib import clock
from users import acts, errors, operations
from users.capabilities import MissingCapability
from users.models import AuditEvent, OnboardingCheck, User
from users.operations import Look
from users.operations.onboarding import WrongCheck
from users.own_acts.moves import ChecksMissing
from users.policies import MeaninglessReason
from users.queries import onboarding

TODAY = clock.now().date()


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


def record(subject: Any, actor: User, **changes: Any) -> list[OnboardingCheck]:
    look = {"kind": "identity", "result": "passed", "evidence": REASON} | changes
    return operations.record_checks(subject=subject, looks=[Look(**look)], actor=actor, now=clock.now())


def states(user: User) -> dict[str, str]:
    return {str(one.kind): one.state for one in onboarding.needed_for(user)}


def test_a_check_is_recorded_with_its_evidence(olga: User) -> None:
    newcomer = factories.pending_user()

    (check,) = record(newcomer, olga, valid_until=TODAY)

    assert (check.recorded_by, check.evidence) == (olga, REASON)
    event = AuditEvent.objects.get(name="onboarding.recorded", subject_ref=newcomer.ref)
    assert (event.actor, event.capability) == (olga, "onboarding.record")
    assert event.after == {"identity": {"result": "passed", "evidence": REASON, "valid_until": TODAY.isoformat()}}
    assert states(newcomer) == {"identity": "passed", "mandate": "missing", "screening": "missing"}


def test_the_later_look_counts(olga: User) -> None:
    newcomer = factories.pending_user()
    record(newcomer, olga)
    record(newcomer, olga, result="failed", evidence="The document is not hers, the photograph differs.")

    assert states(newcomer)["identity"] == "failed"
    assert len(onboarding.history(user=newcomer)) == 2


def test_a_document_past_its_last_day_holds_no_longer(olga: User) -> None:
    newcomer = factories.pending_user()
    record(newcomer, olga, valid_until=TODAY - timedelta(days=1))

    assert states(newcomer)["identity"] == "expired"


def test_who_may_not_record(olga: User) -> None:
    newcomer = factories.pending_user()
    for role in ("approver", "admin", "auditor", "trader", "service"):
        with pytest.raises(MissingCapability):
            record(newcomer, factories.user(role))
    with pytest.raises(errors.AboutYourself):
        record(olga, olga)
    assert not OnboardingCheck.objects.filter(user=newcomer).exists()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"kind": "registration"}, WrongCheck),
        ({"kind": "astrology"}, WrongCheck),
        ({"result": "maybe"}, WrongCheck),
        ({"evidence": " \t\u200b seen"}, MeaninglessReason),
    ],
    ids=str,
)
def test_checks_that_make_no_sense_are_refused(olga: User, changes: dict[str, str], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        record(factories.pending_user(), olga, **changes)


def test_what_is_checked_depends_on_who_it_is(olga: User) -> None:
    with pytest.raises(WrongCheck):
        record(factories.counterparty(), olga)
    with pytest.raises(WrongCheck):
        record(factories.pending_user(kind="service"), olga)
    client = factories.counterparty()
    assert [str(one.kind) for one in onboarding.needed_for(factories.pending_user(of=client))] == [
        *("identity", "mandate", "screening"),
        *("registration", "ownership", "screening"),
    ]
    assert [str(one.kind) for one in onboarding.needed_for(factories.pending_user(kind="service"))] == ["mandate"]


# --- letting in ------------------------------------------------------------------------------


def test_nobody_is_let_in_before_every_check_has_passed(olga: User) -> None:
    client = factories.counterparty(name="Cedar Imports")
    newcomer = factories.pending_user("newcomer", of=client)

    with pytest.raises(ChecksMissing) as told:
        propose("user.approve", newcomer.ref, roles=["trader"])
    assert "newcomer: Identity document" in told.value.sentence
    assert "Cedar Imports: Beneficial owners" in told.value.sentence

    factories.check(newcomer)
    factories.check(client)
    record(newcomer, olga, kind="screening", result="failed", evidence="A hit on the list, not cleared yet.")
    with pytest.raises(ChecksMissing, match="checks_missing"):
        propose("user.approve", newcomer.ref, roles=["trader"])

    record(newcomer, olga, kind="screening", evidence="Cleared: another person of the same name.")
    assert decide(propose("user.approve", newcomer.ref, roles=["trader"])).status == "executed"


def test_rejecting_takes_no_checks(olga: User) -> None:
    assert decide(propose("user.reject", factories.pending_user().ref)).status == "executed"


def test_a_later_look_supersedes_what_was_proposed(olga: User) -> None:
    newcomer = factories.newcomer()
    request = propose("user.approve", newcomer.ref, roles=["ops"])
    record(newcomer, olga, result="failed", evidence="The document is not hers, the photograph differs.")

    with pytest.raises(errors.Superseded):
        decide(request)
    newcomer.refresh_from_db()
    assert newcomer.status == "pending"


def test_a_document_that_ran_out_meanwhile_supersedes(olga: User, owner: Any) -> None:
    newcomer = factories.newcomer()
    record(newcomer, olga, valid_until=TODAY)
    request = propose("user.approve", newcomer.ref, roles=["ops"])
    owner.execute("alter table users_onboardingcheck disable trigger user")
    owner.execute("update users_onboardingcheck set valid_until = valid_until - 1 where valid_until is not null")
    owner.execute("alter table users_onboardingcheck enable trigger user")

    with pytest.raises(errors.Superseded):
        decide(request)


def test_the_approver_reads_the_evidence(olga: User) -> None:
    newcomer = factories.newcomer("newcomer")
    record(newcomer, olga, evidence="Passport N1234 seen in the office, copy in file 77.")

    checks = acts.act_of("user.approve").checks(newcomer.ref)

    assert (str(checks[0].word), str(checks[0].what)) == ("Passed", "Identity document (newcomer)")
    assert checks[0].seen == "Passport N1234 seen in the office, copy in file 77. (olga)"


# --- in the database -------------------------------------------------------------------------

ROW = "insert into users_onboardingcheck (%(to)s, kind, result, evidence, recorded_by_id, recorded_at) values "


def insert(to: str, subject: int, by: User, kind: str = "identity", evidence: str = REASON) -> None:
    sql(ROW % {"to": to} + "(%s, %s, 'passed', %s, %s, now())", subject, kind, evidence, by.pk)


def test_the_database_refuses_what_must_not_be(olga: User) -> None:
    newcomer, client = factories.pending_user(), factories.counterparty()
    trader, robot, waiting = factories.user("trader"), factories.user("service"), factories.pending_user()

    for by in (trader, robot, waiting):
        with refused("DC90"):
            insert("user_id", newcomer.pk, by)
    with refused("DC91"):
        insert("user_id", olga.pk, olga)
    with refused("onboarding_kind_fits"):
        insert("counterparty_id", client.pk, olga)
    with refused("onboarding_evidence_meaningful"):
        insert("user_id", newcomer.pk, olga, evidence="ok")
    with refused("onboarding_about_one"):
        sql(
            "insert into users_onboardingcheck (user_id, counterparty_id, kind, result, evidence, recorded_by_id,"
            " recorded_at) values (%s, %s, 'screening', 'passed', %s, %s, now())",
            *(newcomer.pk, client.pk, REASON, olga.pk),
        )


def test_what_was_recorded_stays_as_it_is(olga: User, owner: Any) -> None:
    record(factories.pending_user(), olga)

    with refused("permission denied"):
        sql("update users_onboardingcheck set result = 'passed'")
    with refused("permission denied"):
        sql("delete from users_onboardingcheck")
    with pytest.raises(Exception, match="never changed or removed"):
        owner.execute("update users_onboardingcheck set result = 'failed'")


def test_the_database_dates_it(olga: User) -> None:
    newcomer = factories.pending_user()
    insert("user_id", newcomer.pk, olga)
    (check,) = onboarding.history(user=newcomer)

    assert abs(check.recorded_at - clock.now()) < timedelta(minutes=1)
