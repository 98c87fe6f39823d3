"""Sessions: keys hashed at rest, ended when rights change, listed and ended by name, swept when over."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import Error, transaction
from django_otp import DEVICE_ID_SESSION_KEY

from tests import factories
from tests.concurrency.threads import at_once
from tests.factories import REASON
from trading.lib import browsers, clock
from users import operations
from users.capabilities import MissingCapability
from users.models import AuditEvent, Role, Session, User
from users.models.sessions import IDLE, LONGEST, hashed
from users.operations.sessions import NoSuchSession
from users.sessions import ADDRESS, BEGAN, BROWSER, SEEN, SessionStore


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


@pytest.fixture
def amir(db: None) -> User:
    return factories.user("approver", username="amir")


def session(user: User, *, seen_ago: timedelta = timedelta(0), began_ago: timedelta = timedelta(0)) -> SessionStore:
    """A session in which the user gave both factors."""
    store, now = SessionStore(), clock.now()
    store.update(
        {
            SESSION_KEY: str(user.pk),
            DEVICE_ID_SESSION_KEY: "users.totpdevice/1",
            BEGAN: (now - began_ago).timestamp(),
            SEEN: (now - seen_ago).timestamp(),
            ADDRESS: "192.0.2.7",
            BROWSER: "Firefox 143, Linux",
        }
    )
    store.create()
    store.save()
    return store


def key(store: SessionStore) -> str:
    assert store.session_key
    return str(store.session_key)


# --- the store -------------------------------------------------------------------------------


def test_the_table_holds_no_key_that_opens_a_session(olga: User) -> None:
    store = session(olga)

    row = Session.objects.get()
    assert row.pk == hashed(key(store))
    assert key(store) not in str(Session.objects.values())
    assert SessionStore(row.pk).load() == {}
    assert SessionStore(key(store)).load()[SESSION_KEY] == str(olga.pk)


def test_the_database_refuses_a_key_in_clear(olga: User) -> None:
    store = session(olga)

    with pytest.raises(Error, match="session_key_hashed"), transaction.atomic():
        Session.objects.update(session_key=key(store))


def test_a_row_says_whose_it_is_and_from_where(olga: User) -> None:
    session(olga)

    row = Session.objects.get()
    assert (row.user, row.is_verified, row.address, row.browser) == (olga, True, "192.0.2.7", "Firefox 143, Linux")
    assert row.expire_date == row.seen_at + IDLE


@pytest.mark.parametrize("ago", [{"seen_ago": IDLE}, {"began_ago": LONGEST}])
def test_what_was_idle_or_lasted_too_long_opens_nothing(olga: User, ago: dict[str, timedelta]) -> None:
    store = session(olga, **ago)

    assert SessionStore(key(store)).load() == {}
    assert list(Session.objects.live(at=clock.now())) == []


def test_nothing_lives_longer_than_a_working_day(olga: User) -> None:
    session(olga, began_ago=LONGEST - timedelta(minutes=1))

    row = Session.objects.get()
    assert row.expire_date == row.began_at + LONGEST


def test_a_new_key_leaves_nothing_behind_the_old_one(olga: User) -> None:
    store = session(olga)
    old = key(store)

    store.cycle_key()

    assert key(store) != old
    assert SessionStore(old).load() == {}
    assert SessionStore(key(store)).load()[SESSION_KEY] == str(olga.pk)
    assert Session.objects.count() == 1


def test_an_ended_session_comes_back_neither_saved_nor_under_a_new_key(olga: User) -> None:
    store = SessionStore(key(session(olga)))
    store["x"] = 1
    Session.objects.all().delete()

    with pytest.raises(UpdateError):
        store.save()
    with pytest.raises(SessionInterrupted):
        store.cycle_key()
    assert not Session.objects.exists()


def test_one_session_gets_one_new_key_however_many_ask_at_once(olga: User) -> None:
    shared = key(session(olga))
    stores = [SessionStore(shared) for _ in range(4)]
    assert all(store.get(SESSION_KEY) for store in stores)

    outcomes = at_once([store.cycle_key for store in stores])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["SessionInterrupted"] * 3]
    assert Session.objects.count() == 1


# --- ended by the database -------------------------------------------------------------------


def suspend(user: User, by: User) -> None:
    operations.suspend_user(user=user, actor=by, reason=REASON, now=clock.now())


def revoke(user: User, by: User) -> None:
    operations.revoke_role(user=user, role=Role.OPS, actor=by, reason=REASON, now=clock.now())


def grant(user: User, by: User) -> None:
    factories.carry("role.grant", user.ref, role="auditor")


@pytest.mark.parametrize("change", [suspend, revoke, grant])
def test_all_sessions_of_whose_rights_change_end_with_the_change(olga: User, amir: User, change: Any) -> None:
    session(olga), session(olga)
    others = session(amir)

    change(olga, amir)

    assert [row.pk for row in Session.objects.all()] == [hashed(key(others))]


def test_a_change_that_is_rolled_back_ends_no_session(olga: User) -> None:
    session(olga)

    with transaction.atomic():
        olga.move(User.Status.SUSPENDED, at=clock.now())
        assert not Session.objects.exists()
        transaction.set_rollback(True)

    assert Session.objects.count() == 1


def test_being_proposed_something_ends_no_session(olga: User) -> None:
    session(olga)

    factories.propose("role.grant", olga.ref, role="auditor")

    assert Session.objects.count() == 1


# --- ended by people -------------------------------------------------------------------------


def test_one_ends_ones_own_session_by_its_name(olga: User) -> None:
    one, other = session(olga), session(olga)

    operations.end_own_session(actor=olga, name=hashed(key(one))[:16], now=clock.now())

    assert Session.objects.get().pk == hashed(key(other))
    event = AuditEvent.objects.get(name="session.ended")
    assert (event.actor, event.subject_ref) == (olga, olga.ref)
    assert event.before["sessions"][0]["address"] == "192.0.2.7"


@pytest.mark.parametrize("name", ["", "0", "zzzzzzzzzzzzzzzz", "%", "%" * 16, "_" * 16])
def test_a_session_is_named_whole(olga: User, name: str) -> None:
    session(olga)

    with pytest.raises(NoSuchSession):
        operations.end_own_session(actor=olga, name=name, now=clock.now())
    assert Session.objects.count() == 1


def test_nobody_ends_anothers_session_as_their_own(olga: User, amir: User) -> None:
    theirs = session(amir)

    with pytest.raises(NoSuchSession):
        operations.end_own_session(actor=olga, name=hashed(key(theirs))[:16], now=clock.now())
    assert Session.objects.count() == 1
    assert not AuditEvent.objects.filter(name="session.ended").exists()


def test_a_session_ends_once(olga: User) -> None:
    name = hashed(key(session(olga)))[:16]

    end = partial(operations.end_own_session, actor=olga, name=name, now=clock.now())
    outcomes = at_once([end] * 4)

    assert len([one for one in outcomes if isinstance(one, NoSuchSession)]) == 3
    assert AuditEvent.objects.filter(name="session.ended").count() == 1


def test_all_others_end_and_this_one_goes_on(olga: User, amir: User) -> None:
    mine, others = session(olga), [session(olga), session(olga), session(amir)]

    ended = operations.end_other_sessions(actor=olga, keep=hashed(key(mine)), now=clock.now())

    assert ended == 2
    left = {row.pk for row in Session.objects.all()}
    assert left == {hashed(key(mine)), hashed(key(others[2]))}
    assert len(AuditEvent.objects.get(name="session.others_ended").before["sessions"]) == 2


def test_one_person_ends_all_sessions_of_a_login(olga: User, amir: User) -> None:
    session(olga), session(olga)

    ended = operations.end_all_sessions(user=olga, actor=amir, reason=REASON, now=clock.now())

    assert ended == 2
    assert not Session.objects.exists()
    event = AuditEvent.objects.get(name="session.all_ended")
    assert (event.actor, event.subject_ref, event.reason) == (amir, olga.ref, REASON)
    assert event.capability == "session.end"


def test_auditors_end_no_sessions(olga: User) -> None:
    session(olga)

    with pytest.raises(MissingCapability):
        operations.end_all_sessions(user=olga, actor=factories.user("auditor"), reason=REASON, now=clock.now())
    assert Session.objects.count() == 1


def test_what_is_over_is_swept_and_what_lives_is_not(olga: User) -> None:
    session(olga, seen_ago=IDLE)
    live = session(olga)

    assert operations.sweep_sessions(now=clock.now()) == 1
    assert operations.sweep_sessions(now=clock.now()) == 0
    assert Session.objects.get().pk == hashed(key(live))


# --- names of browsers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox 143, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge 140, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6) Version/18.6 Mobile/15E148 Safari/604.1", "Safari 18, iPhone"),
        ("Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome 140, Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15", "Safari 26, macOS"),
        ("curl/8.5.0", ""),
        ("", ""),
        ("<script>" * 500, ""),
    ],
)
def test_browsers_are_named_in_two_words(agent: str, name: str) -> None:
    assert browsers.short_name(agent) == name
