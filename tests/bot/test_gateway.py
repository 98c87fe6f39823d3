"""Who is heard, and in which language they are answered."""

import pytest

from alerting.models import InboundUpdate
from rfq.models import Fill, Rfq
from tests import factories
from tests.bot.scene import GROUP, LEO, MINA, NAVID, SAM, STRANGER, TARA, Scene, buttons, flat, ref_of, token_of
from trading.lib import clock
from users import operations as user_operations
from users.models import CallbackToken, User


def test_stranger_is_refused_in_words_and_learns_the_number_to_give(scene: Scene) -> None:
    (answer,) = scene.say(STRANGER, "/rfq buy 10000 EUR")

    assert "not linked to the desk" in answer["text"]
    assert str(STRANGER) in answer["text"]
    assert Rfq.objects.count() == 0


def test_suspended_user_is_refused_in_words(scene: Scene) -> None:
    (answer,) = scene.say(SAM, "/rfq buy 10000 EUR")

    assert "not active" in answer["text"]
    assert Rfq.objects.count() == 0


def test_group_is_refused_politely_even_when_a_trader_speaks(scene: Scene) -> None:
    (answer,) = scene.say(TARA, "/rfq buy 10000 EUR", chat_id=GROUP)

    assert "private chats only" in answer["text"]
    assert Rfq.objects.count() == 0
    assert scene.look(TARA) == []


def test_suspension_takes_effect_on_the_next_button(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    scene.say(LEO, f"/quote {ref_of(scene.card(TARA))} 0.9213")
    scene.press(TARA, scene.card(TARA), "Accept")
    user_operations.suspend_user(user=scene.market.tara, actor=None, reason="for a test", now=clock.now())

    scene.press(TARA, scene.card(TARA), "Confirm")

    assert Fill.objects.count() == 0
    assert "not active" in scene.screen(TARA)[-1]["text"]


def test_relinking_cuts_off_the_old_account(scene: Scene) -> None:
    factories.carry("telegram.relink", scene.market.tara.ref, telegram_id=STRANGER)

    assert "not linked" in scene.say(TARA, "/help")[-1]["text"]
    assert "/rfq" in scene.say(STRANGER, "/help")[-1]["text"]


def test_a_token_of_the_console_makes_a_stranger_known_once(scene: Scene) -> None:
    newcomer = factories.user("trader", of=scene.market.client, language="fa")
    ops = factories.user("ops")
    token = user_operations.make_link_token(user=newcomer, actor=ops, now=clock.now()).text

    welcome = scene.say(STRANGER, f"/start {token}")
    again = scene.say(STRANGER, f"/start {token}")
    help_ = scene.say(STRANGER, "/help")

    assert "به میز خوش آمدید" in welcome[-1]["text"]
    assert "/rfq" in help_[-1]["text"]
    assert "به میز خوش آمدید" in again[-1]["text"]
    assert newcomer.telegram_links.get().telegram_id == STRANGER


def test_a_wrong_token_says_so_and_tries_are_few(scene: Scene) -> None:
    refused = [scene.say(STRANGER, f"/start guess{number}")[-1]["text"] for number in range(6)]

    assert all("does not work (any more)" in text for text in refused[:5])
    assert "Too many requests" in refused[5]


def test_a_token_sent_in_a_group_or_by_a_known_person_links_nobody(scene: Scene) -> None:
    newcomer, ops = factories.user("trader", of=scene.market.client), factories.user("ops")
    token = user_operations.make_link_token(user=newcomer, actor=ops, now=clock.now()).text

    scene.say(TARA, f"/start {token}", chat_id=GROUP)
    scene.say(TARA, f"/start {token}")

    assert not newcomer.telegram_links.exists()


def test_the_chat_that_was_cut_off_hears_of_it(scene: Scene) -> None:
    factories.carry("telegram.relink", scene.market.tara.ref, telegram_id=STRANGER)
    scene.work()

    assert "no longer speaks for" in scene.look(TARA)[-1]["text"]


def test_two_traders_read_two_languages(scene: Scene) -> None:
    english = scene.say(TARA, "/rfq buy 10000 EUR")
    persian = scene.say(NAVID, "/rfq buy ۱۰٬۰۰۰٫۵۰ EUR")

    assert buttons(english[-1]) == ["Cancel"]
    assert buttons(persian[-1]) == ["لغو"]
    assert "۱۰٬۰۰۰٫۵۰ EUR" in persian[0]["text"]
    assert "\u2068" in persian[0]["text"]  # a left-to-right part is isolated
    assert "\u2068" not in english[0]["text"]
    assert "Waiting for quotes" in english[-1]["text"]


def test_amount_that_is_not_certainly_a_number_is_refused(scene: Scene) -> None:
    for written in ("1e6", "NaN", "-5", "1,5"):
        (answer,) = scene.say(TARA, f"/rfq buy {written} EUR")
        assert f"I cannot read “{written}” as a number" in answer["text"]
    assert Rfq.objects.count() == 0


def test_request_of_another_pattern_is_refused_with_examples(scene: Scene) -> None:
    for words in ("buy", "steal 10 EUR", "buy 10 EUR AED", "sell 10 USDT", "buy 10 USDT USDT"):
        assert "/rfq sell 5000 USDT EUR" in scene.say(TARA, f"/rfq {words}")[-1]["text"]


def test_refusals_of_the_market_reach_the_chat_as_sentences(scene: Scene) -> None:
    assert "is not traded here" in scene.say(TARA, "/rfq buy 10000 XXX")[-1]["text"]
    assert "The smallest trade is 100 USDT" in scene.say(TARA, "/rfq sell 5 USDT EUR")[-1]["text"]
    assert "no RFQ RFQ-NONE for you" in scene.say(LEO, "/quote RFQ-NONE 0.92")[-1]["text"]
    assert "roles do not allow" in scene.say(LEO, "/rfq buy 10000 EUR")[-1]["text"]
    assert "roles do not allow" in scene.say(TARA, "/quote RFQ-NONE 0.92")[-1]["text"]
    assert "/quote RFQ-" in scene.say(LEO, "/quote")[-1]["text"]
    assert "/help" in scene.say(TARA, "<b>good</b> morning & evening")[-1]["text"]


def test_markup_in_what_a_person_writes_is_shown_not_obeyed(scene: Scene) -> None:
    assert "“<b>5</b>”" in scene.say(TARA, "/rfq buy <b>5</b> EUR")[-1]["text"]


def test_language_is_chosen_by_button_or_by_name(scene: Scene) -> None:
    (choice,) = scene.say(TARA, "/lang")
    assert "فارسی" in scene.press(TARA, choice, "فارسی")[-1]["text"]
    assert User.objects.get(pk=scene.market.tara.pk).language == "fa"
    assert scene.say(TARA, "/lang en")[-1]["text"].startswith("I will write to you in English")
    assert "en, fa" in scene.say(TARA, "/lang xx")[-1]["text"]


def test_help_shows_each_side_its_own_commands(scene: Scene) -> None:
    assert "/rfq" in scene.say(TARA, "/start")[-1]["text"]
    assert "/quote" not in scene.say(TARA, "/help")[-1]["text"].replace("/quotes", "")
    assert "/rfq" not in scene.say(LEO, "/help")[-1]["text"]


class TestButtons:
    """A button does one thing, for one person, to one version of one object."""

    @pytest.fixture
    def confirm(self, scene: Scene) -> str:
        scene.say(TARA, "/rfq buy 10000 EUR")
        scene.say(LEO, f"/quote {ref_of(scene.card(TARA))} 0.9213")
        scene.press(TARA, scene.card(TARA), "Accept")
        return token_of(scene.card(TARA), "Confirm")

    def test_token_is_opaque_and_short(self, scene: Scene, confirm: str) -> None:
        assert len(confirm.encode()) <= 64
        for part in ("RFQ", "QTE", "rfq", str(scene.market.tara.pk) + ":"):
            assert part not in confirm

    def test_forged_one_is_refused(self, scene: Scene, confirm: str) -> None:
        for forged in ("x", "rfq.accept", "a" * 64, confirm[:-1] + ("a" if confirm[-1] != "a" else "b")):
            assert "does not work here" in scene.forge(TARA, scene.card(TARA), forged)
        assert Fill.objects.count() == 0

    def test_somebody_elses_is_refused(self, scene: Scene, confirm: str) -> None:
        scene.say(NAVID, "/help")
        for thief in (NAVID, MINA):
            scene.say(thief, "/lang en")
            words = scene.forge(thief, scene.screen(thief)[-1], confirm)
            assert "does not work here" in words
        assert Fill.objects.count() == 0

    def test_pressed_ten_times_it_trades_once(self, scene: Scene, confirm: str) -> None:
        card = scene.card(TARA)
        for _ in range(10):
            scene.client.press(TARA, card["message_id"], callback_data=confirm, stale=True)
        scene.turn()

        assert Fill.objects.count() == 1
        assert InboundUpdate.objects.exclude(status="handled").count() == 0
        notices = [notice["text"] for notice in scene.client.changes(TARA)["notices"]]
        assert sum(text.startswith("Traded") for text in notices) == 10

    def test_stale_one_of_an_ended_rfq_says_so(self, scene: Scene, confirm: str) -> None:
        old = scene.card(TARA)
        scene.press(TARA, old, "Back")
        scene.press(TARA, scene.card(TARA), "Cancel")

        assert "Nothing was traded" in scene.forge(TARA, old, confirm) or "is over" in scene.forge(TARA, old, confirm)
        assert Fill.objects.count() == 0

    def test_the_same_button_keeps_its_token(self, scene: Scene, confirm: str) -> None:
        scene.press(TARA, scene.card(TARA), "Back")
        scene.press(TARA, scene.card(TARA), "Accept")

        assert token_of(scene.card(TARA), "Confirm") == confirm
        assert CallbackToken.objects.filter(action="rfq.accept").count() == 1

    @pytest.mark.usefixtures("confirm")
    def test_no_button_without_its_handler(self, scene: Scene) -> None:
        from trading.bot.registry import ACTIONS  # noqa: PLC0415 - the registry is what is tested

        scene.say(TARA, "/lang")
        assert {token.action for token in CallbackToken.objects.all()} <= set(ACTIONS)
        assert flat(scene.card(TARA))


def test_unlinked_lp_dealer_gets_no_card(scene: Scene) -> None:
    factories.user("lp", of=scene.market.northwind)

    scene.say(TARA, "/rfq buy 10000 EUR")

    assert len([m for m in scene.screen(MINA) if m["text"].startswith("RFQ-")]) == 1
