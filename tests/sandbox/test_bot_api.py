"""The real client library against the stand-in: what it sends is understood, what it reads is in shape."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from telegram import Bot, BotCommand, BotCommandScopeChat, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from telegram.error import BadRequest, Forbidden, InvalidToken

from tests.sandbox.conftest import DORA, GROUP, NAVID, STRANGER, TARA, TOKEN, Sandbox

JSON_TYPE = {"Content-Type": "application/json"}


def with_bot(sandbox: Sandbox, act: Callable[[Bot], Awaitable[Any]], token: str = TOKEN) -> Any:
    """Do something as the bot; what comes back is the library's, where nearly everything may be None."""

    async def main() -> Any:
        async with sandbox.bot(token) as bot:
            return await act(bot)

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may keep a loop in this one
        return thread.submit(lambda: asyncio.run(main())).result()


def keyboard(*labels: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=f"t:{label}") for label in labels]])


def test_get_me_describes_a_bot(sandbox: Sandbox) -> None:
    me = with_bot(sandbox, lambda bot: bot.get_me())

    assert (me.is_bot, me.username) == (True, "otc_desk_sandbox_bot")


def test_a_sent_message_appears_in_the_persons_chat(sandbox: Sandbox) -> None:
    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, "Good morning"))

    assert (sent.chat_id, sent.text, sent.from_user.is_bot) == (TARA, "Good morning", True)
    assert [message["text"] for message in sandbox.client.messages(TARA)] == ["Good morning"]


def test_html_becomes_plain_text_and_entities_in_utf16_units(sandbox: Sandbox) -> None:
    text = (
        '🙂 <b>USDT <i>10&#160;000</i></b> &amp; <code>/open</code> <a href="http://localhost/x?a=1&amp;b=2">more</a>'
    )

    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, text, parse_mode="HTML"))

    assert sent.text == "🙂 USDT 10\u00a0000 & /open more"
    assert {e.type: sent.parse_entity(e) for e in sent.entities} == {
        "bold": "USDT 10\u00a0000",
        "italic": "10\u00a0000",
        "code": "/open",
        "text_link": "more",
    }
    assert sent.entities[-1].url == "http://localhost/x?a=1&b=2"


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<b>open", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b>x</i>", 'expected "</b>", found "</i>"'),
        ("x</b>", "Unexpected end tag"),
        ("<blink>x</blink>", 'Unsupported start tag "blink"'),
        ("a < b", "start tag at byte offset 2"),
    ],
)
def test_malformed_html_is_refused_with_its_place(sandbox: Sandbox, html: str, complaint: str) -> None:
    with pytest.raises(BadRequest, match="parse entities") as refused:
        with_bot(sandbox, lambda bot: bot.send_message(TARA, html, parse_mode="HTML"))

    assert complaint.lower() in refused.value.message.lower()


def test_entities_sent_by_the_bot_itself_are_kept_when_they_fit(sandbox: Sandbox) -> None:
    bold = MessageEntity("bold", 3, 4)

    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, "hi USDT", entities=[bold]))

    assert sent.parse_entity(sent.entities[0]) == "USDT"
    with pytest.raises(BadRequest, match="inside the text"):
        with_bot(sandbox, lambda bot: bot.send_message(TARA, "hi", entities=[bold]))


def test_control_characters_and_broken_characters_never_get_through(sandbox: Sandbox) -> None:
    said = sandbox.client.say(TARA, "/rfq\x00buy\t1\r\nEUR\u202e")
    answer = httpx.post(
        f"{sandbox.url}/bot{TOKEN}/sendMessage", content=b'{"chat_id":7001,"text":"\\ud800"}', headers=JSON_TYPE
    )

    assert said["text"] == "/rfq buy 1\nEUR"
    assert answer.json()["description"] == "Bad Request: strings must be encoded in UTF-8"


def test_message_ids_ascend_in_each_chat_by_themselves(sandbox: Sandbox) -> None:
    async def act(bot: Bot) -> list[int]:
        to = [TARA, TARA, DORA, TARA]
        return [(await bot.send_message(chat, "x")).message_id for chat in to]

    first, second, other, third = with_bot(sandbox, act)

    assert (second - first, third - second) == (1, 1)
    assert other != third or first != third


def test_a_message_in_urlencoded_form_by_get_is_understood(sandbox: Sandbox) -> None:
    answer = httpx.get(f"{sandbox.url}/bot{TOKEN}/sendMessage", params={"chat_id": TARA, "text": "by GET"})

    assert answer.json()["result"]["text"] == "by GET"


def test_a_message_in_json_with_a_nested_keyboard_is_understood(sandbox: Sandbox) -> None:
    markup = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}

    answer = httpx.post(
        f"{sandbox.url}/bot{TOKEN}/sendMessage", json={"chat_id": TARA, "text": "x", "reply_markup": markup}
    )

    assert answer.json()["result"]["reply_markup"] == markup


def test_broken_json_is_refused(sandbox: Sandbox) -> None:
    answer = httpx.post(
        f"{sandbox.url}/bot{TOKEN}/sendMessage", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["description"]) == (400, "Bad Request: can't parse request JSON")


def test_a_wrong_token_is_unauthorised(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidToken):
        with_bot(sandbox, lambda bot: bot.get_me(), token="7000:other")

    answer = httpx.get(f"{sandbox.url}/bot7000:other/getMe")
    assert (answer.status_code, answer.json()) == (
        401,
        {"ok": False, "error_code": 401, "description": "Unauthorized"},
    )


def test_an_unknown_method_is_not_found(sandbox: Sandbox) -> None:
    answer = httpx.get(f"{sandbox.url}/bot{TOKEN}/sendMoney")

    assert (answer.status_code, answer.json()["description"]) == (404, "Not Found")


async def _edit_missing(bot: Bot) -> object:
    return await bot.edit_message_text("x", chat_id=TARA, message_id=999_999)


async def _edit_same(bot: Bot) -> object:
    sent = await bot.send_message(TARA, "<b>x</b>", parse_mode="HTML", reply_markup=keyboard("A"))
    return await sent.edit_text("<b>x</b>", parse_mode="HTML", reply_markup=keyboard("A"))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda bot: bot.send_message(4711, "x"), "Chat not found"),
        (lambda bot: bot.send_message("@nobody", "x"), "Chat not found"),
        (lambda bot: bot.send_message(TARA, "  "), "Message text is empty"),
        (lambda bot: bot.send_message(TARA, "x" * 4097), "Message is too long"),
        (_edit_missing, "Message to edit not found"),
        (_edit_same, "Message is not modified: specified new message content"),
        (lambda bot: bot.delete_message(TARA, 999_999), "Message to delete not found"),
        (lambda bot: bot.answer_callback_query("12345"), "Query is too old and response timeout expired"),
        (
            lambda bot: bot.send_message(
                TARA, "x", reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data="é" * 33)]])
            ),
            "Button_data_invalid",
        ),
        (lambda bot: bot.send_document(TARA, "no-such-file-id"), "Wrong file identifier"),
        (lambda bot: bot.send_message(TARA, "*x*", parse_mode="MarkdownV2"), "parse_mode"),
        (lambda bot: bot.set_webhook("http://example.org/hook"), "Bad webhook"),
    ],
)
def test_a_bad_request_is_refused_in_the_services_words(
    sandbox: Sandbox, act: Callable[[Bot], Awaitable[object]], words: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        with_bot(sandbox, act)

    assert words.lower() in refused.value.message.lower()


def test_a_bot_may_not_write_first_to_someone_who_never_wrote(sandbox: Sandbox) -> None:
    with pytest.raises(Forbidden, match="can't initiate"):
        with_bot(sandbox, lambda bot: bot.send_message(STRANGER, "Hello?"))

    sandbox.client.say(STRANGER, "/start")

    assert with_bot(sandbox, lambda bot: bot.send_message(STRANGER, "Hello")).text == "Hello"


def test_a_blocked_bot_is_forbidden_until_it_is_unblocked(sandbox: Sandbox) -> None:
    sandbox.client.block(NAVID)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        with_bot(sandbox, lambda bot: bot.send_message(NAVID, "x"))

    sandbox.client.unblock(NAVID)
    with_bot(sandbox, lambda bot: bot.send_message(NAVID, "back"))

    updates = with_bot(sandbox, lambda bot: bot.get_updates())
    assert [update.my_chat_member.new_chat_member.status for update in updates] == ["kicked", "member"]


def test_an_edit_replaces_text_and_buttons_and_is_marked(sandbox: Sandbox) -> None:
    async def act(bot: Bot) -> Any:
        sent = await bot.send_message(TARA, "open", reply_markup=keyboard("Accept", "Cancel"))
        edited: Any = await sent.edit_text("quoted", reply_markup=keyboard("Accept"))
        return edited, await edited.edit_reply_markup(None)

    edited, bare = with_bot(sandbox, act)

    assert edited.edit_date is not None
    assert len(edited.reply_markup.inline_keyboard[0]) == 1
    assert (bare.text, bare.reply_markup) == ("quoted", None)
    (shown,) = sandbox.client.messages(TARA)
    assert (shown["text"], "reply_markup" in shown) == ("quoted", False)


def test_a_bot_cannot_edit_what_a_person_wrote(sandbox: Sandbox) -> None:
    theirs = sandbox.client.say(TARA, "mine")

    with pytest.raises(BadRequest, match="Message can't be edited"):
        with_bot(sandbox, lambda bot: bot.edit_message_text("x", chat_id=TARA, message_id=theirs["message_id"]))


def test_a_deleted_message_disappears(sandbox: Sandbox) -> None:
    async def act(bot: Bot) -> bool:
        return await (await bot.send_message(TARA, "secret")).delete()

    assert with_bot(sandbox, act) is True
    assert sandbox.client.messages(TARA) == []
    assert sandbox.client.changes(TARA)["messages"][0]["deleted"] is True


def test_a_bot_cannot_delete_other_peoples_messages_in_a_group(sandbox: Sandbox) -> None:
    theirs = sandbox.client.say(TARA, "/help", chat_id=GROUP)

    with pytest.raises(BadRequest, match="Message can't be deleted"):
        with_bot(sandbox, lambda bot: bot.delete_message(GROUP, theirs["message_id"]))


def test_a_document_goes_up_by_multipart_and_comes_down_whole(sandbox: Sandbox) -> None:
    sent = with_bot(
        sandbox,
        lambda bot: bot.send_document(
            TARA, b"receipt \x00\xff", filename="receipt.pdf", caption="<b>Your receipt</b>", parse_mode="HTML"
        ),
    )

    assert (sent.document.file_name, sent.document.file_size, sent.caption) == ("receipt.pdf", 10, "Your receipt")
    answer = httpx.get(f"{sandbox.url}/files/{sent.document.file_id}")
    assert answer.content == b"receipt \x00\xff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    again = with_bot(sandbox, lambda bot: bot.send_document(DORA, sent.document.file_id))
    assert again.document.file_name == "receipt.pdf"


def test_commands_are_kept_per_scope_and_language(sandbox: Sandbox) -> None:
    async def act(bot: Bot) -> Any:
        await bot.set_my_commands([BotCommand("rfq", "Ask for a price")])
        await bot.set_my_commands([BotCommand("rfq", "درخواست قیمت")], language_code="fa")
        return await bot.get_my_commands(), await bot.get_my_commands(language_code="fa")

    english, persian = with_bot(sandbox, act)

    assert english[0].description == "Ask for a price"
    assert persian[0].description == "درخواست قیمت"


def test_a_menu_of_one_chat_takes_a_chat_that_the_bot_has_seen(sandbox: Sandbox) -> None:
    def menu_of(chat_id: int) -> Callable[[Bot], Awaitable[bool]]:
        return lambda bot: bot.set_my_commands([BotCommand("rfq", "Ask")], scope=BotCommandScopeChat(chat_id))

    with_bot(sandbox, menu_of(TARA))
    for nobody in (STRANGER, 424242):
        with pytest.raises(BadRequest, match="Chat not found"):
            with_bot(sandbox, menu_of(nobody))

    assert sandbox.client.menu(TARA) == {"rfq": "Ask"}
    assert sandbox.client.menu(STRANGER) == {}


def test_name_and_descriptions_are_kept_per_language_and_fall_back_to_everybodys(sandbox: Sandbox) -> None:
    async def act(bot: Bot) -> Any:
        await bot.set_my_name("Desk")
        await bot.set_my_name("میز", "fa")
        await bot.set_my_description("What it does")
        me = await bot.get_me()
        return me.first_name, [(await bot.get_my_name(code)).name for code in ("", "fa", "tr")]

    assert with_bot(sandbox, act) == ("Desk", ["Desk", "میز", "Desk"])
    with_bot(sandbox, lambda bot: bot.set_my_name("", "fa"))
    assert with_bot(sandbox, lambda bot: bot.get_my_name("fa")).name == "Desk"
    assert with_bot(sandbox, lambda bot: bot.get_my_description("fa")).description == "What it does"
    with pytest.raises(BadRequest, match="too long"):
        with_bot(sandbox, lambda bot: bot.set_my_short_description("x" * 121))
    assert "What it does" in httpx.get(f"{sandbox.url}/?user={TARA}").text


def test_a_persons_command_arrives_with_its_entity(sandbox: Sandbox) -> None:
    sandbox.client.say(NAVID, "/rfq buy ۱۰۰۰۰ AED")

    (update,) = with_bot(sandbox, lambda bot: bot.get_updates())

    assert update.message.from_user.language_code == "fa"
    assert update.message.parse_entities([MessageEntity.BOT_COMMAND]) == {update.message.entities[0]: "/rfq"}


def test_in_a_group_the_bot_hears_commands_only(sandbox: Sandbox) -> None:
    sandbox.client.say(TARA, "nice weather", chat_id=GROUP)
    sandbox.client.say(TARA, "/rfq buy 10000 EUR", chat_id=GROUP)

    (update,) = with_bot(sandbox, lambda bot: bot.get_updates())

    assert (update.effective_chat.type, update.effective_chat.id, update.effective_user.id) == ("group", GROUP, TARA)


def test_a_press_becomes_a_callback_query_with_its_message_and_the_answer_is_shown(sandbox: Sandbox) -> None:
    sent = with_bot(
        sandbox, lambda bot: bot.send_message(TARA, "quote", reply_markup=keyboard("Accept 0.92", "Cancel"))
    )
    sandbox.client.press(TARA, sent.message_id, "Accept")

    async def act(bot: Bot) -> Any:
        updates: Any = await bot.get_updates()
        (update,) = updates
        await update.callback_query.answer("One moment", show_alert=True)
        return update.callback_query

    query = with_bot(sandbox, act)

    assert (query.data, query.message.message_id, query.from_user.id) == ("t:Accept 0.92", sent.message_id, TARA)
    assert query.chat_instance
    (notice,) = sandbox.client.changes(TARA)["notices"]
    assert (notice["text"], notice["alert"]) == ("One moment", True)


def test_a_press_is_answered_once(sandbox: Sandbox) -> None:
    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, "quote", reply_markup=keyboard("Accept")))
    query = sandbox.client.press(TARA, sent.message_id, "Accept")
    with_bot(sandbox, lambda bot: bot.answer_callback_query(query["id"]))

    with pytest.raises(BadRequest, match="Query is too old"):
        with_bot(sandbox, lambda bot: bot.answer_callback_query(query["id"]))


def test_a_reply_quotes_its_message(sandbox: Sandbox) -> None:
    theirs = sandbox.client.say(TARA, "/help")

    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, "Here", reply_to_message_id=theirs["message_id"]))

    assert sent.reply_to_message.text == "/help"


def test_an_oversized_upload_is_refused_as_json(sandbox: Sandbox) -> None:
    big = {"document": ("big.bin", b"x" * (21 * 1024 * 1024))}

    answer = httpx.post(f"{sandbox.url}/bot{TOKEN}/sendDocument", data={"chat_id": str(TARA)}, files=big, timeout=30)

    assert (answer.status_code, json.loads(answer.text)["error_code"]) == (413, 413)
