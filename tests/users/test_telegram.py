"""Tokens that link a Telegram account: once, within minutes, to the user they were made for; links and their ends."""

from datetime import timedelta
from functools import partial

import pytest

from tests import factories
from tests.concurrency.threads import at_once
from tests.probes import refused, sql
from tests.users.approvals import suspend
from trading.lib import clock
from trading.lib.errors import NotFound
from users import operations
from users.errors import NeedsTwo, NotActive
from users.models import AuditEvent, LinkToken, TelegramLink, User
from users.operations.telegram import ExpiredLinkToken, NotLinkedNow, NotTheirs, UnknownLinkToken
from users.queries import people

REASON = "Her phone was stolen this morning."


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


@pytest.fixture
def tara(db: None) -> User:
    return factories.user("trader", username="tara")


def token_for(user: User, by: User) -> str:
    return operations.make_link_token(user=user, actor=by, now=clock.now()).text


def link(token: str, telegram_id: int = 4711) -> User:
    return operations.link_by_token(token=token, telegram_id=telegram_id, now=clock.now())


def test_a_token_links_once(olga: User, tara: User) -> None:
    token = token_for(tara, olga)

    assert link(token) == tara
    with pytest.raises(UnknownLinkToken):
        link(token, 4712)

    assert list(TelegramLink.objects.values_list("user", "telegram_id")) == [(tara.pk, 4711)]
    made = AuditEvent.objects.get(name="telegram.token_made")
    assert (made.actor, made.subject_ref) == (olga, tara.ref)
    assert AuditEvent.objects.get(name="telegram.linked").after == {"telegram_id": 4711}
    assert token not in repr(list(AuditEvent.objects.values()))
    assert token.encode() not in bytes(LinkToken.objects.get().hash)


def test_a_newer_token_ends_the_older(olga: User, tara: User) -> None:
    older, newer = token_for(tara, olga), token_for(tara, olga)

    with pytest.raises(UnknownLinkToken):
        link(older)
    assert link(newer) == tara


def test_a_token_lasts_fifteen_minutes(olga: User, tara: User) -> None:
    token = token_for(tara, olga)

    with pytest.raises(ExpiredLinkToken):
        operations.link_by_token(token=token, telegram_id=1, now=clock.now() + timedelta(minutes=15))
    assert not TelegramLink.objects.exists()


def test_of_two_accounts_at_once_one_is_linked(olga: User, tara: User) -> None:
    token = token_for(tara, olga)

    outcomes = at_once([partial(link, token, number) for number in (1, 2, 3)])

    assert sum(isinstance(one, User) for one in outcomes) == 1
    assert sum(isinstance(one, UnknownLinkToken) for one in outcomes) == 2
    assert TelegramLink.objects.count() == 1


def test_who_makes_tokens_for_whom(olga: User, tara: User) -> None:
    auditor = factories.user("auditor")
    with pytest.raises(NotTheirs):
        token_for(tara, auditor)
    assert link(token_for(auditor, auditor), 1) == auditor
    outside = factories.user("ops")
    reason = "She looks after other clients."
    operations.narrow_scope(user=outside, keep=[], actor=factories.founders()[0], reason=reason, now=clock.now())
    outside.refresh_from_db()
    with pytest.raises(NotFound):
        token_for(tara, outside)
    with pytest.raises(NotActive):
        token_for(factories.pending_user(), olga)


def test_a_suspended_user_is_not_linked(olga: User, tara: User) -> None:
    token = token_for(tara, olga)
    suspend(tara)

    with pytest.raises(NotActive):
        link(token)


def test_who_was_linked_before_takes_two_people_and_a_day(olga: User, tara: User) -> None:
    link(token_for(tara, olga))
    first = people.withdrawals_from(tara)
    with pytest.raises(NeedsTwo):
        token_for(tara, olga)

    factories.carry("telegram.relink", tara.ref, telegram_id=4712)

    later = people.withdrawals_from(tara)
    assert first is not None
    assert later is not None
    assert first <= clock.now()
    assert timedelta(hours=23) < later - clock.now() <= timedelta(days=1)
    with refused("may only change"):
        sql("update users_telegramlink set withdrawals_from = now()")


def test_an_account_of_somebody_else_is_not_taken(olga: User, tara: User) -> None:
    operations.link_telegram(user=olga, telegram_id=4711, now=clock.now())

    with pytest.raises(NeedsTwo):
        link(token_for(tara, olga))
    assert LinkToken.objects.get().used_at is None


def test_one_ends_ones_own_link_and_ops_end_others(olga: User, tara: User) -> None:
    operations.link_telegram(user=tara, telegram_id=1, now=clock.now())
    operations.link_telegram(user=olga, telegram_id=2, now=clock.now())
    auditor = factories.user("auditor")

    with pytest.raises(NotTheirs):
        operations.end_link(user=tara, actor=auditor, reason=REASON, now=clock.now())
    operations.end_link(user=tara, actor=olga, reason=REASON, now=clock.now())
    operations.end_link(user=olga, actor=olga, reason="", now=clock.now())
    with pytest.raises(NotLinkedNow):
        operations.end_link(user=olga, actor=olga, reason="", now=clock.now())

    assert not TelegramLink.objects.filter(ended_at=None).exists()
    event = AuditEvent.objects.get(name="telegram.ended", subject_ref=tara.ref)
    assert (event.actor, event.reason, event.before) == (olga, REASON, {"telegram_id": 1})


def test_a_used_token_stays_used(olga: User, tara: User) -> None:
    link(token_for(tara, olga))

    with refused("DC74"):
        sql("update users_linktoken set used_at = null")
    with refused("may only change"):
        sql("update users_linktoken set user_id = user_id + 1")
