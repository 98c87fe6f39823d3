"""Who may do what, and what the database says about people and their links."""

import pytest
from django.core.exceptions import ValidationError

from tests import factories
from tests.probes import refused, sql
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.states import IllegalTransition
from users import capabilities, operations
from users.capabilities import CAPABILITIES, MissingCapability
from users.errors import NeedsTwo, NotActive, NotLinked
from users.models import Counterparty, Role, RoleGrant, TelegramLink, User
from users.operations import NewUser
from users.queries import user_of_telegram


def pending() -> User:
    new = NewUser(username=factories.unique("new"), full_name="New Person")
    return operations.create_user(new=new, actor=None, now=clock.now())


# --- capabilities ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role.values)
def test_role_gives_its_capabilities_and_no_other(db: None, role: str) -> None:
    user = factories.user(role)

    assert capabilities.of(user) == CAPABILITIES[role]
    assert not capabilities.holds(user, "anything.else")


def test_roles_add_up_and_revoked_ones_are_gone(db: None) -> None:
    user = factories.user("ops", "auditor")
    assert capabilities.of(user) == CAPABILITIES["ops"] | CAPABILITIES["auditor"]

    operations.revoke_role(user=user, role=Role.OPS, actor=None, reason="for a test", now=clock.now())

    assert capabilities.of(User.objects.get(pk=user.pk)) == CAPABILITIES["auditor"]


def test_pending_user_may_nothing(db: None) -> None:
    user = pending()
    assert capabilities.of(user) == frozenset()


def test_suspended_user_may_nothing_from_that_moment(db: None) -> None:
    user = factories.user("ops")
    assert capabilities.holds(user, "flag.off")

    operations.suspend_user(user=user, actor=None, reason="for a test", now=clock.now())

    assert capabilities.of(user) == frozenset()
    with pytest.raises(MissingCapability):
        capabilities.require(user, "flag.off")


def test_djangos_permissions_give_nothing(db: None) -> None:
    user = factories.user("admin")

    assert not user.has_perm("users.change_user")
    assert not user.has_module_perms("users")


# --- what the database refuses ---------------------------------------------------------------

IMPOSSIBLE: list[tuple[dict[str, object], str]] = [
    ({"is_superuser": True}, "user_nobody_is_superuser"),
    ({"username": "Capital"}, "user_name_plain"),
    ({"username": ""}, "user_name_plain"),
    ({"username": "с-cyrillic"}, "user_name_plain"),
    ({"person": None}, "user_human_has_person"),
    ({"kind": "service"}, "user_service_has_none"),
]


@pytest.mark.parametrize(("change", "because"), IMPOSSIBLE)
def test_impossible_users_are_refused(db: None, change: dict[str, object], because: str) -> None:
    person = pending().person

    with refused(because):
        User.objects.create(**({"username": "plain", "person": person} | change))


@pytest.mark.parametrize("status", ["rejected", "pending"])
def test_nobody_goes_back_to_before_the_decision(db: None, status: str) -> None:
    user = factories.user("ops")

    with refused("has no step active>|DC43"):
        sql("update users_user set status = %s where id = %s", status, user.pk)


def test_people_and_links_are_never_deleted(db: None) -> None:
    user = factories.user("ops", of=None)
    operations.link_telegram(user=user, telegram_id=1, now=clock.now())
    factories.counterparty()

    for table in ("users_user", "users_person", "users_counterparty", "users_rolegrant", "users_telegramlink"):
        with refused("never changed or removed"):
            sql(f"delete from {table}")  # noqa: S608


def test_user_is_born_pending(db: None) -> None:
    user = pending()
    copied = {field.name: getattr(user, field.name) for field in User._meta.fields if field.name != "is_active"}

    with refused("has no step >active"):
        User.objects.create(**(copied | {"id": None, "ref": "USR-OTHER", "username": "other", "status": "active"}))


def test_kind_of_a_counterparty_never_changes(db: None) -> None:
    factories.counterparty("client")

    with refused("may only change"):
        sql("update users_counterparty set kind = 'lp'")


def test_role_is_granted_once_at_a_time(db: None) -> None:
    first, _second = factories.founders()
    request = factories.propose("role.grant", factories.user("auditor").ref, role="ops")

    with refused("role_granted_once"):
        execute_by_hand(request, factories.founders()[1])
        for _ in range(2):
            RoleGrant.objects.create(user=User.objects.get(ref=request.subject_ref), role="ops", granted_at=clock.now())
    assert first.role_grants.filter(role="ops").count() == 1


# --- status ----------------------------------------------------------------------------------


def test_user_moves_as_the_table_says(db: None) -> None:
    user = factories.user("trader")
    operations.suspend_user(user=user, actor=None, reason="for a test", now=clock.now())
    factories.carry("user.reactivate", user.ref)

    user.refresh_from_db()
    with pytest.raises(IllegalTransition):
        user.move("rejected", at=clock.now())
    assert user.is_active


def test_stale_object_does_not_move(db: None) -> None:
    counterparty = factories.counterparty()
    stale = Counterparty.objects.get(pk=counterparty.pk)
    counterparty.move(Counterparty.Status.FROZEN, at=clock.now())

    with pytest.raises(IllegalTransition):
        stale.move(Counterparty.Status.FROZEN, at=clock.now())


def test_weak_password_makes_no_user(db: None) -> None:
    new = NewUser(username="weak", full_name="Weak", password="password1234")

    with pytest.raises(ValidationError):
        operations.create_user(new=new, actor=None, now=clock.now())
    assert not User.objects.exists()


# --- Telegram --------------------------------------------------------------------------------


def test_linked_account_speaks_for_its_user(db: None) -> None:
    user = factories.user("trader", of=factories.counterparty())
    operations.link_telegram(user=user, telegram_id=42, now=clock.now())

    assert user_of_telegram(42) == user


def test_unknown_account_speaks_for_nobody(db: None) -> None:
    with pytest.raises(NotLinked):
        user_of_telegram(42)


def test_account_of_a_suspended_user_is_refused(db: None) -> None:
    user = factories.user("trader")
    operations.link_telegram(user=user, telegram_id=42, now=clock.now())
    operations.suspend_user(user=user, actor=None, reason="for a test", now=clock.now())

    with pytest.raises(NotActive):
        user_of_telegram(42)


def test_new_link_ends_the_earlier_ones_of_both_ends(db: None) -> None:
    first, second = factories.user("trader"), factories.user("trader")
    operations.link_telegram(user=first, telegram_id=1, now=clock.now())
    operations.link_telegram(user=second, telegram_id=2, now=clock.now())

    factories.carry("telegram.relink", first.ref, telegram_id=2)

    assert user_of_telegram(2) == first
    with pytest.raises(NotLinked):
        user_of_telegram(1)
    assert TelegramLink.objects.filter(ended_at=None).count() == 1
    assert TelegramLink.objects.count() == 3


def test_second_account_takes_two(db: None) -> None:
    first, second = factories.user("trader"), factories.user("trader")
    operations.link_telegram(user=first, telegram_id=1, now=clock.now())

    for user, account in ((first, 2), (second, 1), (first, 1)):
        with pytest.raises(NeedsTwo):
            operations.link_telegram(user=user, telegram_id=account, now=clock.now())
    assert TelegramLink.objects.count() == 1


def test_database_knows_one_live_link_per_end(db: None) -> None:
    first, second = factories.user("trader"), factories.user("trader")
    operations.link_telegram(user=first, telegram_id=1, now=clock.now())
    request = factories.propose("telegram.relink", first.ref, telegram_id=2)

    with refused("telegram_one_user"):
        TelegramLink.objects.create(user=second, telegram_id=1, linked_at=clock.now())
    with refused("telegram_one_account"):
        execute_by_hand(request, factories.founders()[1])
        TelegramLink.objects.create(user=first, telegram_id=2, linked_at=clock.now())
    with refused("may only change"):
        sql("update users_telegramlink set telegram_id = 3")
