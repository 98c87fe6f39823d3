"""What a party sees of its own terms and money, and how it stops itself."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from rfq import bot, bot_lp, bot_own, bot_standing, operations, tasks
from rfq.models import Fill, LpTerms, Quote, Rfq
from tests import factories
from tests.bot.scene import LEO, MINA, NAVID, STRANGER, TARA, Scene, buttons, link, ref_of, token_of
from trading.bot.gateway import Command
from trading.lib import clock
from trading.lib.chat import BotUpdate
from users.models import AuditEvent, CallbackToken, Counterparty, User


def test_limits_say_what_may_be_traded_and_how_much_of_it_is_used(scene: Scene) -> None:
    fill = factories.fill(scene.market)
    scene.work()
    text = scene.say(TARA, "/limits")[-1]["text"]

    assert "USDT/EUR · One trade: 100.00 USDT to " in text
    assert f"all pairs): {fill.base_amount:,.6f} USDT" in text
    for words in ("A day: ", "Credit line: none", "Trading hours: always"):
        assert words in text


def test_agreed_hours_are_told_on_their_own_clock(scene: Scene) -> None:
    windows = [{"days": [0, 1, 2, 3, 4, 5, 6], "from": "00:00", "to": "00:00"}]
    factories.carry("hours.change", scene.market.client.ref, time_zone="Asia/Dubai", windows=windows)

    text = scene.say(TARA, "/limits")[-1]["text"]
    assert "Trading hours (Asia/Dubai): Mon" in text
    assert "Open now, until" in text


def test_balance_tells_what_is_there_and_what_is_held(scene: Scene) -> None:
    assert "Available: 1,000,000.00 EUR" in scene.say(TARA, "/balance")[-1]["text"]


def test_an_lp_sees_what_has_accrued_with_the_desk(scene: Scene) -> None:
    assert "all is even" in scene.say(LEO, "/balance")[-1]["text"]
    fill = factories.fill(scene.market)
    scene.until(lambda: Fill.objects.get(pk=fill.pk).settlement.status == "settled")

    text = scene.say(LEO, "/balance")[-1]["text"]
    assert f"The desk owes you: {fill.quote.lp_quote_amount:,.2f} EUR" in text
    assert "all is even" in scene.say(MINA, "/balance")[-1]["text"]


def test_addresses_are_shown_in_full_with_their_state(scene: Scene) -> None:
    factories.address(scene.market.client, "cooling1", label="<b>New</b>", cooling_hours=24)
    factories.asked_address(scene.market.client, "waiting1")
    scene.work()
    text = scene.say(TARA, "/addresses")[-1]["text"]

    assert f"{scene.market.address.address} (simulated)" in text
    assert "usable since" in text
    assert "<b>New</b> · cooling1" in text
    assert "approved, usable from" in text
    assert "waits for the desk's approval" in text
    assert "Two people of the desk decide" in text


class TestFreeze:
    """The client's own brake: one press and a confirmation; two people of the desk release it."""

    def test_it_is_explained_confirmed_and_works_at_once(self, scene: Scene) -> None:
        scene.say(TARA, "/rfq buy 10000 EUR")
        scene.say(LEO, f"/quote {ref_of(scene.card(TARA))} 0.9213")
        scene.press(TARA, scene.card(TARA), "Accept")
        (asked,) = scene.say(TARA, "/freeze")
        assert buttons(asked) == ["Freeze trading now", "No, go on"]
        assert "Only two people of the desk" in asked["text"]
        assert Counterparty.objects.get(pk=scene.market.client.pk).status == "active"

        scene.press(TARA, asked, "Freeze")
        assert Counterparty.objects.get(pk=scene.market.client.pk).status == "frozen"
        assert AuditEvent.objects.get(name="client.frozen").actor == scene.market.tara
        scene.press(TARA, scene.card(TARA), "Confirm")
        assert Fill.objects.count() == 0
        assert "frozen" in scene.say(TARA, "/rfq buy 10000 EUR")[-1]["text"]
        assert "contact the desk" in scene.say(TARA, "/freeze")[-1]["text"]
        assert "frozen already" in scene.forge(TARA, asked, token_of(asked, "Freeze"))

    def test_colleagues_and_operations_hear_of_it(self, scene: Scene) -> None:
        olga = factories.user("ops")
        link(olga, STRANGER)
        for listener in (STRANGER, NAVID):  # Telegram lets a bot write to those only who wrote first
            scene.say(listener, "/help")
        (asked,) = scene.say(TARA, "/freeze")
        before = len(scene.screen(TARA))
        scene.press(TARA, asked, "Freeze")
        scene.until(lambda: any("🧊" in one["text"] for one in scene.screen(STRANGER)))

        told = scene.screen(STRANGER)[-1]["text"]
        assert f"{scene.market.client.name} has frozen its own trading" in told
        scene.until(lambda: any("🧊" in one["text"] for one in scene.screen(NAVID)))
        assert len(scene.screen(TARA)) == before  # whoever did it read it in place
        assert not any("🧊" in one["text"] for one in scene.screen(LEO))

    def test_no_stops_nothing(self, scene: Scene) -> None:
        (asked,) = scene.say(TARA, "/freeze")
        scene.press(TARA, asked, "No")

        assert "Nothing is stopped" in scene.screen(TARA)[-1]["text"]
        assert Counterparty.objects.get(pk=scene.market.client.pk).status == "active"

    def test_an_old_or_foreign_button_does_nothing(self, scene: Scene) -> None:
        (asked,) = scene.say(TARA, "/freeze")
        token = token_of(asked, "Freeze")
        scene.say(MINA, "/help")
        assert "does not work here" in scene.forge(MINA, scene.screen(MINA)[-1], token)
        CallbackToken.objects.filter(token=token).update(created_at=clock.now() - timedelta(minutes=11))

        assert "changed meanwhile" in scene.forge(TARA, asked, token)
        assert Counterparty.objects.get(pk=scene.market.client.pk).status == "active"

    def test_a_dealer_has_none(self, scene: Scene) -> None:
        assert "roles do not allow" in scene.say(LEO, "/freeze")[-1]["text"]


class TestOwnPause:
    """An LP stops its own quoting and ends that itself; the desk's pause it cannot end."""

    def test_it_pulls_the_quotes_and_is_ended_by_button(self, scene: Scene) -> None:
        scene.say(TARA, "/rfq buy 10000 EUR")
        scene.say(LEO, f"/quote {ref_of(scene.card(LEO))} 0.9213")
        (asked,) = scene.say(LEO, "/pause")
        scene.press(LEO, asked, "Pause my quoting")
        assert Quote.objects.get().status == "pulled"
        assert "You paused your quoting" in scene.say(LEO, "/status")[-1]["text"]
        assert "paused already" in scene.forge(LEO, asked, token_of(asked, "Pause"))

        (paused,) = scene.say(LEO, "/pause")
        scene.press(LEO, paused, "Quote again")
        assert LpTerms.objects.get(lp=scene.market.meridian).paused_at is None
        assert "You are asked for prices." in scene.say(LEO, "/status")[-1]["text"]

    def test_the_desks_pause_has_no_button(self, scene: Scene) -> None:
        ops = factories.user("ops")
        operations.pause_lp(
            lp_ref=scene.market.meridian.ref, actor=ops, reason="too many rejects this morning", now=clock.now()
        )
        (shown,) = scene.say(LEO, "/pause")

        assert "The desk has paused your quoting" in shown["text"]
        assert "rejects" not in shown["text"]
        assert buttons(shown) == []


def test_status_tells_cap_live_quotes_and_the_program(scene: Scene) -> None:
    none = dict.fromkeys(("pause_window", "minimum_response_percent", "maximum_reject_percent"))
    factories.carry("lp_terms.change", scene.market.meridian.ref, unsettled_cap="50000", **none)
    scene.say(TARA, "/rfq buy 10000 EUR")
    scene.say(LEO, f"/quote {ref_of(scene.card(LEO))} 0.9213")
    text = scene.say(LEO, "/status")[-1]["text"]

    assert "Live quotes: 1" in text
    assert "Not settled: 0.00 USDT of at most 50,000.00 USDT" in text
    assert "No program quotes for you" in text


def test_stats_are_the_lps_own(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    ref = ref_of(scene.card(LEO))
    scene.say(LEO, f"/quote {ref} 0.9213")
    scene.say(MINA, f"/pass {ref}")

    assert "Asked: 1 · quoted: 1 · passed: 0 · traded: 0" in scene.say(LEO, "/stats")[-1]["text"]
    mina = scene.say(MINA, "/stats")[-1]["text"]
    assert "Asked: 1 · quoted: 0 · passed: 1 · traded: 0" in mina
    assert scene.market.meridian.name not in mina
    assert "Counted up to" not in mina

    tasks.keep_reports(timestamp=0)
    assert "Counted up to" in scene.say(MINA, "/stats")[-1]["text"]


def test_no_list_shows_an_lp_the_client_or_a_rival(scene: Scene) -> None:
    scene.say(TARA, "/rfq buy 10000 EUR")
    ref = ref_of(scene.card(LEO))
    scene.say(MINA, f"/quote {ref} 0.9177")
    for words in ("/open", "/status", "/stats", "/balance", "/pause", "/pull", f"/quote {ref} 0.6"):
        scene.say(LEO, words)

    seen = str(scene.client.changes(LEO))
    for secret in (scene.market.client.name, scene.market.client.ref, scene.market.northwind.name, "0.9177", "0.9196"):
        assert secret not in seen


@pytest.mark.parametrize(
    ("handler", "who", "most"),
    [
        (bot.orders, "tara", 5),
        (bot.quotes, "tara", 4),
        (bot.cancel, "tara", 5),
        (bot_own.limits, "tara", 8),
        (bot_own.balance, "tara", 3),
        (bot_own.addresses, "tara", 4),
        (bot_lp.open_, "leo", 9),
        (bot_lp.pull, "leo", 9),
        (bot_standing.status, "leo", 8),
        (bot_standing.stats, "leo", 6),
    ],
)
def test_a_command_costs_the_same_however_much_there_is(scene: Scene, handler: Command, who: str, most: int) -> None:
    def count() -> int:
        actor = User.objects.select_related("counterparty").get(pk=getattr(scene.market, who).pk)
        update = BotUpdate(update_id=CallbackToken.objects.count(), chat_id=1, telegram_id=1, text="/x")
        with CaptureQueriesContext(connection) as captured, translation.override("en"):
            handler(update, actor)
        return len([one for one in captured.captured_queries if "SAVEPOINT" not in one["sql"]])

    factories.quote(factories.rfq(scene.market), scene.market.leo)
    few = count()
    for _ in range(4):
        factories.quote(factories.rfq(scene.market), scene.market.leo)
    assert Rfq.objects.count() == 5
    assert count() <= few <= most
