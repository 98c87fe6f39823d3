"""How a call describes itself: what it answers, by example, and every code it refuses with."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.functional import Promise

from trading.lib.errors import Conflict, DeskError, Forbidden, Invalid, NotFound, Unavailable
from trading.lib.operations import Busy
from users import keys, tokens
from users.api import Refusal
from users.api_access import (
    ExpiredKey,
    ForeignAddress,
    ForgedRequest,
    KeyOfNobody,
    NotOfTheDesk,
    NotSignedIn,
    RevokedKey,
    UnknownKey,
    authenticate_any,
)
from users.api_parties import NotAParty, UnknownCursor
from users.capabilities import MissingCapability, MissingScope
from users.errors import NotAuthenticated
from users.limits import TooManyRequests
from users.operations.tokens import EndedTokens

type Refused = type[DeskError]

STATUS: tuple[tuple[Refused, int], ...] = (
    (NotAuthenticated, 401),
    (TooManyRequests, 429),
    (Invalid, 400),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
)
ALWAYS: tuple[Refused, ...] = (
    NotSignedIn,
    keys.MistypedKey,
    UnknownKey,
    RevokedKey,
    ExpiredKey,
    KeyOfNobody,
    tokens.BadToken,
    tokens.ExpiredToken,
    EndedTokens,
    ForeignAddress,
    MissingScope,
    MissingCapability,
    NotAParty,
    NotOfTheDesk,
    TooManyRequests,
)
OF_WRITES: tuple[Refused, ...] = (ForgedRequest, Busy)
OF_LISTS: tuple[Refused, ...] = (UnknownCursor,)
JSON = "application/json"
MALFORMED = (400, "malformed", "A field is missing, not known or malformed; `fields` says which.")
TOO_LARGE = (413, "too_large", "The body is larger than any call needs.")
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Example:
    """What a call answers, and what is sent to it."""

    answer: object
    body: object = None


def call(
    answer: Any, *refusals: Refused, summary: str, example: Example, status: int = 200, writes: bool = False
) -> dict[str, Any]:
    """
    What a route of the market says about itself: for `router.get(...)` and the others.

    :param refusals: what this call refuses with beside what all of them do.
    :param writes: it changes something.
    """
    said = _by_status((*ALWAYS, *(OF_WRITES if writes else ()), *refusals), has_body=example.body is not None)
    described: dict[str, Any] = {
        "responses": {
            status: {"content": {JSON: {"example": example.answer}}},
            **{code: _refusals(code, reasons) for code, reasons in said.items()},
        }
    }
    if example.body is not None:
        described["requestBody"] = {"content": {JSON: {"example": example.body}}}
    return {
        "response": {status: answer} | dict.fromkeys(said, Refusal),
        "auth": authenticate_any,
        "summary": summary,
        "openapi_extra": described,
    }


def _by_status(refusals: tuple[Refused, ...], *, has_body: bool) -> dict[int, dict[str, str]]:
    said: dict[int, dict[str, str]] = defaultdict(dict)
    for code, name, sentence in (MALFORMED, *((TOO_LARGE,) if has_body else ())):
        said[code][name] = sentence
    for refusal in refusals:
        code = next(number for kind, number in STATUS if issubclass(refusal, kind))
        said[code][refusal.code] = _in_english(refusal.text)
    return dict(sorted(said.items()))


def _in_english(text: str | Promise) -> str:
    with translation.override("en"):
        return str(text)


def _refusals(status: int, reasons: dict[str, str]) -> dict[str, Any]:
    """The response's description names each code; its example is one of the call's own, where it has any."""
    listed = "\n".join(f"- `{code}`: {sentence}" for code, sentence in reasons.items())
    code, sentence = list(reasons.items())[-1]
    shown = {"code": code, "message": sentence, "fields": {}, "request_id": "REQ-7KQ2M4TX"}
    headers = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    described: dict[str, Any] = {"description": listed, "content": {JSON: {"example": shown}}}
    return described | ({"headers": headers} if status == TOO_MANY else {})
