"""Trouble on command: each kind strikes as often as ordered, and no more."""

import time
from collections.abc import Callable

import httpx
import pytest
from telegram import Message
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from tests.sandbox.conftest import DORA, KEY, TARA, Sandbox
from tests.sandbox.test_bot_api import with_bot
from tests.sandbox.test_updates import get_updates, last_id, say, texts
from trading.sandbox.telegram.client import SandboxClient, SandboxError


def send(sandbox: Sandbox, chat_id: int = TARA, text: str = "x") -> Message:
    sent: Message = with_bot(sandbox, lambda bot: bot.send_message(chat_id, text))
    return sent


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequest),
        (401, InvalidToken),
        (403, Forbidden),
        (409, Conflict),
        (429, RetryAfter),
        (500, NetworkError),
        (502, NetworkError),
    ],
)
def test_an_ordered_error_is_answered_once_and_nothing_is_done(
    sandbox: Sandbox, status: int, error: type[TelegramError]
) -> None:
    sandbox.client.fault("error", status=status, method="sendMessage")

    with pytest.raises(error):
        send(sandbox)

    assert sandbox.client.messages(TARA) == []
    send(sandbox)


def test_too_many_requests_says_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.client.fault("error", status=429, retry_after=7, times=2)

    for _ in range(2):
        with pytest.raises(RetryAfter) as refused:
            send(sandbox)
        assert refused.value._retry_after.total_seconds() == 7
    send(sandbox)


def test_a_fault_for_one_chat_and_method_leaves_the_others_alone(sandbox: Sandbox) -> None:
    sandbox.client.fault("error", status=403, method="sendMessage", chat_id=TARA)

    send(sandbox, DORA)
    with_bot(sandbox, lambda bot: bot.get_me())
    with pytest.raises(Forbidden):
        send(sandbox, TARA)


def test_a_dropped_answer_is_lost_after_the_act(sandbox: Sandbox) -> None:
    sandbox.client.fault("drop", method="sendMessage")

    with pytest.raises(NetworkError):
        send(sandbox, text="done but unheard")

    assert [message["text"] for message in sandbox.client.messages(TARA)] == ["done but unheard"]


def test_a_delayed_answer_comes_late_after_the_act(sandbox: Sandbox) -> None:
    sandbox.client.fault("delay", method="sendMessage", seconds=0.6)
    began = time.monotonic()

    send(sandbox)

    assert time.monotonic() - began > 0.55


def test_a_dropped_getupdates_answer_loses_no_update(sandbox: Sandbox) -> None:
    sandbox.client.fault("drop", method="getUpdates")
    say(sandbox, "one")

    with pytest.raises(httpx.RemoteProtocolError):
        get_updates(sandbox)

    assert texts(get_updates(sandbox)) == ["one"]


def test_a_duplicated_update_comes_again_after_it_was_confirmed(sandbox: Sandbox) -> None:
    sandbox.client.fault("duplicate")
    say(sandbox, "twice", "once")

    first = get_updates(sandbox)
    second = get_updates(sandbox, offset=last_id(first) + 1)
    third = get_updates(sandbox, offset=last_id(first) + 1)

    assert texts(first) == ["twice", "once"]
    assert second.json()["result"] == first.json()["result"][:1]
    assert texts(third) == []


def test_a_late_update_is_overtaken_and_still_arrives(sandbox: Sandbox) -> None:
    sandbox.client.fault("late", seconds=0.6)
    say(sandbox, "late", "prompt")

    first = get_updates(sandbox)
    second = get_updates(sandbox, offset=last_id(first) + 1, timeout=5)
    third = get_updates(sandbox, offset=last_id(first) + 1)

    assert (texts(first), texts(second), texts(third)) == (["prompt"], ["late"], [])


def test_a_lost_update_is_delivered_again(sandbox: Sandbox) -> None:
    sandbox.client.fault("lost")
    say(sandbox, "one")

    with pytest.raises(httpx.RemoteProtocolError):
        get_updates(sandbox)

    assert texts(get_updates(sandbox)) == ["one"]


def test_reordered_updates_come_last_first(sandbox: Sandbox) -> None:
    sandbox.client.fault("reorder", times=3)
    say(sandbox, "one", "two")
    assert texts(get_updates(sandbox)) == []
    say(sandbox, "three", "four")

    assert texts(get_updates(sandbox)) == ["three", "two", "one", "four"]


def test_a_reordered_group_that_stays_incomplete_is_delivered_after_a_while(sandbox: Sandbox) -> None:
    sandbox.client.fault("reorder", times=5, seconds=0.3)
    say(sandbox, "one", "two")

    assert texts(get_updates(sandbox, timeout=5)) == ["two", "one"]


def test_cleared_faults_strike_no_more(sandbox: Sandbox) -> None:
    sandbox.client.fault("error", status=500, times=100)
    sandbox.client.fault("late", seconds=60)
    say(sandbox, "held back")

    sandbox.client.clear_faults()

    assert texts(get_updates(sandbox)) == ["held back"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "earthquake"},
        {"kind": "error", "status": 418},
        {"kind": "error", "times": 0},
        {"kind": "error", "times": True},
        {"kind": "error", "status": 500, "retry_after": 3},
        {"kind": "delay", "seconds": 3600},
        {"kind": "late", "method": "sendMessage"},
        {"kind": "drop", "colour": "red"},
        {"kind": "drop", "chat_id": "tara"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(sandbox: Sandbox, fault: dict[str, object]) -> None:
    answer = httpx.post(f"{sandbox.url}/control/faults", json=fault, headers={"X-Sandbox-Key": KEY})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_fault"
    assert len(answer.json()["error"]["detail"]) > 20


def test_the_control_side_is_closed_without_its_key(sandbox: Sandbox) -> None:
    with SandboxClient(sandbox.url, "wrong") as stranger, pytest.raises(SandboxError, match="wrong_key"):
        stranger.fault("drop")

    for path in ("/control/messages?chat_id=7001", "/control/chats", "/control/state", "/control/faults"):
        assert httpx.get(sandbox.url + path).status_code == 403


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda client: client.say(4711, "x"), "no_such_user"),
        (lambda client: client.say(TARA, "   "), "empty_text"),
        (lambda client: client.say(TARA, "x" * 4097), "text_too_long"),
        (lambda client: client.say(DORA, "x", chat_id=-7001), "no_such_chat"),
        (lambda client: client.press(TARA, 999_999, "Accept"), "no_such_message"),
        (lambda client: client.press(TARA, 1), "invalid"),
        (lambda client: client.messages(4711), "no_such_chat"),
    ],
)
def test_an_impossible_act_of_a_person_is_refused(
    sandbox: Sandbox, act: Callable[[SandboxClient], object], code: str
) -> None:
    with pytest.raises(SandboxError) as refused:
        act(sandbox.client)

    assert refused.value.code == code


def test_an_old_screen_may_press_a_button_that_is_gone(sandbox: Sandbox) -> None:
    sent = send(sandbox)

    with pytest.raises(SandboxError, match="no_such_button"):
        sandbox.client.press(TARA, sent.message_id, callback_data="gone")
    query = sandbox.client.press(TARA, sent.message_id, callback_data="gone", stale=True)

    assert query["data"] == "gone"


def test_someone_who_blocked_the_bot_cannot_write_to_it(sandbox: Sandbox) -> None:
    sandbox.client.block(TARA)

    with pytest.raises(SandboxError, match="bot_blocked"):
        sandbox.client.say(TARA, "x")


def test_waiting_for_a_message_finds_an_edit_and_tells_what_was_there_when_it_fails(sandbox: Sandbox) -> None:
    sent = send(sandbox, text="open")
    with_bot(sandbox, lambda bot: bot.edit_message_text("quoted 0.92", chat_id=TARA, message_id=sent.message_id))

    found = sandbox.client.wait_for(TARA, lambda m: "quoted" in m.get("text", ""), timeout=2)

    assert found["message_id"] == sent.message_id
    with pytest.raises(TimeoutError, match=r"quoted 0\.92"):
        sandbox.client.wait_for(TARA, lambda m: "filled" in m.get("text", ""), timeout=0.2)
