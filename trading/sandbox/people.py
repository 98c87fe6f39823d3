"""
Who lives in the sandbox: one table, read by the seed, the Telegram stand-in and the market.

Pure data. Telegram ids are fixed, so that the desk's seed and the stand-in agree without talking.
"""

import os
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a person is there for."""

    TRADER = "trader"
    LP = "lp"
    REFUSED = "refused"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    A human being of the sandbox.

    ``telegram_id`` is None for those who only use the console. ``started`` says that they have opened
    the bot before (linked people have: linking happens in that chat), so that it may write to them.
    """

    username: str
    first_name: str
    part: Part
    note: str
    telegram_id: int | None = None
    language: str = "en"
    counterparty: str = ""
    simulated: bool = False
    started: bool = True
    tries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group chat; ``speaker`` is the member whose messages the chat page sends."""

    chat_id: int
    title: str
    note: str
    speaker: int
    members: tuple[int, ...]
    tries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A counterparty of the sandbox."""

    name: str
    kind: str


COMPANIES: tuple[Company, ...] = (
    Company(name="Aurora Trading", kind="client"),
    Company(name="Pars Export", kind="client"),
    Company(name="Cedar Imports", kind="client"),
    Company(name="Meridian Liquidity", kind="lp"),
    Company(name="Northwind Markets", kind="lp"),
    Company(name="Atlas Prime", kind="lp"),
)

CROWD = "SANDBOX_CROWD"
FIRST_OF_CROWD = 8001


def crowd(size: int) -> tuple[Person, ...]:
    """So many traders more, all of one client, for whoever wants many chats (`manage.py bench_bot`)."""
    return tuple(
        Person(
            username=f"crowd-{number:03}",
            first_name=f"Crowd {number}",
            part=Part.TRADER,
            telegram_id=FIRST_OF_CROWD - 1 + number,
            counterparty="Cedar Imports",
            note="One of a crowd: there to be many.",
            simulated=True,
        )
        for number in range(1, size + 1)
    )


_TRADER_TRIES = ("/rfq buy 10000 EUR", "/rfq sell 5000 USDT EUR", "/rfq", "/help")

PEOPLE: tuple[Person, ...] = (
    Person(
        username="tara",
        first_name="Tara",
        part=Part.TRADER,
        telegram_id=7001,
        counterparty="Aurora Trading",
        note="Trader you play. Ask for a price, wait for quotes, press Accept.",
        tries=_TRADER_TRIES,
    ),
    Person(
        username="navid",
        first_name="نوید",
        part=Part.TRADER,
        telegram_id=7002,
        language="fa",
        counterparty="Pars Export",
        note="Trader you play, in Persian: the bot answers right to left.",
        tries=("/rfq buy ۱۰۰۰۰ AED", "/rfq", "/help"),
    ),
    Person(
        username="felix",
        first_name="Felix",
        part=Part.TRADER,
        telegram_id=7003,
        counterparty="Cedar Imports",
        note="Simulated trader. Asks for small amounts by himself.",
        simulated=True,
    ),
    Person(
        username="leo",
        first_name="Leo",
        part=Part.LP,
        telegram_id=7101,
        counterparty="Meridian Liquidity",
        note="Simulated LP dealer. Answers RFQs within seconds.",
        simulated=True,
    ),
    Person(
        username="mina",
        first_name="Mina",
        part=Part.LP,
        telegram_id=7102,
        counterparty="Northwind Markets",
        note="Simulated LP dealer. Passes sometimes, improves sometimes.",
        simulated=True,
    ),
    Person(
        username="dora",
        first_name="Dora",
        part=Part.LP,
        telegram_id=7103,
        counterparty="Atlas Prime",
        note="LP dealer you play. Quote the RFQs that arrive here.",
        tries=("/open", "/help"),
    ),
    Person(
        username="stranger",
        first_name="Stranger",
        part=Part.REFUSED,
        telegram_id=7901,
        note="Not linked to the desk: must be refused.",
        started=False,
        tries=("/start", "/rfq buy 10000 EUR"),
    ),
    Person(
        username="sam",
        first_name="Sam",
        part=Part.REFUSED,
        telegram_id=7902,
        counterparty="Cedar Imports",
        note="Suspended user: must be refused.",
        tries=("/rfq buy 10000 EUR",),
    ),
    Person(username="olga", first_name="Olga", part=Part.CONSOLE, note="Ops, in the console."),
    Person(
        username="amir",
        first_name="امیر",
        part=Part.CONSOLE,
        language="fa",
        note="Approver, in the console.",
    ),
    Person(username="bella", first_name="Bella", part=Part.CONSOLE, note="Second approver, in the console."),
    Person(username="adele", first_name="Adele", part=Part.CONSOLE, note="Admin, in the console."),
    Person(username="audrey", first_name="Audrey", part=Part.CONSOLE, note="Auditor, in the console."),
    *crowd(int(os.environ.get(CROWD) or 0)),
)

GROUPS: tuple[Group, ...] = (
    Group(
        chat_id=-7001,
        title="Friends of the desk",
        note="Group chat: the bot must refuse politely. You speak as Tara.",
        speaker=7001,
        members=(7001, 7002, 7901),
        tries=("/rfq buy 10000 EUR", "/help"),
    ),
)


def by_username(username: str) -> Person:
    """Find one person; KeyError when nobody has that name."""
    return _BY_USERNAME[username]


_BY_USERNAME = {person.username: person for person in PEOPLE}
