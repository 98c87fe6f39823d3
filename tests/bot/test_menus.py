"""The commands that Telegram offers in each chat: those of whom it speaks for, in their language, as things are now."""

import pytest

from alerting import operations
from alerting.models import OutboundMessage
from tests import factories
from tests.bot.scene import GROUP, LEO, NAVID, SAM, STRANGER, TARA, Scene, link
from trading.bot import registry
from trading.lib import clock
from trading.sandbox.telegram.client import Json
from users import operations as user_operations
from users.models import AuditEvent, Role, TelegramLink, User
from users.operations.people import NewUser

ALWAYS = {"notify", "lang", "timezone", "help"}
BOTH = {"balance", "history", "statement", "receipt", "dispute", "addresses", "address", "account"}
TRADER = ALWAYS | BOTH | {"rfq", "quotes", "orders", "cancel", "limits", "freeze", "deposit", "withdraw"}
DEALER = ALWAYS | BOTH | {"open", "quote", "pull", "pass", "status", "stats", "pause"}


def menu(scene: Scene, chat_id: int) -> dict[str, str]:
    """What the chat itself offers; nothing when it has the menu of strangers."""
    return scene.client.menu(chat_id)


def menus_sent(scene: Scene) -> list[Json]:
    return [call for call in scene.client.state()["calls"] if call["method"] in {"setMyCommands", "deleteMyCommands"}]


def revoke(scene: Scene, user: User, role: Role) -> None:
    olga = factories.user("ops")
    user_operations.revoke_role(user=user, role=role, actor=olga, reason="left the team", now=clock.now())
    scene.work()


def link_stranger(scene: Scene, user: User) -> None:
    scene.client.say(STRANGER, "hello")  # a bot may write only to who wrote first
    link(user, STRANGER)
    scene.work()


def test_each_side_has_its_own(scene: Scene) -> None:
    link_stranger(scene, factories.user("ops"))

    assert set(menu(scene, TARA)) == TRADER
    assert set(menu(scene, LEO)) == DEALER
    assert set(menu(scene, STRANGER)) == ALWAYS | {"alerts", "health", "pause"}


def test_one_person_who_trades_and_quotes_has_two_logins_and_each_chat_its_own_side(scene: Scene) -> None:
    tara = scene.market.tara
    new = NewUser("tara-quotes", "Tara", person=tara.person, counterparty=scene.market.northwind)
    dealer = user_operations.create_user(new=new, actor=None, now=clock.now())
    factories.check(dealer)
    factories.carry("user.approve", dealer.ref, roles=["lp"])
    link_stranger(scene, User.objects.get(pk=dealer.pk))

    assert set(menu(scene, TARA)) == TRADER
    assert set(menu(scene, STRANGER)) == DEALER


def test_the_words_are_in_the_readers_language_and_change_with_it(scene: Scene) -> None:
    assert menu(scene, NAVID)["rfq"] == "درخواست قیمت"

    scene.say(NAVID, "/lang tr")

    assert menu(scene, NAVID)["rfq"] == "Fiyat iste"


def test_strangers_and_the_suspended_have_the_menu_of_everybody(scene: Scene) -> None:
    assert menu(scene, STRANGER) == menu(scene, SAM) == menu(scene, GROUP) == {}

    user_operations.suspend_user(user=scene.market.tara, actor=None, reason="for a test", now=clock.now())
    scene.work()

    assert menu(scene, TARA) == {}


def test_a_chat_that_was_cut_off_is_a_strangers_again(scene: Scene) -> None:
    scene.client.say(STRANGER, "hello")
    factories.carry("telegram.relink", scene.market.tara.ref, telegram_id=STRANGER)
    scene.work()

    assert menu(scene, TARA) == {}
    assert set(menu(scene, STRANGER)) == TRADER


def test_a_role_taken_away_takes_its_commands_along(scene: Scene) -> None:
    revoke(scene, scene.market.tara, Role.TRADER)
    revoke(scene, scene.market.leo, Role.LP)

    assert set(menu(scene, TARA)) == set(menu(scene, LEO)) == ALWAYS


def test_chats_linked_before_there_were_menus_get_theirs_once(scene: Scene) -> None:
    scene.client.reset()
    OutboundMessage.objects.all().delete()

    for _start in range(2):
        operations.renew_menus(edition=registry.edition(), now=clock.now())
        scene.work()

    assert set(menu(scene, TARA)) == TRADER
    assert set(menu(scene, LEO)) == DEALER
    linked = TelegramLink.objects.filter(ended_at=None).count()
    assert len(menus_sent(scene)) == linked


def test_menus_that_were_defined_anew_are_sent_anew(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    operations.renew_menus(edition=registry.edition(), now=clock.now())
    scene.work()
    before = registry.edition()
    kept = tuple(entry for entry in registry.ENTRIES if entry.name != "freeze")
    monkeypatch.setattr(registry, "ENTRIES", kept)

    assert registry.edition() != before
    operations.renew_menus(edition=registry.edition(), now=clock.now())
    scene.work()

    assert set(menu(scene, TARA)) == TRADER - {"freeze"}


@pytest.mark.parametrize("trouble", ["blocked", "not found"])
def test_a_chat_that_cannot_be_reached_is_marked_and_gets_its_menu_when_it_is_back(scene: Scene, trouble: str) -> None:
    refused = {"status": 403} if trouble == "blocked" else {"status": 400, "description": "Bad Request: chat not found"}
    scene.client.fault("error", method="setMyCommands", chat_id=TARA, **refused)
    scene.say(TARA, "/lang tr")
    assert TelegramLink.objects.get(telegram_id=TARA).unreachable_at is not None
    assert AuditEvent.objects.filter(name="telegram.unreachable").count() == 1
    assert menu(scene, TARA)["rfq"] == "Ask for a price"

    operations.renew_menus(edition="another", now=clock.now())
    assert not OutboundMessage.objects.filter(chat_id=TARA, key__startswith="menu:another").exists()
    scene.say(TARA, "/help")

    assert TelegramLink.objects.get(telegram_id=TARA).unreachable_at is None
    assert menu(scene, TARA)["rfq"] == "Fiyat iste"
