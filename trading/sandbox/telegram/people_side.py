"""What people do: write, press buttons, block the bot. Each act is stored and becomes an update."""

import secrets
import time
from typing import Any

from trading.sandbox.telegram.errors import ControlError
from trading.sandbox.telegram.formatting import MAX_TEXT, bot_commands, cleaned
from trading.sandbox.telegram.journal import Event
from trading.sandbox.telegram.state import BOT, GROUP_BY_ID, USERS, State, chat_json, user_json
from trading.sandbox.telegram.updates import Updates

type Json = dict[str, Any]

MAX_CALLBACK_DATA = 64


class PeopleSide:
    """The acts of the people in the sandbox."""

    def __init__(self, state: State, updates: Updates) -> None:
        """Act on this memory and this queue."""
        self._state = state
        self._updates = updates

    def say(self, user_id: int, text: str, chat_id: int | None = None) -> Json:
        """
        Write a message to the bot, or into a group.

        :raises ControlError: unknown person or chat, empty or too long text, the bot is blocked.
        """
        chat_id = self._place(user_id, chat_id)
        try:
            text = cleaned(text).strip()
        except UnicodeEncodeError:
            raise ControlError(422, "invalid_text", "The text has half a character: write it again.") from None
        if not text:
            raise ControlError(422, "empty_text", "Write something first.")
        if len(text) > MAX_TEXT:
            raise ControlError(422, "text_too_long", f"A message has at most {MAX_TEXT} characters.")
        if chat_id in self._state.blocked:
            raise ControlError(409, "bot_blocked", "You have blocked the bot: unblock it first.")
        message: Json = {
            "message_id": self._state.chat(chat_id).next_message_id,
            "from": user_json(user_id),
            "chat": chat_json(chat_id),
            "date": int(time.time()),
            "text": text,
        }
        if commands := bot_commands(text):
            message["entities"] = commands
        # Privacy mode: in a group a bot hears commands only.
        heard = chat_id > 0 or bool(commands and commands[0]["offset"] == 0)
        self._record(
            {"e": "message", "chat": chat_id, "message": message},
            *(self._updates.make("message", message, chat_id) if heard else ()),
        )
        return message

    def press(
        self,
        user_id: int,
        message_id: int,
        *,
        button: str = "",
        data: str = "",
        chat_id: int | None = None,
        stale: bool = False,
    ) -> Json:
        """
        Press an inline button, named by the beginning of its text or by its callback data.

        ``stale`` presses ``data`` whether or not the message still has it, as an old screen would.

        :raises ControlError: no such message or button.
        """
        chat_id = self._place(user_id, chat_id)
        message = self._state.find(chat_id, message_id)
        if message is None:
            raise ControlError(404, "no_such_message", f"There is no message {message_id} in chat {chat_id}.")
        if stale and data:
            if len(data.encode()) > MAX_CALLBACK_DATA:
                raise ControlError(422, "data_too_long", f"Callback data has at most {MAX_CALLBACK_DATA} bytes.")
            pressed = data
        else:
            pressed = _find_button(message, button, data)
        callback_id = str(secrets.randbits(62) | 1 << 61)
        query: Json = {
            "id": callback_id,
            "from": user_json(user_id),
            "message": message,
            "chat_instance": str(abs(chat_id) * 1_000_003),
            "data": pressed,
        }
        self._record(
            {"e": "callback", "id": callback_id, "user": user_id, "chat": chat_id, "at": time.time()},
            *self._updates.make("callback_query", query, chat_id),
        )
        return query

    def block(self, user_id: int, *, blocked: bool) -> None:
        """Block the bot, or let it write again; the bot hears of it as my_chat_member."""
        self._place(user_id, None)
        if (user_id in self._state.blocked) == blocked:
            return
        before, after = ("member", "kicked") if blocked else ("kicked", "member")
        change: Json = {
            "chat": chat_json(user_id),
            "from": user_json(user_id),
            "date": int(time.time()),
            "old_chat_member": _membership(before),
            "new_chat_member": _membership(after),
        }
        self._record(
            {"e": "block", "user": user_id, "value": blocked},
            *self._updates.make("my_chat_member", change, user_id),
        )

    def _place(self, user_id: int, chat_id: int | None) -> int:
        if user_id not in USERS:
            known = ", ".join(map(str, USERS))
            raise ControlError(404, "no_such_user", f"Nobody has the id {user_id}; known are {known}.")
        if chat_id is None or chat_id == user_id:
            return user_id
        group = GROUP_BY_ID.get(chat_id)
        if group is None or user_id not in group.members:
            raise ControlError(404, "no_such_chat", f"User {user_id} is not in chat {chat_id}.")
        return chat_id

    def _record(self, *events: Event) -> None:
        self._state.record(*events)


def _membership(status: str) -> Json:
    member: Json = {"user": BOT, "status": status}
    if status == "kicked":
        member["until_date"] = 0
    return member


def _find_button(message: Json, text: str, data: str) -> str:
    keyboard = message.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [button for row in keyboard for button in row if "callback_data" in button]
    for button in buttons:
        if (data and button["callback_data"] == data) or (text and not data and button["text"].startswith(text)):
            found: str = button["callback_data"]
            return found
    there = ", ".join(repr(button["text"]) for button in buttons) or "no buttons"
    words = f"Message {message['message_id']} has no button {text or data!r}; it has {there}."
    raise ControlError(409, "no_such_button", words)
