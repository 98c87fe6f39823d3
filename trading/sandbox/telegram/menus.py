"""The commands that the bot offers in a chat: of all scopes that fit, the narrowest with the person's language."""

from typing import Any

from trading.sandbox.telegram.state import USERS, State

type Json = dict[str, Any]


def of_chat_alone(state: State, chat_id: int) -> list[Json]:
    """Give what was set for this chat and no other, whatever the language."""
    return state.commands.get(f"chat:{chat_id}:", [])


def of_chat(state: State, chat_id: int) -> list[Json]:
    """Give the menu of a chat, as core.telegram.org/bots/api#determining-list-of-commands says."""
    everyone = "all_private_chats" if chat_id > 0 else "all_group_chats"
    language = USERS[chat_id].language if chat_id in USERS else ""
    for scope in (f"chat:{chat_id}", f"{everyone}:", "default:"):
        for spoken in (language, ""):
            found = state.commands.get(f"{scope}:{spoken}")
            if found:
                return found
    return []
