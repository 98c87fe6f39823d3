"""
What the stand-in remembers: chats, messages, updates, the bot's settings.

Every change is a list of events, written to the journal as one line and then applied; replaying the
journal gives the same state. Nothing else changes it.
"""

import asyncio
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from trading.sandbox.people import GROUPS, PEOPLE
from trading.sandbox.telegram.journal import Event, Journal

type Json = dict[str, Any]

KEPT_MESSAGES = 1000
KEPT_CALLBACKS = 2000
KEPT_NOTICES = 20
COMPACT_AFTER = 20_000

USERS = {person.telegram_id: person for person in PEOPLE if person.telegram_id is not None}
GROUP_BY_ID = {group.chat_id: group for group in GROUPS}
BOT_ID = 7000
BOT: Json = {"id": BOT_ID, "is_bot": True, "first_name": "OTC desk (sandbox)", "username": "otc_desk_sandbox_bot"}


@dataclass(slots=True)
class Stored:
    """A message as it is now; ``version`` says when it last changed, ``silent`` that it came without sound."""

    message: Json
    version: int
    deleted: bool = False
    silent: bool = False


@dataclass(slots=True)
class Chat:
    """One conversation."""

    next_message_id: int = 1
    messages: OrderedDict[int, Stored] = field(default_factory=OrderedDict)
    notices: deque[Json] = field(default_factory=lambda: deque(maxlen=KEPT_NOTICES))
    heard: bool = False
    version: int = 0


class State:
    """The memory of the stand-in, backed by its journal."""

    def __init__(self, journal: Journal) -> None:
        """Replay the journal."""
        self._journal = journal
        self._lines = 0
        self._changed = asyncio.Event()
        self.version = 0
        self.next_update_id = 0
        self._forget()
        for events in journal.replay():
            self._lines += 1
            for event in events:
                self._apply(event)
        # Ids go on from the clock: whoever remembers ids of a sandbox that was thrown away never meets them again.
        self.next_update_id = max(self.next_update_id, int(time.time()))

    def _forget(self) -> None:
        self.chats: dict[int, Chat] = {}
        self.pending: dict[int, Json] = {}
        self.webhook: Json = {}
        self.allowed_updates: list[str] = []
        self.commands: dict[str, list[Json]] = {}
        self.profile: dict[str, str] = {}
        self.blocked: set[int] = set()
        self.callbacks: OrderedDict[str, Json] = OrderedDict()
        self.files: dict[str, Json] = {}

    # Changing

    def record(self, *events: Event) -> None:
        """Write one act and make it true; wake everyone who waits for news."""
        self._journal.append(list(events))
        for event in events:
            self._apply(event)
        self._lines += 1
        if self._lines > COMPACT_AFTER:
            self._journal.replace([{"e": "snapshot", "state": self.dump()}])
            self._lines = 1
        self.wake()

    def wake(self) -> None:
        """Let waiting requests look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def news(self, seconds: float) -> None:
        """Wait for a change, at most so many ``seconds``."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    def _apply(self, event: Event) -> None:
        self.version += 1
        getattr(self, f"_on_{event['e']}")(event)

    def _on_message(self, event: Event) -> None:
        message = event["message"]
        chat = self.chats.setdefault(event["chat"], Chat())
        before = chat.messages.get(message["message_id"])
        silent = before.silent if before else event.get("silent", False)
        chat.messages[message["message_id"]] = Stored(message, self.version, silent=silent)
        chat.next_message_id = max(chat.next_message_id, message["message_id"] + 1)
        chat.heard = chat.heard or message["from"]["id"] != BOT_ID
        chat.version = self.version
        while len(chat.messages) > KEPT_MESSAGES:
            chat.messages.popitem(last=False)

    def _on_delete(self, event: Event) -> None:
        chat = self.chats[event["chat"]]
        stored = chat.messages[event["id"]]
        stored.deleted, stored.version = True, self.version
        stored.message = {"message_id": event["id"]}
        chat.version = self.version

    def _on_update(self, event: Event) -> None:
        update = event["update"]
        self.pending[update["update_id"]] = update
        self.next_update_id = max(self.next_update_id, update["update_id"] + 1)

    def _on_confirm(self, event: Event) -> None:
        for update_id in event["ids"]:
            self.pending.pop(update_id, None)

    def _on_set(self, event: Event) -> None:
        setattr(self, event["name"], event["value"])
        if event["name"] == "commands":  # what a chat offers is part of its screen
            for chat in self.chats.values():
                chat.version = self.version

    def _on_block(self, event: Event) -> None:
        (self.blocked.add if event["value"] else self.blocked.discard)(event["user"])
        self.chats.setdefault(event["user"], Chat()).version = self.version

    def _on_callback(self, event: Event) -> None:
        self.callbacks[event["id"]] = event
        while len(self.callbacks) > KEPT_CALLBACKS:
            self.callbacks.popitem(last=False)

    def _on_answer(self, event: Event) -> None:
        callback = self.callbacks.pop(event["id"])
        chat = self.chats.setdefault(callback["chat"], Chat())
        if event["text"]:
            chat.notices.append({**event, "user": callback["user"], "version": self.version})
        chat.version = self.version

    def _on_file(self, event: Event) -> None:
        self.files[event["id"]] = event

    def _on_reset(self, _event: Event) -> None:
        next_ids = {chat_id: chat.next_message_id for chat_id, chat in self.chats.items()}
        self._forget()
        for chat_id, next_id in next_ids.items():
            self.chats[chat_id] = Chat(next_message_id=next_id, version=self.version)

    # Compaction

    def dump(self) -> Json:
        """Give the whole state as JSON."""
        return {
            "version": self.version,
            "next_update_id": self.next_update_id,
            "pending": list(self.pending.values()),
            "webhook": self.webhook,
            "allowed_updates": self.allowed_updates,
            "commands": self.commands,
            "profile": self.profile,
            "blocked": sorted(self.blocked),
            "callbacks": list(self.callbacks.values()),
            "files": list(self.files.values()),
            "chats": [
                {
                    "id": chat_id,
                    "next": chat.next_message_id,
                    "heard": chat.heard,
                    "version": chat.version,
                    "notices": list(chat.notices),
                    "messages": [[s.message, s.version, s.deleted, s.silent] for s in chat.messages.values()],
                }
                for chat_id, chat in self.chats.items()
            ],
        }

    def _on_snapshot(self, event: Event) -> None:
        state = event["state"]
        self._forget()
        self.version, self.next_update_id = state["version"], state["next_update_id"]
        self.pending = {update["update_id"]: update for update in state["pending"]}
        self.webhook, self.allowed_updates = state["webhook"], state["allowed_updates"]
        self.commands, self.blocked = state["commands"], set(state["blocked"])
        self.profile = state.get("profile", {})
        self.callbacks = OrderedDict((callback["id"], callback) for callback in state["callbacks"])
        self.files = {file["id"]: file for file in state["files"]}
        for kept in state["chats"]:
            chat = Chat(next_message_id=kept["next"], heard=kept["heard"], version=kept["version"])
            chat.notices.extend(kept["notices"])
            for message, *rest in kept["messages"]:
                chat.messages[message["message_id"]] = Stored(message, *rest)
            self.chats[kept["id"]] = chat

    # Asking

    def chat(self, chat_id: int) -> Chat:
        """Give a conversation, empty when nothing was said in it."""
        return self.chats.get(chat_id) or Chat()

    def find(self, chat_id: int, message_id: int) -> Json | None:
        """Give a message that is still there."""
        stored = self.chat(chat_id).messages.get(message_id)
        return None if stored is None or stored.deleted else stored.message

    def may_write_to(self, chat_id: int) -> bool:
        """Say whether the bot may open its mouth: groups, people who linked, people who wrote first."""
        return chat_id in GROUP_BY_ID or self.chat(chat_id).heard or USERS[chat_id].started


def user_json(user_id: int) -> Json:
    """Describe a person as the Bot API does."""
    person = USERS[user_id]
    return {
        "id": user_id,
        "is_bot": False,
        "first_name": person.first_name,
        "username": person.username,
        "language_code": person.language,
    }


def chat_json(chat_id: int) -> Json:
    """Describe a chat as the Bot API does."""
    if chat_id in GROUP_BY_ID:
        group = GROUP_BY_ID[chat_id]
        return {"id": chat_id, "type": "group", "title": group.title, "all_members_are_administrators": False}
    person = USERS[chat_id]
    return {"id": chat_id, "type": "private", "first_name": person.first_name, "username": person.username}
