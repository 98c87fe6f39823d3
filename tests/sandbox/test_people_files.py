"""What people do besides writing: files, photos, editing, forwarding, deleting; and how the bot gets a file."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.sandbox.conftest import DORA, GROUP, NAVID, TARA, TOKEN, Sandbox, bot_api
from tests.sandbox.test_chat_page import post, token_of
from trading.sandbox.telegram.client import SandboxError

PDF = b"%PDF-1.7\n" + b"x" * 5000


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), (20, 90, 160)).save(out, kind)
    return out.getvalue()


def refusal(sandbox: Sandbox, method: str, **data: object) -> tuple[int, str]:
    answer = httpx.post(f"{sandbox.url}/bot{TOKEN}/{method}", json=data).json()
    return answer["error_code"], answer["description"]


def heard(sandbox: Sandbox) -> list[Any]:
    updates: list[Any] = bot_api(sandbox, "getUpdates")
    return updates


def test_a_document_reaches_the_bot_which_fetches_its_bytes(sandbox: Sandbox) -> None:
    sandbox.client.send_file(TARA, "proof.pdf", PDF, caption="/dispute DSP-1", mime_type="application/pdf")

    (update,) = heard(sandbox)
    message = update["message"]
    kept = bot_api(sandbox, "getFile", file_id=message["document"]["file_id"])
    bytes_ = httpx.get(f"{sandbox.url}/file/bot{TOKEN}/{kept['file_path']}").content
    foreign = httpx.get(f"{sandbox.url}/file/bot7000:wrong/{kept['file_path']}")

    assert (message["caption"], message["caption_entities"][0]["type"]) == ("/dispute DSP-1", "bot_command")
    assert (message["document"]["file_name"], message["document"]["file_size"]) == ("proof.pdf", len(PDF))
    assert (bytes_, kept["file_size"], foreign.status_code) == (PDF, len(PDF), 401)


def test_a_photo_comes_in_sizes_the_largest_last(sandbox: Sandbox) -> None:
    content = picture()
    sandbox.client.send_file(TARA, "p.png", content, photo=True)

    (update,) = heard(sandbox)
    small, large = update["message"]["photo"]
    assert (max(small["width"], small["height"]), large["width"], large["file_size"]) == (320, 800, len(content))


@pytest.mark.parametrize(
    ("name", "content", "photo", "code"),
    [("e.pdf", b"", False, "empty_file"), ("x.png", b"no picture", True, "no_photo")],
)
def test_what_is_no_file_or_no_photo_is_refused(
    sandbox: Sandbox, name: str, content: bytes, *, photo: bool, code: str
) -> None:
    with pytest.raises(SandboxError) as refused:
        sandbox.client.send_file(TARA, name, content, photo=photo)

    assert refused.value.code == code


def test_a_caption_has_its_limit(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError) as refused:
        sandbox.client.send_file(TARA, "a.pdf", PDF, caption="x" * 1025)

    assert refused.value.code == "text_too_long"


def test_a_file_nobody_sent_cannot_be_fetched(sandbox: Sandbox) -> None:
    assert refusal(sandbox, "getFile", file_id="nothing") == (400, "Bad Request: invalid file_id")


def test_an_edited_message_is_an_update_of_its_own(sandbox: Sandbox) -> None:
    said = sandbox.client.say(TARA, "/rfq buy 1 EUR")
    sandbox.client.edit(TARA, said["message_id"], "/rfq buy 2 EUR")

    first, second = heard(sandbox)
    assert second["edited_message"]["text"] == "/rfq buy 2 EUR"
    assert second["edited_message"]["message_id"] == first["message"]["message_id"]
    assert second["edited_message"]["edit_date"] >= first["message"]["date"]


def test_only_ones_own_messages_are_edited_and_only_into_something_else(sandbox: Sandbox) -> None:
    theirs = bot_api(sandbox, "sendMessage", chat_id=TARA, text="from the bot")
    mine = sandbox.client.say(TARA, "mine")

    for message, text, code in ((theirs, "other", "not_yours"), (mine, "mine", "not_modified")):
        with pytest.raises(SandboxError) as refused:
            sandbox.client.edit(TARA, message["message_id"], text)
        assert refused.value.code == code


def test_a_forwarded_message_says_whose_it_was_and_has_no_buttons(sandbox: Sandbox) -> None:
    rows = {"inline_keyboard": [[{"text": "Accept", "callback_data": "a"}]]}
    card = bot_api(sandbox, "sendMessage", chat_id=TARA, text="Your price", reply_markup=rows)

    sandbox.client.forward(DORA, card["message_id"], source=TARA)

    (update,) = heard(sandbox)
    message = update["message"]
    assert (message["from"]["id"], message["text"]) == (DORA, "Your price")
    assert message["forward_origin"]["sender_user"]["is_bot"] is True
    assert "reply_markup" not in message


def test_a_deleted_message_is_gone_and_the_bot_does_not_hear_of_it(sandbox: Sandbox) -> None:
    said = sandbox.client.say(TARA, "oops")
    sandbox.client.delete(TARA, said["message_id"])

    assert sandbox.client.messages(TARA) == []
    assert len(heard(sandbox)) == 1


def test_silent_messages_are_marked_and_stay_so_when_edited(sandbox: Sandbox) -> None:
    sent = bot_api(sandbox, "sendMessage", chat_id=TARA, text="hush", disable_notification=True)
    bot_api(sandbox, "editMessageText", chat_id=TARA, message_id=sent["message_id"], text="hush!")
    bot_api(sandbox, "sendMessage", chat_id=TARA, text="loud")

    assert [message.get("silent", False) for message in sandbox.client.messages(TARA)] == [True, False]
    page = httpx.get(sandbox.url).text
    assert page.count(">silent<") == 1
    assert page.count(">edited<") == 1


def test_by_the_forms_of_the_page_a_file_is_sent_edited_forwarded_and_deleted(sandbox: Sandbox) -> None:
    data = {"csrf": token_of(httpx.get(sandbox.url)), "user": str(TARA), "photo": "0", "caption": "see"}
    files = {"file": ("نرخ.txt", b"0.92", "text/plain")}
    sent = httpx.post(f"{sandbox.url}/chat/{TARA}/file", data=data, files=files, follow_redirects=True)
    (message,) = sandbox.client.messages(TARA)
    edited = post(sandbox, f"/chat/{TARA}/edit", message_id=message["message_id"], text="look")
    post(sandbox, f"/chat/{TARA}/forward", message_id=message["message_id"], to=NAVID)
    deleted = post(sandbox, f"/chat/{TARA}/delete", message_id=message["message_id"])

    assert "نرخ.txt" in sent.text
    assert ">edited<" in edited.text
    assert sandbox.client.messages(NAVID)[0]["document"]["file_name"] == "نرخ.txt"
    assert "نرخ.txt" not in deleted.text
    download = httpx.get(f"{sandbox.url}/files/{message['document']['file_id']}")
    assert (download.content, download.headers["Content-Disposition"][:10]) == (b"0.92", "attachment")


def test_the_group_hears_of_files_only_with_a_command(sandbox: Sandbox) -> None:
    data = {"csrf": token_of(httpx.get(sandbox.url)), "user": str(GROUP), "photo": "0"}
    for caption in ("see", "/help"):
        files = {"file": ("a.txt", b"x", "text/plain")}
        httpx.post(f"{sandbox.url}/chat/{GROUP}/file", data={**data, "caption": caption}, files=files)

    assert [update["message"]["caption"] for update in heard(sandbox)] == ["/help"]


def test_by_the_forms_of_the_page_a_message_is_answered(sandbox: Sandbox) -> None:
    sent = sandbox.client.send_file(TARA, "rates.txt", b"0.92")
    page = httpx.get(f"{sandbox.url}/?user={TARA}").text
    assert f'id="a{TARA}-{sent["message_id"]}"' in page

    post(sandbox, f"/chat/{TARA}/say", message_id=sent["message_id"], text="/dispute DSP-1")

    answer = sandbox.client.messages(TARA)[-1]
    assert answer["text"] == "/dispute DSP-1"
    assert answer["reply_to_message"]["document"]["file_name"] == "rates.txt"
