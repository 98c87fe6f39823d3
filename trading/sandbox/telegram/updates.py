"""
The queue of updates, and the one poller that may read it.

As the real service: ids ascend, an offset confirms everything before it, an unconfirmed update is given
again, a second poller ends the first with 409. Delivery faults bend this for single updates.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from trading.sandbox.telegram.errors import ApiError, ControlError
from trading.sandbox.telegram.faults import Fault, Faults
from trading.sandbox.telegram.journal import Event
from trading.sandbox.telegram.state import State

type Json = dict[str, Any]

MAX_PENDING = 10_000
MAX_BATCH = 100
MAX_POLL_SECONDS = 50
REORDER_PATIENCE_SECONDS = 2.0
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class LostAnswer(Exception):
    """The connection is to be cut instead of answering."""


@dataclass(slots=True)
class _Group:
    """Updates that are given together, last first."""

    wanted: int
    patience_ends: float
    ids: list[int] = field(default_factory=list)

    def released(self, now: float) -> bool:
        return len(self.ids) >= self.wanted or now >= self.patience_ends


@dataclass(slots=True)
class _Delivery:
    """How one update is to be mistreated."""

    not_before: float = 0.0
    again: int = 0
    losses: int = 0
    group: _Group | None = None
    given: bool = False

    def due_at(self, now: float) -> float:
        if self.group and not self.group.released(now):
            return self.group.patience_ends
        return self.not_before


class Updates:
    """What the bot has not confirmed yet."""

    def __init__(self, state: State, faults: Faults) -> None:
        """Keep the updates in ``state``; the mistreatment only in memory."""
        self._state = state
        self._faults = faults
        self._deliveries: dict[int, _Delivery] = {}
        self._group: _Group | None = None
        self._poller: asyncio.Future[ApiError] | None = None

    # Coming into being

    def make(self, kind: str, payload: Json, chat_id: int) -> list[Event]:
        """Give the events that put an update into the queue; none when the bot does not want that kind."""
        allowed = self._state.allowed_updates
        if allowed and kind not in allowed:
            return []
        if len(self._state.pending) >= MAX_PENDING:
            words = f"{MAX_PENDING} updates wait for the bot: start it, or reset the sandbox."
            raise ControlError(409, "queue_full", words)
        update_id = self._state.next_update_id
        for fault in self._faults.for_update(chat_id):
            self._mistreat(update_id, fault)
        return [{"e": "update", "update": {"update_id": update_id, kind: payload}}]

    def _mistreat(self, update_id: int, fault: Fault) -> None:
        delivery = self._deliveries.setdefault(update_id, _Delivery())
        if fault.kind == "late":
            delivery.not_before = time.monotonic() + fault.seconds
        elif fault.kind == "duplicate":
            delivery.again += 1
        elif fault.kind == "lost":
            delivery.losses += 1
        else:
            now = time.monotonic()
            if self._group is None or self._group.released(now):
                patience = fault.seconds or REORDER_PATIENCE_SECONDS
                self._group = _Group(wanted=fault.times + 1, patience_ends=now + patience)
            self._group.ids.append(update_id)
            delivery.group = self._group

    # Going out

    def due(self, limit: int) -> list[Json]:
        """Give what may be delivered now, in the order of delivery."""
        now = time.monotonic()
        ready = []
        for update_id in sorted(self._state.pending):
            delivery = self._deliveries.get(update_id)
            if delivery is None:
                ready.append(((update_id, 0), update_id))
            elif delivery.due_at(now) <= now:
                group = delivery.group
                ready.append(((group.ids[0], -update_id) if group else (update_id, 0), update_id))
        return [self._state.pending[update_id] for _, update_id in sorted(ready)[:limit]]

    def seconds_until_due(self) -> float:
        """Say how long until a held update may go (a long time when none is held)."""
        now = time.monotonic()
        waits = [d.due_at(now) - now for i, d in self._deliveries.items() if i in self._state.pending]
        return max(0.01, min((wait for wait in waits if wait > 0), default=float(MAX_POLL_SECONDS)))

    def given(self, updates: list[Json]) -> None:
        """
        Note that these go out now.

        :raises LostAnswer: one of them was ordered to get lost on the way.
        """
        deliveries = [self._deliveries[u["update_id"]] for u in updates if u["update_id"] in self._deliveries]
        losing = [delivery for delivery in deliveries if delivery.losses]
        for delivery in losing:
            delivery.losses -= 1
        if losing:
            raise LostAnswer
        for delivery in deliveries:
            delivery.given = True

    def confirm(self, update_ids: list[int]) -> None:
        """Forget what the bot has taken, except what it has not seen or shall see again."""
        gone = []
        for update_id in update_ids:
            delivery = self._deliveries.get(update_id)
            if delivery is None or (delivery.given and not delivery.again):
                gone.append(update_id)
            elif delivery.given:
                delivery.again -= 1
                delivery.given = False
        if gone:
            self._state.record({"e": "confirm", "ids": gone})
        for update_id in gone:
            self._deliveries.pop(update_id, None)

    def forget_all(self) -> None:
        """Drop everything that waits."""
        if self._state.pending:
            self._state.record({"e": "confirm", "ids": list(self._state.pending)})
        self.forget_mistreatment()

    def forget_mistreatment(self) -> None:
        """Deliver whatever waits as if no fault had been ordered."""
        self._deliveries.clear()
        self._group = None

    # Polling

    async def poll(self, *, offset: int, limit: int, seconds: float, lose: bool = False) -> list[Json]:
        """
        Answer one getUpdates; ``lose`` says that the answer will not arrive, so that nothing counts as given.

        :raises ApiError: 409 when a webhook is set, or another poller came while this one waited.
        """
        if self._state.webhook:
            raise ApiError(409, WEBHOOK_ACTIVE)
        self.end_poller("terminated by other getUpdates request; make sure that only one bot instance is running")
        mine: asyncio.Future[ApiError] = asyncio.get_running_loop().create_future()
        self._poller = mine
        try:
            self._move_offset(offset)
            deadline = time.monotonic() + seconds
            while not mine.done():
                updates = self.due(limit)
                left = deadline - time.monotonic()
                if updates or left <= 0:
                    if not lose:
                        self.given(updates)
                    return updates
                await self._state.news(min(left, self.seconds_until_due()))
            raise mine.result()
        finally:
            if self._poller is mine:
                self._poller = None

    def end_poller(self, why: str) -> None:
        """End the waiting getUpdates, if there is one, with 409."""
        if self._poller and not self._poller.done():
            self._poller.set_result(ApiError(409, f"Conflict: {why}"))
            self._state.wake()

    def _move_offset(self, offset: int) -> None:
        pending = sorted(self._state.pending)
        if offset > 0:
            self.confirm([update_id for update_id in pending if update_id < offset])
        elif offset < 0:
            self.confirm(pending[:offset])
