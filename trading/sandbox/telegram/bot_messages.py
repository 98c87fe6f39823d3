"""What the bot says: sending, editing, deleting, answering presses, in the real service's shapes and words."""

import time
from typing import Any

from trading.sandbox.telegram.documents import Documents
from trading.sandbox.telegram.errors import ApiError, bad_request
from trading.sandbox.telegram.formatting import MAX_CAPTION, MAX_TEXT, Entity, parse, read_entities, trimmed
from trading.sandbox.telegram.params import Params
from trading.sandbox.telegram.people_side import MAX_CALLBACK_DATA
from trading.sandbox.telegram.state import BOT, BOT_ID, GROUP_BY_ID, USERS, State, chat_json

type Json = dict[str, Any]

QUERY_LIVES_SECONDS = 300
DELETABLE_SECONDS = 48 * 3600
MAX_BUTTONS = 100
MAX_BUTTONS_IN_ROW = 8
MAX_ANSWER = 200
OTHER_ACTIONS = ("url", "copy_text", "switch_inline_query", "switch_inline_query_current_chat", "web_app", "login_url")
OTHER_KEYBOARDS = ("keyboard", "remove_keyboard", "force_reply")


class BotMessages:
    """The Bot API methods that touch messages."""

    def __init__(self, state: State, documents: Documents) -> None:
        """Work on this memory and these documents."""
        self._state = state
        self._documents = documents

    def send_message(self, params: Params) -> Json:
        """Do sendMessage."""
        chat_id = self._open_chat(params)
        text, entities = _text(params, "text", "parse_mode", "entities", MAX_TEXT)
        if not text:
            raise bad_request("message text is empty")
        content: Json = {"text": text}
        if entities:
            content["entities"] = entities
        return self._post(chat_id, content, params)

    def send_document(self, params: Params) -> Json:
        """Do sendDocument: a new upload, or a file_id from before."""
        chat_id = self._open_chat(params)
        caption, entities = _text(params, "caption", "parse_mode", "caption_entities", MAX_CAPTION)
        upload = params.upload("document")
        if upload and not upload.content:
            raise bad_request("file must be non-empty")
        document = self._documents.keep(upload) if upload else self._documents.known(params.text("document"))
        if document is None:
            raise bad_request(
                "wrong file identifier/HTTP URL specified"
                if params.text("document")
                else "there is no document in the request"
            )
        content: Json = {"document": document}
        if caption:
            content["caption"] = caption
        if entities:
            content["caption_entities"] = entities
        return self._post(chat_id, content, params)

    def edit_text(self, params: Params) -> Json:
        """Do editMessageText."""
        chat_id, message = self._own_message(params)
        text, entities = _text(params, "text", "parse_mode", "entities", MAX_TEXT)
        if not text:
            raise bad_request("message text is empty")
        if "text" not in message:
            raise bad_request("there is no text in the message to edit")
        changed = {key: value for key, value in message.items() if key not in ("text", "entities", "reply_markup")}
        changed["text"] = text
        if entities:
            changed["entities"] = entities
        return self._replace(chat_id, message, changed, params)

    def edit_markup(self, params: Params) -> Json:
        """Do editMessageReplyMarkup."""
        chat_id, message = self._own_message(params)
        changed = {key: value for key, value in message.items() if key != "reply_markup"}
        return self._replace(chat_id, message, changed, params)

    def delete(self, params: Params) -> bool:
        """Do deleteMessage."""
        chat_id = self._open_chat(params)
        message_id = params.integer("message_id")
        message = self._state.find(chat_id, message_id)
        if message is None:
            raise bad_request("message to delete not found")
        if chat_id < 0 and message["from"]["id"] != BOT_ID:
            raise bad_request("message can't be deleted")
        if time.time() - message["date"] > DELETABLE_SECONDS:
            raise bad_request("message can't be deleted for everyone")
        self._state.record({"e": "delete", "chat": chat_id, "id": message_id})
        return True

    def answer_callback(self, params: Params) -> bool:
        """Do answerCallbackQuery."""
        text = params.text("text")
        if len(text) > MAX_ANSWER:
            raise bad_request("MESSAGE_TOO_LONG")
        callback_id = params.text("callback_query_id")
        callback = self._state.callbacks.get(callback_id)
        if callback is None or time.time() - callback["at"] > QUERY_LIVES_SECONDS:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        alert = params.flag("show_alert")
        self._state.record({"e": "answer", "id": callback_id, "text": text, "alert": alert, "at": time.time()})
        return True

    def _open_chat(self, params: Params) -> int:
        chat_id = params.integer("chat_id")
        if chat_id not in USERS and chat_id not in GROUP_BY_ID:
            raise bad_request("chat not found")
        if chat_id in self._state.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if not self._state.may_write_to(chat_id):
            raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
        return chat_id

    def _own_message(self, params: Params) -> tuple[int, Json]:
        if params.text("inline_message_id"):
            raise bad_request("MESSAGE_ID_INVALID")
        chat_id = self._open_chat(params)
        message = self._state.find(chat_id, params.integer("message_id"))
        if message is None:
            raise bad_request("message to edit not found")
        if message["from"]["id"] != BOT_ID:
            raise bad_request("message can't be edited")
        return chat_id, message

    def _post(self, chat_id: int, content: Json, params: Params) -> Json:
        message: Json = {
            "message_id": self._state.chat(chat_id).next_message_id,
            "from": BOT,
            "chat": chat_json(chat_id),
            "date": int(time.time()),
            **self._reply(chat_id, params),
            **content,
        }
        if markup := _markup(params):
            message["reply_markup"] = markup
        silent = params.flag("disable_notification")
        self._state.record({"e": "message", "chat": chat_id, "message": message, "silent": silent})
        return message

    def _reply(self, chat_id: int, params: Params) -> Json:
        wanted = params.structure("reply_parameters") or {}
        message_id = wanted.get("message_id") if isinstance(wanted, dict) else None
        if message_id is None:
            return {}
        if not isinstance(message_id, int):
            raise bad_request('can\'t parse reply parameters: Field "message_id" must be of type Number')
        replied = self._state.find(chat_id, message_id)
        if replied is None:
            if wanted.get("allow_sending_without_reply"):
                return {}
            raise bad_request("message to be replied not found")
        return {"reply_to_message": {k: v for k, v in replied.items() if k != "reply_to_message"}}

    def _replace(self, chat_id: int, message: Json, changed: Json, params: Params) -> Json:
        if markup := _markup(params):
            changed["reply_markup"] = markup
        else:
            changed.pop("reply_markup", None)
        parts = ("text", "entities", "reply_markup")
        if all(message.get(part) == changed.get(part) for part in parts):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same "
                "as a current content and reply markup of the message"
            )
        changed["edit_date"] = int(time.time())
        self._state.record({"e": "message", "chat": chat_id, "message": changed})
        return changed


def _text(params: Params, name: str, mode: str, given: str, limit: int) -> tuple[str, list[Entity]]:
    entities = params.structure(given)
    source = params.text(name)
    text, parsed = parse(source, params.text(mode)) if not entities else (source, read_entities(entities, source))
    if len(text) > limit:
        raise bad_request("message is too long" if name == "text" else "message caption is too long")
    return trimmed(text, parsed)


def _markup(params: Params) -> Json | None:
    """Read an inline keyboard; other keyboards are accepted and not shown, as messages do not carry them."""
    markup = params.structure("reply_markup")
    if not markup:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        if any(name in markup for name in OTHER_KEYBOARDS):
            return None
        raise bad_request("can't parse reply keyboard markup JSON object")
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    buttons = [[_button(button) for button in row] for row in rows if row]
    if sum(map(len, buttons)) > MAX_BUTTONS or any(len(row) > MAX_BUTTONS_IN_ROW for row in buttons):
        raise bad_request("reply markup is too long")
    return {"inline_keyboard": buttons} if buttons else None


def _button(button: Any) -> Json:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be of type String')
    if not button["text"].strip():
        raise bad_request("can't parse inline keyboard button: Button text must be non-empty")
    if "callback_data" in button:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= MAX_CALLBACK_DATA:
            raise bad_request("BUTTON_DATA_INVALID")
        return {"text": button["text"], "callback_data": data}
    for action in OTHER_ACTIONS:
        if action in button:
            return {"text": button["text"], action: button[action]}
    raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
