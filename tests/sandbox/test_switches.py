"""The page's fault switches, its picker of several chats, the menu the bot set, deep links."""

import re
from html import unescape

import httpx
import pytest

from tests.sandbox.conftest import DORA, LEO, NAVID, TARA, TOKEN, Sandbox, bot_api
from tests.sandbox.test_chat_page import post


def call(sandbox: Sandbox, chat_id: int) -> int:
    answer = httpx.post(f"{sandbox.url}/bot{TOKEN}/sendMessage", json={"chat_id": chat_id, "text": "hi"})
    return answer.status_code


@pytest.mark.parametrize("trouble", ["400", "403", "429", "500"])
def test_a_switch_strikes_the_chat_it_names_and_spares_polling(sandbox: Sandbox, trouble: str) -> None:
    post(sandbox, "/faults", trouble=trouble, of=NAVID, times=1, seconds=5)

    assert bot_api(sandbox, "getUpdates") == []
    assert [call(sandbox, TARA), call(sandbox, NAVID), call(sandbox, NAVID)] == [200, int(trouble), 200]


def test_until_switched_off_goes_on_and_ends_by_its_button(sandbox: Sandbox) -> None:
    page = post(sandbox, "/faults", trouble="500", until_off=1)
    before = [call(sandbox, TARA) for _ in range(3)]
    shown = unescape(page.text)
    (number,) = re.findall(r'name="number" value="(\d+)"', page.text)
    after = post(sandbox, "/faults/off", number=number)

    assert "Trouble · 1 on" in shown
    assert "until switched off" in shown
    assert (before, call(sandbox, TARA)) == ([500] * 3, 200)
    assert "everything gets through" in after.text


def test_an_outage_cuts_calls_and_polls_before_anything_is_done(sandbox: Sandbox) -> None:
    post(sandbox, "/faults", trouble="outage", until_off=1)

    for method, data in (("sendMessage", {"chat_id": TARA, "text": "hi"}), ("getUpdates", {})):
        with pytest.raises(httpx.HTTPError):
            httpx.post(f"{sandbox.url}/bot{TOKEN}/{method}", json=data)
    assert sandbox.client.messages(TARA) == []
    post(sandbox, "/faults/off", number="all")
    assert call(sandbox, TARA) == 200


def test_a_lost_answer_was_done_all_the_same(sandbox: Sandbox) -> None:
    post(sandbox, "/faults", trouble="drop")

    with pytest.raises(httpx.HTTPError):
        call(sandbox, TARA)
    assert [message["text"] for message in sandbox.client.messages(TARA)] == ["hi"]


@pytest.mark.parametrize(
    "fields", [{"trouble": "no"}, {"trouble": "429", "times": 0}, {"trouble": "late", "times": "x"}]
)
def test_an_order_that_makes_no_sense_is_refused_where_it_was_given(
    sandbox: Sandbox, fields: dict[str, object]
) -> None:
    page = post(sandbox, "/faults", None, **fields)

    assert page.status_code == 400
    assert 'id="trouble" open' in page.text
    assert 'role="alert"' in page.text


def test_a_switch_from_elsewhere_is_refused(sandbox: Sandbox) -> None:
    assert httpx.post(f"{sandbox.url}/faults", data={"trouble": "outage"}).status_code == 403
    assert sandbox.client._call("GET", "/control/faults") == []


def test_any_number_of_chats_stands_side_by_side_and_the_picker_takes_them_off(sandbox: Sandbox) -> None:
    query = f"?user={TARA}&also={NAVID}&also={DORA}&also={LEO}&also={DORA}&also=4711"
    page = unescape(httpx.get(f"{sandbox.url}/{query}").text)

    assert page.count('class="card panel"') == 4
    assert f'href="/?user={TARA}&also={DORA}&also={LEO}" title="Take نوید off the screen"' in page
    assert 'aria-label="Chats on the screen"' in page


def test_the_menu_is_the_narrowest_that_the_bot_set(sandbox: Sandbox) -> None:
    def menu(name: str, **more: object) -> None:
        bot_api(sandbox, "setMyCommands", commands=[{"command": name, "description": "does it"}], **more)

    menu("everyone")
    menu("farsi", language_code="fa")
    menu("mine", scope={"type": "chat", "chat_id": DORA})

    shown = {
        chat: re.findall(r'name="text" value="/(\w+)"><span', httpx.get(f"{sandbox.url}/?user={chat}").text)
        for chat in (TARA, NAVID, DORA)
    }
    assert shown == {TARA: ["everyone"], NAVID: ["farsi"], DORA: ["mine"]}


@pytest.mark.parametrize(("payload", "offered"), [("abc-DEF_1", True), ("a b", False), ("x" * 65, False)])
def test_a_deep_link_offers_start_with_its_payload(sandbox: Sandbox, payload: str, *, offered: bool) -> None:
    page = httpx.get(sandbox.url, params={"user": TARA, "start": payload}).text

    assert (f'value="/start {payload}"' in page) is offered
