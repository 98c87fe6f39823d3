"""Sources as the environment describes them (docs/reference-rates.md says how)."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from rfq.rates import exchanges
from rfq.rates.base import Source
from rfq.rates.composed import Composed, Leg
from rfq.rates.exchanges import ExchangeLeg, Exchanges
from rfq.rates.web import Web, WebLeg, is_private_enough

VARIABLE = "REFERENCE_SOURCES"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
PAIR = re.compile(r"USDT/[A-Z]{3}", re.ASCII)
SECONDS, LONGEST_SECONDS = 4.0, 10.0
LONGEST_LEG_AGE = timedelta(days=7)
KEYS = {"apikey", "secret", "password", "privatekey", "token", "walletaddress"}


def build(described: Sequence[Mapping[str, Any]], *, clock: Callable[[], datetime]) -> list[Source]:
    """
    Make the sources.

    :raises ImproperlyConfigured: what is described makes no sense; the sentence says where.
    """
    made = [_source(one, clock) for one in described]
    names = [source.name for source in made]
    if len(set(names)) != len(names):
        raise _wrong("two sources have the same name")
    return made


def _source(described: Mapping[str, Any], clock: Callable[[], datetime]) -> Source:
    name = described.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _wrong("each source needs a name of small letters, digits and dashes")
    _only(described, {"name", "pairs", "timeout_seconds", "options"}, name)
    pairs = described.get("pairs")
    if not isinstance(pairs, Mapping) or not pairs:
        raise _wrong(f"{name} needs pairs")
    legs = {code: _legs(code, value, f"{name}, {code}") for code, value in pairs.items()}
    seconds = _number(described.get("timeout_seconds", SECONDS), LONGEST_SECONDS, f"{name}: timeout_seconds")
    return Composed(name, legs, Exchanges(seconds, clock, _options(described, name)), Web(seconds, clock))


def _legs(code: str, described: object, where: str) -> list[Leg]:
    if not PAIR.fullmatch(code):
        raise _wrong(f"{where}: a pair is written like USDT/EUR")
    parts = described if isinstance(described, list) else [described]
    legs = [_leg(part, where) for part in parts]
    if all(leg.longest_age is not None for leg in legs):
        raise _wrong(f"{where}: at least one leg must be without max_age_seconds")
    return legs


def _leg(described: object, where: str) -> Leg:
    if not isinstance(described, Mapping):
        raise _wrong(f"{where}: a leg is an object with exchange and symbol, or with url and pointer")
    what = _exchange_leg(described, where) if "exchange" in described else _web_leg(described, where)
    is_inverted = described.get("inverted", False)
    if not isinstance(is_inverted, bool):
        raise _wrong(f"{where}: inverted is true or false")
    longest = None
    if "max_age_seconds" in described:
        most = LONGEST_LEG_AGE.total_seconds()
        longest = timedelta(seconds=_number(described["max_age_seconds"], most, f"{where}: max_age_seconds"))
    return Leg(what, is_inverted, longest)


def _exchange_leg(described: Mapping[str, Any], where: str) -> ExchangeLeg:
    _only(described, {"exchange", "symbol", "inverted", "max_age_seconds"}, where)
    exchange, symbol = described["exchange"], described.get("symbol")
    if not isinstance(exchange, str) or not exchanges.is_known(exchange):
        raise _wrong(f"{where}: ccxt knows no exchange {exchange!r}")
    if not isinstance(symbol, str) or not symbol:
        raise _wrong(f"{where}: the leg needs a symbol")
    return ExchangeLeg(exchange, symbol)


def _web_leg(described: Mapping[str, Any], where: str) -> WebLeg:
    _only(described, {"url", "pointer", "at", "inverted", "max_age_seconds"}, where)
    url, pointer, at = described.get("url"), described.get("pointer"), described.get("at", "")
    if not isinstance(url, str) or not is_private_enough(url):
        raise _wrong(f"{where}: the leg needs an https url (http only on this machine)")
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise _wrong(f"{where}: the pointer to the number is written like /rates/EUR")
    if not isinstance(at, str) or (at and not at.startswith("/")):
        raise _wrong(f"{where}: the pointer to the time is written like /at")
    return WebLeg(url, pointer, at)


def _options(described: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    options = described.get("options", {})
    if not isinstance(options, Mapping) or not all(isinstance(value, Mapping) for value in options.values()):
        raise _wrong(f"{name}: options has one object per exchange")
    if any(key.lower() in KEYS for value in options.values() for key in value):
        raise _wrong(f"{name}: public tickers need no keys; take them out of options")
    return options


def _number(value: object, most: float, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise _wrong(f"{where} is a number above 0, at most {most:g}")
    return float(value)


def _only(described: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(described) - known):
        raise _wrong(f"{where}: {unknown[0]!r} is not known; known are {', '.join(sorted(known))}")


def _wrong(words: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{VARIABLE}: {words}.")
