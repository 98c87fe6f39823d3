"""The chat page over plain HTTP, as a browser without JavaScript would use it."""

import re
from html import unescape
from typing import Any

import httpx
import pytest
from telegram import Bot

from tests.sandbox.conftest import DORA, GROUP, NAVID, TARA, Sandbox
from tests.sandbox.test_bot_api import keyboard, with_bot

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found
    return found[1]


def post(sandbox: Sandbox, path: str, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
    page = httpx.get(sandbox.url)
    data = {"csrf": token_of(page), "user": str(TARA), **{k: str(v) for k, v in fields.items()}}
    return httpx.post(sandbox.url + path, data=data, headers=headers or {}, follow_redirects=True)


def test_the_page_is_served_with_a_strict_policy_and_nothing_inline(sandbox: Sandbox) -> None:
    page = httpx.get(sandbox.url)

    assert page.headers["Content-Security-Policy"] == CSP
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page.text)


def test_every_asset_the_page_names_is_there(sandbox: Sandbox) -> None:
    page = httpx.get(sandbox.url)

    for path in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text):
        answer = httpx.get(sandbox.url + path)
        assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")


def test_people_and_what_to_try_are_listed(sandbox: Sandbox) -> None:
    page = unescape(httpx.get(sandbox.url).text)

    for words in ("Tara", "نوید", "Felix", "Dora", "Stranger", "Friends of the desk", "/rfq buy 10000 EUR"):
        assert words in page


def test_writing_by_the_form_reaches_the_bot_and_comes_back_to_the_page(sandbox: Sandbox) -> None:
    page = post(sandbox, f"/chat/{TARA}/say", text="/rfq buy 10000 EUR")

    assert (page.status_code, page.url.path, page.url.query) == (200, "/", b"user=7001")
    assert '<span class="cmd">/rfq</span> buy 10000 EUR' in page.text
    (update,) = with_bot(sandbox, lambda bot: bot.get_updates())
    assert update.message.text == "/rfq buy 10000 EUR"


def test_pressing_by_the_form_makes_a_callback_and_its_answer_is_shown(sandbox: Sandbox) -> None:
    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, "quote", reply_markup=keyboard("Accept <0.92>")))
    page = httpx.get(sandbox.url)
    assert "Accept &lt;0.92&gt;" in page.text

    post(sandbox, f"/chat/{TARA}/press", message_id=sent.message_id, data="t:Accept <0.92>")

    async def act(bot: Bot) -> Any:
        updates: Any = await bot.get_updates()
        (update,) = updates
        await update.callback_query.answer("Too <late>")
        return update.callback_query.data

    assert with_bot(sandbox, act) == "t:Accept <0.92>"
    assert "Too &lt;late&gt;" in httpx.get(sandbox.url).text


def test_two_people_stand_side_by_side_and_forms_come_back_to_both(sandbox: Sandbox) -> None:
    page = post(sandbox, f"/chat/{DORA}/say", text="/open", also=DORA)

    assert page.url.query == b"user=7001&also=7103"
    assert page.text.count('class="card panel"') == 2


def test_an_empty_message_comes_back_with_the_reason_and_keeps_the_text(sandbox: Sandbox) -> None:
    too_long = "x" * 4097
    page = post(sandbox, f"/chat/{TARA}/say", text=too_long)

    assert page.status_code == 422
    assert "at most 4096 characters" in page.text
    assert f'value="{too_long}"' in page.text


def test_blocking_and_unblocking_by_the_form_works(sandbox: Sandbox) -> None:
    blocked = post(sandbox, f"/chat/{TARA}/block", blocked=1)
    refused = post(sandbox, f"/chat/{TARA}/say", text="hello")
    unblocked = post(sandbox, f"/chat/{TARA}/block", blocked=0)

    assert "Unblock bot" in blocked.text
    assert (refused.status_code, "unblock it first" in refused.text) == (409, True)
    assert "Unblock bot" not in unblocked.text


def test_in_the_group_one_speaks_as_its_speaker(sandbox: Sandbox) -> None:
    post(sandbox, f"/chat/{GROUP}/say", text="/help")

    (update,) = with_bot(sandbox, lambda bot: bot.get_updates())
    assert (update.effective_chat.id, update.effective_user.id) == (GROUP, TARA)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_form_from_elsewhere_is_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    answer = post(sandbox, f"/chat/{TARA}/say", headers=headers, text="stolen")

    assert answer.status_code == 403
    assert sandbox.client.messages(TARA) == []


def test_a_form_without_its_token_is_refused(sandbox: Sandbox) -> None:
    answer = httpx.post(f"{sandbox.url}/chat/{TARA}/say", data={"text": "stolen"})

    assert answer.status_code == 403


def test_a_foreign_host_name_is_refused(sandbox: Sandbox) -> None:
    answer = httpx.get(sandbox.url, headers={"Host": "evil.example:9091"})

    assert answer.status_code == 421


def test_what_people_and_the_bot_write_cannot_become_markup(sandbox: Sandbox) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=y>'
    sandbox.client.say(TARA, evil)
    with_bot(sandbox, lambda bot: bot.send_message(TARA, evil))
    with_bot(sandbox, lambda bot: bot.send_message(TARA, '<a href="javascript:alert(1)">x</a>', parse_mode="HTML"))

    page = httpx.get(sandbox.url).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page


def test_formatting_is_shown_even_when_entities_nest_and_text_has_surrogates(sandbox: Sandbox) -> None:
    text = "😀 <b>all <i>in</i> &lt;x&gt;</b> نرخ <code>0.92</code>"
    with_bot(sandbox, lambda bot: bot.send_message(NAVID, text, parse_mode="HTML"))

    page = httpx.get(sandbox.url, params={"user": NAVID}).text

    assert "😀 <strong>all <em>in</em> &lt;x&gt;</strong> نرخ <code>0.92</code>" in page


def test_the_feed_brings_edits_and_deletions_as_pieces_of_the_page(sandbox: Sandbox) -> None:
    sent = with_bot(sandbox, lambda bot: bot.send_message(TARA, "open"))
    feed = f"{sandbox.url}/chat/{TARA}/feed"
    first = httpx.get(feed, params={"after": 0}).json()
    with_bot(sandbox, lambda bot: bot.edit_message_text("quoted", chat_id=TARA, message_id=sent.message_id))
    second = httpx.get(feed, params={"after": first["version"]}).json()
    with_bot(sandbox, lambda bot: bot.delete_message(TARA, sent.message_id))
    third = httpx.get(feed, params={"after": second["version"]}).json()

    assert [piece["id"] for piece in first["messages"]] == [sent.message_id]
    assert "quoted" in second["messages"][0]["html"]
    assert third["messages"] == [{"id": sent.message_id, "html": ""}]


@pytest.mark.parametrize("path", ["/chat/4711/feed", "/files/nothing", "/assets/server.py", "/nothing"])
def test_what_does_not_exist_is_not_found(sandbox: Sandbox, path: str) -> None:
    answer = httpx.get(sandbox.url + path)

    assert answer.status_code == 404
    assert answer.headers["Content-Security-Policy"] == CSP
