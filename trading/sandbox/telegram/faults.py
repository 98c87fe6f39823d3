"""
Trouble on command: what the next requests and updates should suffer.

Request faults (``error``, ``drop``, ``delay``, ``outage``) hit Bot API calls, optionally of one method or chat only,
or only what is said (``spares_polling``).
Delivery faults (``duplicate``, ``late``, ``lost``, ``reorder``) hit the next updates that come into being.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from trading.sandbox.telegram.errors import ApiError, ControlError

type Json = dict[str, Any]

REQUEST_KINDS = ("outage", "error", "drop", "delay")
DELIVERY_KINDS = ("duplicate", "late", "lost", "reorder")
STATUSES = {
    400: "Bad Request: message text is empty",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    429: "Too Many Requests: retry after {retry_after}",
    500: "Internal Server Error",
    502: "Bad Gateway",
}
TOO_MANY = 429
MAX_FAULTS = 100
MAX_TIMES = 1000
MAX_SECONDS = 60.0
MAX_RETRY_AFTER = 3600
MAX_DESCRIPTION = 200
POLLING = ("getupdates", "getme", "setwebhook", "deletewebhook", "getwebhookinfo")
FIELDS = {
    *("kind", "times", "until_off", "method", "chat_id", "spares_polling"),
    *("status", "retry_after", "description", "seconds"),
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order for trouble, with how many times it still has to strike, or that it goes on."""

    kind: str
    number: int = 0
    until_off: bool = False
    spares_polling: bool = False
    times: int = 1
    method: str = ""
    chat_id: int | None = None
    status: int = 0
    retry_after: int = 0
    description: str = ""
    seconds: float = 0.0

    def error(self) -> ApiError:
        """Make the refusal of an ``error`` fault."""
        words = self.description or STATUSES[self.status].format(retry_after=self.retry_after)
        if self.retry_after:
            return ApiError(self.status, words, retry_after=self.retry_after)
        return ApiError(self.status, words)


class Faults:
    """The orders that are still open, in the order they were given."""

    def __init__(self) -> None:
        """Start without trouble."""
        self._open: list[Fault] = []
        self._given = 0

    def add(self, data: Json) -> Fault:
        """Take an order; ControlError says what is wrong with it."""
        if len(self._open) >= MAX_FAULTS:
            raise ControlError(
                409, "too_many_faults", f"{MAX_FAULTS} faults are waiting: DELETE /control/faults first."
            )
        fault = _read(data)
        self._given += 1
        fault.number = self._given
        self._open.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all orders."""
        self._open.clear()

    def switch_off(self, number: int) -> None:
        """Forget one order; one that is used up already is no matter."""
        self._open = [fault for fault in self._open if fault.number != number]

    def as_json(self) -> list[Json]:
        """List what is open."""
        return [asdict(fault) for fault in self._open]

    def for_request(self, method: str, chat_id: int | None) -> list[Fault]:
        """Take what hits this call: at most one of each kind."""
        return self._take(
            REQUEST_KINDS,
            lambda fault: (
                (not fault.method or fault.method.lower() == method.lower())
                and not (fault.spares_polling and method.lower() in POLLING)
                and (fault.chat_id is None or fault.chat_id == chat_id)
            ),
        )

    def for_update(self, chat_id: int) -> list[Fault]:
        """Take what hits the delivery of an update from this chat."""
        return self._take(DELIVERY_KINDS, lambda fault: fault.chat_id is None or fault.chat_id == chat_id)

    def _take(self, kinds: tuple[str, ...], hits: Callable[[Fault], bool]) -> list[Fault]:
        taken: dict[str, Fault] = {}
        for fault in self._open:
            if fault.kind in kinds and fault.kind not in taken and hits(fault):
                taken[fault.kind] = fault
                fault.times -= 0 if fault.until_off else 1
        self._open = [fault for fault in self._open if fault.times > 0]
        return list(taken.values())


def _read(data: Json) -> Fault:
    unknown = sorted(set(data) - FIELDS)
    if unknown:
        raise _invalid(f"Unknown field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}.")
    kind = data.get("kind")
    if kind not in REQUEST_KINDS + DELIVERY_KINDS:
        raise _invalid(f"kind must be one of {', '.join(REQUEST_KINDS + DELIVERY_KINDS)}.")
    fault = Fault(
        kind=kind,
        times=_integer(data, "times", 1, 1, MAX_TIMES),
        method=_string(data, "method"),
        chat_id=None if data.get("chat_id") is None else _integer(data, "chat_id", 0, -(2**52), 2**52),
        status=_integer(data, "status", 500 if kind == "error" else 0, 0, 599),
        retry_after=_integer(data, "retry_after", 0, 0, MAX_RETRY_AFTER),
        description=_string(data, "description"),
        seconds=_seconds(data),
        until_off=data.get("until_off") is True,
        spares_polling=data.get("spares_polling") is True,
    )
    if kind in DELIVERY_KINDS and fault.method:
        raise _invalid(f"{kind} concerns updates, not requests: leave method out.")
    if kind == "reorder" and fault.until_off:
        raise _invalid("reorder needs times: how many updates change places.")
    if kind == "error" and fault.status not in STATUSES:
        raise _invalid(f"status must be one of {', '.join(map(str, STATUSES))}.")
    if fault.status == TOO_MANY:
        fault.retry_after = fault.retry_after or 1
    elif fault.retry_after:
        raise _invalid("retry_after belongs to status 429.")
    if kind in ("delay", "late") and not fault.seconds:
        fault.seconds = 2.0
    return fault


def _invalid(detail: str) -> ControlError:
    return ControlError(400, "invalid_fault", detail)


def _integer(data: Json, name: str, default: int, low: int, high: int) -> int:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _invalid(f"{name} must be a whole number between {low} and {high}.")
    return value


def _seconds(data: Json) -> float:
    value = data.get("seconds", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise _invalid(f"seconds must be a number between 0 and {MAX_SECONDS:g}.")
    return float(value)


def _string(data: Json, name: str) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION:
        raise _invalid(f"{name} must be a text of at most {MAX_DESCRIPTION} characters.")
    return value
