"""Where an act came from: the request id and address that audit events carry, and the lines of the log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from structlog.contextvars import bound_contextvars


@dataclass(frozen=True, slots=True)
class Origin:
    """The request (or update, or job) behind an act, the address it came from, and the page it was sent to."""

    request_id: str = ""
    address: str | None = None
    path: str = ""


NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current() -> Origin:
    """The origin of whatever runs now."""
    return _origin.get()


@contextmanager
def origin(request_id: str, address: str | None = None, path: str = "") -> Iterator[None]:
    """Everything inside is done on behalf of this request."""
    token = _origin.set(Origin(request_id, address, path))
    try:
        with bound_contextvars(request_id=request_id):
            yield
    finally:
        _origin.reset(token)


class RequestId:
    """Travels with every job (`trading.lib.trail`), so that its log lines and audit events name the request, too."""

    NAME = "request_id"

    def pack(self) -> Mapping[str, str]:
        """The id of the request that runs, if one does."""
        request_id = current().request_id
        return {self.NAME: request_id} if request_id else {}

    @contextmanager
    def follow(self, trail: Mapping[str, str], job: str) -> Iterator[None]:
        """Act on behalf of that request; the address it came from stays with the request."""
        with bound_contextvars(job=job):
            if self.NAME not in trail:
                yield
                return
            with origin(trail[self.NAME]):
                yield
