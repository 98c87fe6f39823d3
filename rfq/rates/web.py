"""Numbers in JSON documents on the web, by plain HTTP."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

import httpx

from rfq.rates.base import Reading, SourceFailed, one_line, read_instant, read_number

LARGEST = 512 * 1024
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
INDEX = re.compile(r"\d{1,6}", re.ASCII)
HEADERS = {
    "User-Agent": "usdt-desk",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",  # the next round comes after servers have given it up
}


@dataclass(frozen=True, slots=True)
class WebLeg:
    """
    One number of a document.

    :param pointer: where the number stands (RFC 6901).
    :param at: where its time stands; without it, the time is that of the answer.
    """

    url: str
    pointer: str
    at: str = ""

    def read(self, document: object, *, now: datetime) -> Reading:
        """
        Take the number and its time out of the document.

        :raises SourceFailed: they are not there, or are no price and no time.
        """
        number = read_number(follow(document, self.pointer))
        return Reading(number, read_instant(follow(document, self.at), now=now) if self.at else now)


def is_private_enough(url: str) -> bool:
    """Whether nobody on the way can change what the address answers: https, or this very machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _is_own(url)))


def _is_own(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


@dataclass(slots=True)
class Web:
    """
    Fetches documents; each address once a round.

    :param seconds: what one document may take, whatever it does in that time.
    """

    seconds: float
    clock: Callable[[], datetime]
    _clients: dict[bool, httpx.Client] = field(default_factory=dict)
    _round: dict[str, tuple[object, datetime]] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget the documents of the round before."""
        self._round.clear()

    def reading(self, leg: WebLeg) -> Reading:
        """
        Fetch the leg's document, unless this round has it, and take its number.

        :raises SourceFailed: it could not be had or read.
        """
        if leg.url not in self._round:
            self._round[leg.url] = (self._document(leg.url), self.clock())
        document, at = self._round[leg.url]
        return leg.read(document, now=at)

    def _document(self, url: str) -> object:
        host = urlsplit(url).hostname
        try:
            body = self._body(url)
        except httpx.HTTPError as error:
            raise SourceFailed(f"{host}: {one_line(error) or type(error).__name__}") from error
        try:
            return json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise SourceFailed(f"{host} answers no JSON: {one_line(error)}") from error

    def _body(self, url: str) -> bytes:
        limit = time.monotonic() + self.seconds
        body = bytearray()
        with self._client(url).stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise SourceFailed(f"{answer.url.host} answers {answer.status_code}")
            for chunk in answer.iter_raw():  # not unpacked: a small answer stays small
                body += chunk
                if len(body) > LARGEST:
                    raise SourceFailed(f"{answer.url.host} answers more than {LARGEST} bytes")
                if time.monotonic() > limit:
                    raise SourceFailed(f"{answer.url.host} took more than {self.seconds:g} s")
        return bytes(body)

    def _client(self, url: str) -> httpx.Client:
        """One client for this machine, which goes by no proxy, and one for the world."""
        is_own = _is_own(url)
        if is_own not in self._clients:
            self._clients[is_own] = httpx.Client(timeout=self.seconds, trust_env=not is_own, headers=HEADERS)
        return self._clients[is_own]


def follow(document: object, pointer: str) -> object:
    """
    Find what a JSON pointer points to.

    :raises SourceFailed: nothing.
    """
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and INDEX.fullmatch(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            raise SourceFailed(f"there is nothing at {one_line(pointer)}")
    return found


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number")
