"""API keys: made by two, collected once, only ever weakened; whatever way somebody tries otherwise."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from tests import factories
from tests.concurrency.threads import at_once
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand, revoke, suspend
from tests.users.keys import TERMS, collected, issued
from trading.lib import clock
from users import capabilities, errors, keys, operations
from users.models import ApiKey, AuditEvent, User
from users.operations.keys import AlreadyRevoked, NotCollectable, NotYourKey
from users.own_acts.base import BadPayload, WrongState
from users.own_acts.keys import NoKeysForStaff

FOREVER = timedelta(days=91)


@pytest.fixture
def leo(db: None) -> User:
    return factories.user("lp", username="leo")


def test_a_key_is_made_without_a_secret_and_collected_once_by_its_proposer(leo: User) -> None:
    key = issued(leo)
    proposer, other = factories.founders()
    assert (key.identifier, key.secret_hash, key.state(at=clock.now())) == (None, None, "uncollected")

    with pytest.raises(NotYourKey):
        operations.collect_key(key_ref=key.ref, actor=other, now=clock.now())
    text = operations.collect_key(key_ref=key.ref, actor=proposer, now=clock.now())
    with pytest.raises(NotCollectable):
        operations.collect_key(key_ref=key.ref, actor=proposer, now=clock.now())

    key.refresh_from_db()
    assert keys.parse(text).identifier == key.identifier
    assert keys.parse(text).hash == bytes(key.secret_hash or b"")
    assert key.state(at=clock.now()) == "live"
    assert timedelta(days=29) < key.expires_at - clock.now() <= timedelta(days=30)
    recorded = AuditEvent.objects.get(name="key.issued", subject_ref=leo.ref)
    assert (recorded.secondary_approver, recorded.after["key"]) == (other, key.ref)
    assert AuditEvent.objects.get(name="key.collected").actor == proposer


def test_nothing_of_a_key_is_kept_in_clear(leo: User) -> None:
    _key, text = collected(leo)
    secret = keys.parse(text).secret

    for event in AuditEvent.objects.all():
        assert secret not in f"{event.before}{event.after}{event.reason}"
    assert secret not in repr(keys.parse(text))
    row = sql("select row_to_json(users_apikey)::text from users_apikey")
    assert secret not in row
    assert secret.encode().hex() not in row


def test_two_collecting_at_once_get_one_key(leo: User) -> None:
    key = issued(leo)
    proposer = factories.founders()[0]

    outcomes = at_once(
        [lambda: operations.collect_key(key_ref=key.ref, actor=proposer, now=clock.now()) for _ in range(4)]
    )

    assert sum(isinstance(one, str) for one in outcomes) == 1
    assert sum(isinstance(one, NotCollectable) for one in outcomes) == 3


def test_a_key_nobody_collects_in_time_is_dead(leo: User) -> None:
    key = issued(leo)

    with pytest.raises(NotCollectable):
        operations.collect_key(
            key_ref=key.ref, actor=factories.founders()[0], now=clock.now() + timedelta(days=1, seconds=1)
        )
    assert key.state(at=clock.now() + timedelta(days=1, seconds=1)) == "lapsed"


def test_a_successor_lets_the_older_key_go_on_for_a_week(leo: User) -> None:
    old, _text = collected(leo)

    new, _text = collected(leo, name="quoter 2", replaces=old.ref)

    old.refresh_from_db()
    assert new.replaces == old
    assert timedelta(days=6, hours=23) < old.expires_at - clock.now() <= timedelta(days=7)
    assert AuditEvent.objects.filter(name="key.collected").latest("pk").after["replaces"] == old.ref


def test_one_person_revokes_at_once(leo: User) -> None:
    key, _text = collected(leo)
    ops, auditor = factories.user("ops"), factories.user("auditor")

    with pytest.raises(capabilities.MissingCapability):
        operations.revoke_key(key_ref=key.ref, actor=auditor, reason="It leaked.", now=clock.now())
    operations.revoke_key(key_ref=key.ref, actor=ops, reason="It leaked.", now=clock.now())
    with pytest.raises(AlreadyRevoked):
        operations.revoke_key(key_ref=key.ref, actor=ops, reason="It leaked.", now=clock.now())

    key.refresh_from_db()
    assert key.state(at=clock.now()) == "revoked"
    recorded = AuditEvent.objects.get(name="key.revoked")
    assert (recorded.actor, recorded.reason, recorded.before) == (ops, "It leaked.", {"state": "live"})


def test_a_revoked_key_is_not_collected(leo: User) -> None:
    key = issued(leo)
    operations.revoke_key(key_ref=key.ref, actor=factories.user("ops"), reason="A mistake.", now=clock.now())

    with pytest.raises(NotCollectable, match="not_collectable"):
        operations.collect_key(key_ref=key.ref, actor=factories.founders()[0], now=clock.now())


@pytest.mark.parametrize(
    "terms",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\nb"},
        {"name": 7},
        {"scopes": []},
        {"scopes": ["rfq.quote", "rfq.quote"]},
        {"scopes": ["user.suspend"]},
        {"scopes": ["rfq.accept"]},
        {"scopes": "rfq.quote"},
        {"addresses": ["192.0.2.1/24"]},
        {"addresses": ["here"]},
        {"addresses": ["192.0.2.0/24"] * 21},
        {"addresses": "192.0.2.0/24"},
        {"days": 0},
        {"days": 91},
        {"days": "30"},
        {"replaces": "KEY-NOBODYS"},
        {"color": "red"},
    ],
    ids=str,
)
def test_terms_that_make_no_sense_are_refused(leo: User, terms: dict[str, object]) -> None:
    with pytest.raises(BadPayload):
        factories.propose("key.issue", leo.ref, by=None, **(TERMS | terms))


def test_who_has_no_keys(leo: User) -> None:
    with pytest.raises(NoKeysForStaff):
        factories.propose("key.issue", factories.user("ops").ref, by=None, **TERMS)
    suspend(leo)
    with pytest.raises(WrongState):
        factories.propose("key.issue", leo.ref, by=None, **TERMS)


def test_who_may_not_propose_one(leo: User) -> None:
    for role in ("ops", "auditor"):
        with pytest.raises(errors.MayNotPropose):
            factories.propose("key.issue", leo.ref, by=factories.user(role), **TERMS)


def test_a_role_that_went_away_meanwhile_supersedes(leo: User) -> None:
    request = factories.propose("key.issue", leo.ref, by=None, **TERMS)
    revoke(leo, "lp")

    with pytest.raises(errors.Superseded):
        factories.decide(request)
    assert not ApiKey.objects.exists()


# --- in the database -------------------------------------------------------------------------


def planted(user: User, request: Any, **changes: object) -> ApiKey:
    now = clock.now()
    values = {"name": "quoter", "scopes": ["rfq.quote"], "addresses": [], "created_at": now, "collect_by": now}
    return ApiKey.objects.create(**(values | {"expires_at": now + FOREVER} | changes), user=user, request=request)


def test_a_key_is_not_made_past_a_request(leo: User) -> None:
    done = issued(leo).request
    pending = factories.propose("key.issue", leo.ref, by=None, **TERMS)

    with refused("DC80"):
        planted(leo, pending)
    with refused("DC80"):
        planted(leo, done)


def test_a_key_has_the_terms_that_were_decided(leo: User) -> None:
    request = factories.propose("key.issue", leo.ref, by=None, **TERMS)
    old, _text = collected(factories.user("lp"))

    for changes in (
        {"name": "other"},
        {"scopes": ["rfq.quote", "settlement.execute"]},
        {"addresses": ["192.0.2.0/24"]},
        {"replaces": old},
    ):
        with refused("DC81"):
            execute_by_hand(request, factories.founders()[1])
            planted(leo, request, **changes)
    with refused("DC80"):
        execute_by_hand(request, factories.founders()[1])
        planted(User.objects.get(username="founder-a"), request)


def test_a_key_is_born_without_what_it_gets_later(leo: User) -> None:
    request = factories.propose("key.issue", leo.ref, by=None, **TERMS)

    with transaction.atomic():
        execute_by_hand(request, factories.founders()[1])
        key = planted(leo, request, identifier="mine", secret_hash=b"mine", collected_at=clock.now())
    key.refresh_from_db()

    assert (key.identifier, key.secret_hash, key.collected_at) == (None, None, None)
    assert key.expires_at < clock.now() + timedelta(days=31)


def test_execution_without_the_key_does_not_commit(leo: User) -> None:
    request = factories.propose("key.issue", leo.ref, by=None, **TERMS)

    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])


def test_a_key_is_only_ever_weakened(leo: User) -> None:
    key, _text = collected(leo)
    waiting = issued(factories.user("lp"))

    for statement, code in (
        ("update users_apikey set secret_hash = 'mine' where id = %s", "DC82"),
        ("update users_apikey set identifier = 'mine' where id = %s", "DC82"),
        ("update users_apikey set collected_at = now() where id = %s", "DC82"),
        ("update users_apikey set collected_at = null, identifier = null, secret_hash = null where id = %s", "DC82"),
        ("update users_apikey set expires_at = expires_at + interval '1 day' where id = %s", "DC83"),
        ("update users_apikey set scopes = '{settlement.execute}' where id = %s", "may only change"),
        ("update users_apikey set addresses = '{}', name = 'x' where id = %s", "may only change"),
        ("update users_apikey set collect_by = collect_by + interval '1 day' where id = %s", "may only change"),
        ("delete from users_apikey where id = %s", "never changed or removed"),
    ):
        with refused(code):
            sql(statement, key.pk)
    operations.revoke_key(key_ref=waiting.ref, actor=factories.user("ops"), reason="A mistake.", now=clock.now())
    with refused("DC84"):
        sql("update users_apikey set revoked_at = null where id = %s", waiting.pk)
    with refused("DC82"):
        sql(
            "update users_apikey set collected_at = now(), identifier = 'mine', secret_hash = 'mine' where id = %s",
            waiting.pk,
        )


# --- the text --------------------------------------------------------------------------------


def test_any_mistyped_character_is_noticed(db: None) -> None:
    text = keys.new().text
    assert text.startswith("desk_test_")
    assert keys.parse(text).text == text
    for place in range(len(text)):
        other = "x" if text[place] != "x" else "y"
        with pytest.raises(keys.MistypedKey):
            keys.parse(text[:place] + other + text[place + 1 :])
    for wrong in ("", text[:-1], text + "x", f" {text}"):
        with pytest.raises(keys.MistypedKey):
            keys.parse(wrong)


def test_another_pepper_makes_another_hash(settings: Any) -> None:
    key = keys.new()
    before = key.hash
    settings.API_KEY_PEPPER = "another pepper of at least 32 bytes, for sure"

    assert key.hash != before
