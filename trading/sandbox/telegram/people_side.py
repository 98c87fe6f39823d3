"""What people do: write, press buttons, send files, edit, forward, block. Each act is stored and becomes an update."""

import secrets
import time
from typing import Any

from trading.sandbox.telegram.documents import Documents, NoPhoto
from trading.sandbox.telegram.errors import ControlError
from trading.sandbox.telegram.formatting import MAX_CAPTION, MAX_TEXT, bot_commands, cleaned
from trading.sandbox.telegram.journal import Event
from trading.sandbox.telegram.params import Upload
from trading.sandbox.telegram.state import BOT, GROUP_BY_ID, USERS, State, chat_json, user_json
from trading.sandbox.telegram.updates import Updates

type Json = dict[str, Any]

MAX_CALLBACK_DATA = 64
MAX_SENT_BYTES = 25 * 1024 * 1024
MAX_PHOTO_BYTES = 10 * 1024 * 1024
EDITABLE_SECONDS = 48 * 3600


class PeopleSide:
    """The acts of the people in the sandbox."""

    def __init__(self, state: State, updates: Updates, documents: Documents) -> None:
        """Act on this memory, this queue and these files."""
        self._state = state
        self._updates = updates
        self._documents = documents

    def say(self, user_id: int, text: str, chat_id: int | None = None, reply_to: int | None = None) -> Json:
        """
        Write a message to the bot, or into a group; as an answer to an earlier one if its id is given.

        :raises ControlError: unknown person or chat, empty or too long text, the bot is blocked.
        """
        chat_id = self._place(user_id, chat_id)
        text = _readable(text, MAX_TEXT)
        if not text:
            raise ControlError(422, "empty_text", "Write something first.")
        answered = self._state.find(chat_id, reply_to) if reply_to else None
        earlier = {key: value for key, value in (answered or {}).items() if key != "reply_to_message"}
        return self._post(
            user_id, chat_id, {**({"reply_to_message": earlier} if earlier else {}), **_content("text", text)}
        )

    def send_file(
        self, user_id: int, upload: Upload, *, caption: str = "", as_photo: bool = False, chat_id: int | None = None
    ) -> Json:
        """
        Send a document or a photo, with a caption or without.

        :raises ControlError: empty, too large, no picture, too long a caption, the bot is blocked.
        """
        chat_id = self._place(user_id, chat_id)
        caption = _readable(caption, MAX_CAPTION)
        if not upload.content:
            raise ControlError(422, "empty_file", "Choose a file that is not empty.")
        limit = MAX_PHOTO_BYTES if as_photo else MAX_SENT_BYTES
        if len(upload.content) > limit:
            what = "A photo" if as_photo else "A file"
            raise ControlError(422, "file_too_big", f"{what} has at most {limit // 1024 // 1024} MB here.")
        self._not_blocked(chat_id)
        try:
            kept = self._documents.keep_photo(upload) if as_photo else self._documents.keep(upload)
        except NoPhoto:
            raise ControlError(422, "no_photo", "This is no PNG, JPEG or WebP picture: send it as a file.") from None
        content: Json = {"photo" if as_photo else "document": kept}
        return self._post(user_id, chat_id, content | (_content("caption", caption) if caption else {}))

    def edit(self, user_id: int, message_id: int, text: str, chat_id: int | None = None) -> Json:
        """
        Change one's own message (of a file: its caption).

        :raises ControlError: not one's own, too old, empty, the same as before.
        """
        chat_id = self._place(user_id, chat_id)
        message = self._own(user_id, chat_id, message_id)
        part = "text" if "text" in message else "caption"
        text = _readable(text, MAX_TEXT if part == "text" else MAX_CAPTION)
        if not text and part == "text":
            raise ControlError(422, "empty_text", "Write something first.")
        if "forward_origin" in message or time.time() - message["date"] > EDITABLE_SECONDS:
            raise ControlError(
                409, "not_editable", "Forwarded messages and those older than 48 hours stay as they are."
            )
        if text == message.get(part, ""):
            raise ControlError(409, "not_modified", "It says that already.")
        kept = {key: value for key, value in message.items() if key not in (part, "entities", "caption_entities")}
        changed = {**kept, **(_content(part, text) if text else {}), "edit_date": int(time.time())}
        self._not_blocked(chat_id)
        self._tell("edited_message", chat_id, changed)
        return changed

    def forward(self, user_id: int, message_id: int, *, source: int, chat_id: int | None = None) -> Json:
        """
        Forward a message of any chat; whose it was comes along, its buttons do not.

        :raises ControlError: there is no such message, the bot is blocked.
        """
        chat_id = self._place(user_id, chat_id)
        message = self._state.find(source, message_id)
        if message is None:
            raise ControlError(404, "no_such_message", f"There is no message {message_id} in chat {source}.")
        parts = ("text", "entities", "caption", "caption_entities", "document", "photo")
        origin = {"type": "user", "sender_user": message["from"], "date": message["date"]}
        content = {key: value for key, value in message.items() if key in parts}
        return self._post(user_id, chat_id, {"forward_origin": message.get("forward_origin", origin), **content})

    def delete(self, user_id: int, message_id: int, chat_id: int | None = None) -> None:
        """
        Delete a message from the chat; the bot does not hear of it, as with the real service.

        :raises ControlError: there is no such message, or in a group it is somebody else's.
        """
        chat_id = self._place(user_id, chat_id)
        if chat_id < 0:
            self._own(user_id, chat_id, message_id)
        elif self._state.find(chat_id, message_id) is None:
            raise ControlError(404, "no_such_message", f"There is no message {message_id} in chat {chat_id}.")
        self._record({"e": "delete", "chat": chat_id, "id": message_id})

    def _own(self, user_id: int, chat_id: int, message_id: int) -> Json:
        message = self._state.find(chat_id, message_id)
        if message is None:
            raise ControlError(404, "no_such_message", f"There is no message {message_id} in chat {chat_id}.")
        if message["from"]["id"] != user_id:
            raise ControlError(409, "not_yours", "Only one's own messages can be changed.")
        return message

    def _not_blocked(self, chat_id: int) -> None:
        if chat_id in self._state.blocked:
            raise ControlError(409, "bot_blocked", "You have blocked the bot: unblock it first.")

    def _post(self, user_id: int, chat_id: int, content: Json) -> Json:
        self._not_blocked(chat_id)
        message: Json = {
            "message_id": self._state.chat(chat_id).next_message_id,
            "from": user_json(user_id),
            "chat": chat_json(chat_id),
            "date": int(time.time()),
            **content,
        }
        self._tell("message", chat_id, message)
        return message

    def _tell(self, kind: str, chat_id: int, message: Json) -> None:
        """Keep a message and let the bot hear of it; in a group it hears commands only (privacy mode)."""
        entities = message.get("entities") or message.get("caption_entities") or []
        heard = chat_id > 0 or any(entity["offset"] == 0 for entity in entities)
        self._record(
            {"e": "message", "chat": chat_id, "message": message},
            *(self._updates.make(kind, message, chat_id) if heard else ()),
        )

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


def _readable(text: str, limit: int) -> str:
    try:
        text = cleaned(text).strip()
    except UnicodeEncodeError:
        raise ControlError(422, "invalid_text", "The text has half a character: write it again.") from None
    if len(text) > limit:
        what = "message" if limit == MAX_TEXT else "caption"
        raise ControlError(422, "text_too_long", f"A {what} has at most {limit} characters.")
    return text


def _content(part: str, text: str) -> Json:
    """Give a text, or a caption, with the commands in it."""
    commands = bot_commands(text)
    name = "entities" if part == "text" else "caption_entities"
    return {part: text, **({name: commands} if commands else {})}


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
