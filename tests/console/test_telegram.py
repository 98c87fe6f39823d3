"""Linking Telegram at the console: a token shown once, one's own accounts, cutting off."""

from typing import Any

import pytest

from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from trading.lib import clock
from users import operations
from users.models import LinkToken, Role, TelegramLink, User

REASON = "Her phone was stolen this morning."


def text(answer: Any) -> str:
    page: str = answer.content.decode()
    return page


@pytest.fixture
def olga(db: None) -> User:
    return scene.person("olga", Role.OPS)


@pytest.fixture
def tara(db: None) -> User:
    return factories.user("trader", username="tara")


def test_ops_make_a_token_for_a_trader(olga: User, tara: User, settings: Any) -> None:
    settings.TELEGRAM_BOT_NAME = "desk_bot"
    client = verified_client(olga)
    assert "Make a link, shown once" in text(client.get(f"/users/{tara.ref}/"))

    shown = client.post(f"/users/{tara.ref}/telegram/token/")

    page = text(shown)
    token = page.partition("/start ")[2].partition("<")[0]
    assert f"https://t.me/desk_bot?start={token}" in page
    assert shown.headers["Cache-Control"] == "no-store"
    assert operations.link_by_token(token=token, telegram_id=1, now=clock.now()) == tara
    again = client.post(f"/users/{tara.ref}/telegram/token/", follow=True)
    assert "This takes two people" in text(again)


def test_one_links_and_cuts_off_ones_own_account(olga: User) -> None:
    client = verified_client(olga)
    page = text(client.post("/profile/telegram/token/"))
    token = page.partition("/start ")[2].partition("<")[0]
    operations.link_by_token(token=token, telegram_id=4711, now=clock.now())
    assert "4711" in text(client.get("/profile/"))

    done = client.post("/profile/telegram/ending/", follow=True)
    late = client.post("/profile/telegram/ending/", follow=True)

    assert "The Telegram account is cut off." in text(done)
    assert "has no Telegram account linked" in text(late)
    assert not TelegramLink.objects.filter(ended_at=None).exists()


def test_ops_cut_an_account_off_with_a_reason(olga: User, tara: User) -> None:
    operations.link_telegram(user=tara, telegram_id=1, now=clock.now())
    client, where = verified_client(olga), f"/users/{tara.ref}/telegram/ending/"
    assert "does nothing here any more" in text(client.get(where))

    short, done, late = (client.post(where, {"reason": reason}) for reason in ("so", REASON, REASON))

    assert (short.status_code, done.status_code, late.status_code) == (422, 302, 409)
    assert TelegramLink.objects.get().ended_at is not None


def test_others_do_neither(tara: User) -> None:
    client = verified_client(scene.person("audrey", Role.AUDITOR))

    assert client.post(f"/users/{tara.ref}/telegram/token/").status_code == 403
    assert client.post(f"/users/{tara.ref}/telegram/ending/", {"reason": REASON}).status_code == 403
    assert not LinkToken.objects.exists()
