"""History, statements and receipts in the chat."""

from datetime import timedelta

from rfq.models import Fill
from tests import factories
from tests.bot.scene import LEO, MINA, TARA, Scene, buttons
from trading.lib import clock


def trades(scene: Scene, count: int) -> list[str]:
    return [factories.fill(scene.market, to_balance=True).ref for _number in range(count)]


def test_history_turns_its_pages_in_place(scene: Scene) -> None:
    made = trades(scene, 12)
    scene.work()
    first = scene.say(TARA, "/history")[-1]

    assert [ref in first["text"] for ref in made] == [False] * 2 + [True] * 10
    assert buttons(first) == ["Older ›"]

    second = scene.press(TARA, first, "Older ›")[-1]
    assert second["message_id"] == first["message_id"]
    assert [ref in second["text"] for ref in made] == [True] * 2 + [False] * 10
    assert buttons(second) == ["‹ Newer"]

    again = scene.press(TARA, second, "‹ Newer")[-1]
    assert again["text"] == first["text"]
    assert buttons(again) == ["Older ›"]


def test_history_of_a_month_and_of_days(scene: Scene) -> None:
    (ref,) = trades(scene, 1)
    scene.work()
    today = Fill.objects.get(ref=ref).filled_at
    before = (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")

    assert ref in scene.say(TARA, f"/history {today:%Y-%m}")[-1]["text"]
    assert ref in scene.say(TARA, f"/history {today:%Y-%m-%d} {today:%Y-%m-%d}")[-1]["text"]
    assert ref not in scene.say(TARA, f"/history {before}")[-1]["text"]
    assert "did not understand" in scene.say(TARA, "/history soon")[-1]["text"]


def test_lp_has_its_own_history_and_nobody_elses(scene: Scene) -> None:
    (ref,) = trades(scene, 1)
    scene.work()
    own = scene.say(LEO, "/history")[-1]["text"]

    assert ref in own
    assert "Sold" in own
    assert scene.market.client.name not in own


def test_statement_by_buttons_and_by_words(scene: Scene) -> None:
    trades(scene, 1)
    scene.work()
    month = f"{clock.now():%Y-%m}"
    question = scene.say(TARA, "/statement")[-1]
    formats = scene.press(TARA, question, month)[-1]
    assert buttons(formats) == ["PDF", "CSV"]

    by_button = scene.press(TARA, formats, "PDF")[-1]
    assert by_button["document"]["mime_type"] == "application/pdf"
    assert by_button["document"]["file_name"] == f"statement-{scene.market.client.ref}-{month}.pdf"

    by_words = scene.say(TARA, f"/statement {month} csv")[-1]
    assert by_words["document"]["file_name"].endswith(f"{month}.csv")
    assert "pdf or csv" in scene.say(TARA, f"/statement {month} docx")[-1]["text"]
    assert "not begun" in scene.say(TARA, "/statement 2099-01 pdf")[-1]["text"]


def test_settled_trade_brings_a_button_for_its_signed_receipt(scene: Scene) -> None:
    fill = factories.settled(scene.market)
    scene.work()
    for who in (TARA, LEO):
        told = [m for m in scene.screen(who) if "Receipt (PDF)" in buttons(m)][-1]
        sent = scene.press(who, told, "Receipt (PDF)")[-1]
        assert sent["document"]["file_name"].startswith("receipt-RCT-")
        again = scene.say(who, f"/receipt {fill.ref.lower()}")[-1]
        assert again["document"]["file_name"] == sent["document"]["file_name"]
        assert again["document"]["file_size"] == sent["document"]["file_size"]
    assert "not yours to see" in scene.say(MINA, f"/receipt {fill.ref}")[-1]["text"]
    assert "Say of which trade" in scene.say(TARA, "/receipt")[-1]["text"]
