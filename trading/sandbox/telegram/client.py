"""The people's hands in code: a small synchronous client of the sandbox's control side."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

type Json = dict[str, Any]

REQUEST_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 25.0


class SandboxError(Exception):
    """The sandbox refused, or is not there; ``code`` is its word for it (``unavailable`` when it is away)."""

    def __init__(self, code: str, detail: str) -> None:
        """Keep the machine's word and the human's."""
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class SandboxClient:
    """
    Acts as the sandbox's people.

    >>> with SandboxClient("http://127.0.0.1:9091", key) as sandbox:
    ...     sandbox.say(7001, "/rfq buy 10000 EUR")
    ...     card = sandbox.wait_for(7001, lambda m: "Accept" in str(m.get("reply_markup")), timeout=20)
    ...     sandbox.press(7001, card["message_id"], "Accept")
    """

    def __init__(self, base_url: str, control_key: str) -> None:
        """Talk to the sandbox at ``base_url``."""
        self._http = httpx.Client(
            base_url=base_url, headers={"X-Sandbox-Key": control_key}, timeout=REQUEST_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        """Use it as a context to have it closed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def say(self, user_id: int, text: str, *, chat_id: int | None = None, reply_to: int | None = None) -> Json:
        """Write ``text`` as this user (in a group: ``chat_id``), maybe as an answer to a message; gives the message."""
        content = {"user_id": user_id, "text": text, "chat_id": chat_id, "reply_to": reply_to}
        message: Json = self._call("POST", "/control/say", content)
        return message

    def send_file(
        self, user_id: int, name: str, content: bytes, *, caption: str = "", photo: bool = False, mime_type: str = ""
    ) -> Json:
        """Send a document, or a photo, as this user; gives the message."""
        kind = mime_type or "application/octet-stream"
        form = {"user_id": str(user_id), "caption": caption, "photo": "1" if photo else "0"}
        message: Json = self._call("POST", "/control/file", form=form, files={"file": (name, content, kind)})
        return message

    def edit(self, user_id: int, message_id: int, text: str) -> Json:
        """Change this user's own message; gives it as it is now."""
        data = {"user_id": user_id, "message_id": message_id, "text": text}
        message: Json = self._call("POST", "/control/edit", data)
        return message

    def forward(self, user_id: int, message_id: int, *, source: int) -> Json:
        """Forward a message of the chat ``source`` to the bot, as this user; gives the new message."""
        data = {"user_id": user_id, "message_id": message_id, "source": source}
        message: Json = self._call("POST", "/control/forward", data)
        return message

    def delete(self, user_id: int, message_id: int) -> None:
        """Delete a message from this user's chat."""
        self._call("POST", "/control/delete", {"user_id": user_id, "message_id": message_id})

    def press(
        self,
        user_id: int,
        message_id: int,
        button_text_prefix: str = "",
        *,
        chat_id: int | None = None,
        callback_data: str = "",
        stale: bool = False,
    ) -> Json:
        """
        Press the button whose text begins so (or that has this callback data); gives the callback query.

        ``stale`` presses ``callback_data`` even if the message no longer has it, as an old screen would.
        """
        data = {
            "user_id": user_id,
            "message_id": message_id,
            "button": button_text_prefix,
            "callback_data": callback_data,
            "chat_id": chat_id,
            "stale": stale,
        }
        query: Json = self._call("POST", "/control/press", data)
        return query

    def messages(self, chat_id: int, *, after: int = 0, wait: float = 0) -> list[Json]:
        """
        Give the messages as they are now, edits included; deleted ones are left out.

        ``after`` is a version: only messages changed since (each carries its ``version``) are given, and
        ``wait`` is how many seconds to wait for one.
        """
        return [m for m in self.changes(chat_id, after=after, wait=wait)["messages"] if not m.get("deleted")]

    def changes(self, chat_id: int, *, after: int = 0, wait: float = 0) -> Json:
        """Give ``{"version", "messages", "notices"}``: what changed since, deletions and callback answers included."""
        query = {"chat_id": chat_id, "after": after, "wait": min(wait, LONGEST_WAIT_SECONDS)}
        changed: Json = self._call("GET", "/control/messages", query=query, timeout=REQUEST_SECONDS + wait)
        return changed

    def wait_for(self, chat_id: int, predicate: Callable[[Json], bool], timeout: float, *, after: int = 0) -> Json:
        """
        Wait until a message satisfies ``predicate`` and give it; the newest wins.

        :raises TimeoutError: none did in ``timeout`` seconds; the message tells what was there instead.
        """
        deadline = time.monotonic() + timeout
        seen: Json = {}
        while True:
            changed = self.changes(chat_id, after=after, wait=max(0.0, min(deadline - time.monotonic(), 5.0)))
            after = changed["version"]
            for message in reversed(changed["messages"]):
                if not message.get("deleted") and predicate(message):
                    return dict(message)
                seen = seen or message
            if time.monotonic() >= deadline:
                last = seen.get("text", "nothing")
                raise TimeoutError(f"Chat {chat_id} shows no such message after {timeout:g} s; the last was: {last!r}")

    def chats(self) -> list[Json]:
        """List the chats."""
        chats: list[Json] = self._call("GET", "/control/chats")
        return chats

    def menu(self, chat_id: int) -> dict[str, str]:
        """Give the commands that the bot set for this very chat, with what it says of each."""
        found: list[Json] = self._call("GET", "/control/menu", query={"chat_id": chat_id})
        return {command["command"]: command["description"] for command in found}

    def block(self, user_id: int) -> None:
        """Let this user block the bot."""
        self._call("POST", "/control/block", {"user_id": user_id})

    def unblock(self, user_id: int) -> None:
        """Let this user unblock the bot."""
        self._call("POST", "/control/unblock", {"user_id": user_id})

    def fault(self, kind: str, **details: str | float) -> Json:
        """
        Order trouble: ``error`` (status, retry_after, description), ``drop``, ``delay`` (seconds), ``outage`` for
        calls, optionally of one ``method`` or ``chat_id``; ``duplicate``, ``late`` (seconds), ``lost``, ``reorder``
        for updates. ``times`` says how often, ``until_off`` that it goes on.
        """
        fault: Json = self._call("POST", "/control/faults", {"kind": kind, **details})
        return fault

    def clear_faults(self) -> None:
        """Forget all ordered trouble."""
        self._call("DELETE", "/control/faults")

    def rates(self, rates: Mapping[str, float]) -> None:
        """Say what the market is at, by currency; the stand-in serves it as two sources of rates."""
        self._call("POST", "/control/rates", {"rates": dict(rates)})

    def state(self) -> Json:
        """Show pending updates, blocked users and the last Bot API calls."""
        state: Json = self._call("GET", "/control/state")
        return state

    def reset(self) -> None:
        """Empty the sandbox: chats, updates, faults, webhook. Ids go on."""
        self._call("POST", "/control/reset", {})

    def _call(
        self,
        method: str,
        path: str,
        data: Json | None = None,
        *,
        query: Json | None = None,
        timeout: float | None = None,
        form: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes, str]] | None = None,
    ) -> Any:
        seconds = REQUEST_SECONDS if timeout is None else timeout
        try:
            answer = self._http.request(method, path, json=data, params=query, data=form, files=files, timeout=seconds)
            body = answer.json()
        except httpx.HTTPError as error:
            raise SandboxError("unavailable", f"The Telegram sandbox does not answer ({error!r}).") from error
        except ValueError as error:
            words = f"Something else answers there ({answer.status_code}): check SANDBOX_TELEGRAM_URL."
            raise SandboxError("unavailable", words) from error
        if not body.get("ok"):
            problem = body.get("error") or {"code": "refused", "detail": str(body)}
            raise SandboxError(problem["code"], problem["detail"])
        return body["result"]
