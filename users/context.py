"""Where an act came from: the request id and address that audit events carry."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


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
        yield
    finally:
        _origin.reset(token)
