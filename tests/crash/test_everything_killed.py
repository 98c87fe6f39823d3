"""
The worker, the bot and the database killed by turns while 200 messages come in eight chats.

Everything is real: processes, a PostgreSQL of its own, Telegram's stand-in. Each message sets quiet hours whose minutes
are its number, so that both what it did (one audit event, named by the update) and what was answered can be told from
any other's.
"""

import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import pytest
from psycopg import sql

from trading.sandbox.rig import BOT, Rig

CHATS, EACH = 8, 25
WRITING_SECONDS = 15.0
SLOTS = 12  # what one worker does at a time
SAYS = re.compile(r"Quiet hours: 00:(\d\d)–23:59")
PATIENCE, SOON = 90.0, 3.0
# Who is killed when so many messages are handled, or so many seconds after the one before. Twice all of them in a row:
# what a killed worker had begun waits until its silence is noticed, and so the silences overlap.
KILLS = (
    ("worker-1", 10, PATIENCE),
    (BOT, 14, SOON),
    (signal.SIGKILL, 18, SOON),
    ("worker-2", 60, PATIENCE),
    (BOT, 64, SOON),
    (signal.SIGQUIT, 68, SOON),
)

DONE = """
    select update.chat_id, (update.payload #>> '{message,text}'), event.id
    from users_auditevent event join alerting_inboundupdate update on event.request_id = 'tg:' || update.update_id
    where event.name = 'notification.quiet_hours_set' order by event.id
"""
HEARD = "select chat_id, payload #>> '{message,text}', status from alerting_inboundupdate order by update_id"
SAID = """
    select update.chat_id, (update.payload #>> '{message,text}'), message.status, message.attempts
    from alerting_outboundmessage message
    join alerting_inboundupdate update on message.key like 'tg:' || update.update_id || ':%%'
    order by message.id
"""
# The same update as one that nobody handled yet; only a new row can be that.
AFRESH = """
    do $$
    declare one alerting_inboundupdate;
    begin
        delete from alerting_inboundupdate where update_id = {update_id} returning * into one;
        one.status := 'waiting'; one.attempts := 0; one.handled_at := null;
        insert into alerting_inboundupdate select one.*;
    end $$
"""


class Answer(NamedTuple):
    """One answer in the outbox: what became of it, and how often the desk set out to send it."""

    status: str
    attempts: int


@dataclass
class Story:
    """What became of the messages of one chat, as numbers in the order it happened."""

    written: list[int]
    heard: list[tuple[int, str]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    said: dict[int, list[Answer]] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)

    def flaws(self) -> list[str]:
        """Everything that is not as promised."""
        return [*self._flaws_of_handling(), *self._flaws_of_answers()]

    def _flaws_of_handling(self) -> list[str]:
        heard, done = Counter(number for number, _status in self.heard), Counter(self.done)
        flaws = [f"{number} was heard {heard[number]} times" for number in self.written if heard[number] != 1]
        flaws += [f"{number} was done {done[number]} times" for number in self.written if done[number] != 1]
        flaws += [f"{number} is {status}" for number, status in self.heard if status != "handled"]
        if self.done != sorted(self.done):
            flaws.append(f"done out of order: {self.done}")
        return flaws

    def _flaws_of_answers(self) -> list[str]:
        """
        Each is queued once, and seen once.

        One whose sender was killed between Telegram's taking it and writing that down is sent again: then the row
        counts a second attempt, and the second copy comes right behind the first.
        """
        flaws, seen = [], Counter(self.seen)
        for number in self.written:
            rows = self.said.get(number, [])
            if [row.status for row in rows] != ["sent"]:
                flaws.append(f"the answers to {number} are {rows}")
            elif not 1 <= seen[number] <= rows[0].attempts:
                flaws.append(f"{number} was answered {seen[number]} times in {rows[0].attempts} attempts")
        order = [number for number, _copies in groupby(self.seen)]
        if order != sorted(set(order)):
            flaws.append(f"answered out of order: {self.seen}")
        return flaws

    @property
    def copies(self) -> int:
        """How many answers came more than once."""
        return len(self.seen) - len(set(self.seen))


class Conversation:
    """People who write numbered messages on a rig, and what became of those."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.written: dict[int, list[int]] = {}

    def say(self, chat_id: int) -> int:
        """Write the next message of a chat; its number."""
        numbers = self.written.setdefault(chat_id, [])
        number = len(numbers)
        self.rig.telegram.say(chat_id, f"/notify quiet 00:{number:02}-23:59")
        numbers.append(number)
        return number

    def stories(self) -> dict[int, Story]:
        """Everything that became of what was written, by chat."""
        stories = {chat_id: Story(numbers) for chat_id, numbers in self.written.items()}
        for chat_id, text, status in self.rig.rows(HEARD):
            stories[chat_id].heard.append((number_in(text), status))
        for chat_id, text, _event in self.rig.rows(DONE):
            stories[chat_id].done.append(number_in(text))
        for chat_id, text, status, attempts in self.rig.rows(SAID):
            stories[chat_id].said.setdefault(number_in(text), []).append(Answer(status, attempts))
        for chat_id, story in stories.items():
            shown = [SAYS.search(message.get("text", "")) for message in self.rig.telegram.messages(chat_id)]
            story.seen = [int(found[1]) for found in shown if found]
        return stories

    def flaws(self) -> dict[int, list[str]]:
        """What is not as promised, by chat; chats without flaws are left out."""
        return {chat_id: flaws for chat_id, story in self.stories().items() if (flaws := story.flaws())}

    def is_over(self) -> bool:
        """Whether all that was written is in the inbox, and nothing waits on either side."""
        everything = sum(map(len, self.written.values()))
        heard = self.rig.count("select count(*) from alerting_inboundupdate")
        return heard >= everything and self.waiting() == 0

    def waiting(self) -> int:
        """How much waits to be handled or sent."""
        return self.rig.count(
            "select (select count(*) from alerting_inboundupdate where status = 'waiting')"
            " + (select count(*) from alerting_outboundmessage where status in ('waiting', 'sending'))"
        )

    def handled(self) -> int:
        """How many messages are done with."""
        return self.rig.count("select count(*) from alerting_inboundupdate where status = 'handled'")


def number_in(text: str) -> int:
    return int(text.split("00:")[1][:2])


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig(chats=CHATS + 2, workers=2, fsync=False) as rig:
        rig.start(BOT, *rig.workers)
        yield rig


@pytest.mark.processes
def test_a_planted_repetition_and_a_planted_loss_are_noticed(rig: Rig) -> None:
    repeated, lost = rig.chats[-2:]
    talk = Conversation(rig)
    for chat_id in (repeated, lost):
        talk.say(chat_id)
        talk.say(chat_id)
    rig.wait_for(talk.is_over)
    assert talk.flaws() == {}

    forget_the_first(rig, repeated)
    talk.say(repeated)
    # The next of the other chat is acknowledged, and gone before anybody handles it.
    for worker in rig.workers:
        rig.end(worker)
    talk.say(lost)
    rig.wait_for(lambda: rig.count("select count(*) from alerting_inboundupdate where chat_id = %s", [lost]) == 3)
    rig.rows("delete from alerting_inboundupdate where chat_id = %s and status = 'waiting'", [lost])
    rig.start(*rig.workers)
    rig.wait_for(lambda: talk.waiting() == 0)

    assert talk.flaws() == {
        repeated: [
            "0 was done 2 times",
            "done out of order: [0, 1, 0, 2]",
            "0 was answered 2 times in 1 attempts",
            "answered out of order: [0, 1, 0, 2]",
        ],
        lost: ["2 was heard 0 times", "2 was done 0 times", "the answers to 2 are []"],
    }


@pytest.mark.processes
def test_whoever_is_killed_each_message_is_handled_once_in_order_and_answered(rig: Rig) -> None:
    talk = Conversation(rig)
    rig.rows("delete from alerting_outboundmessage")
    rig.rows("delete from alerting_inboundupdate")
    writing = threading.Thread(target=write, args=(talk, list(rig.chats[:CHATS])))
    writing.start()
    at_kills = []
    for victim, handled, seconds in KILLS:
        limit = time.monotonic() + seconds
        while talk.handled() < handled and time.monotonic() < limit:
            rig.keep_up()
            time.sleep(0.02)
        at_kills.append(talk.handled())
        if isinstance(victim, signal.Signals):
            rig.kill_database(victim)
        else:
            rig.kill(victim)
            rig.start(victim)
    writing.join()
    rig.wait_for(talk.is_over)

    assert talk.flaws() == {}
    assert 10 <= at_kills[0] <= 60 <= at_kills[3] <= at_kills[-1] < CHATS * EACH, f"killed at {at_kills}"
    # Whatever was sent when somebody was killed may come twice; nothing else.
    assert sum(story.copies for story in talk.stories().values()) <= len(KILLS) * SLOTS * len(rig.workers)


def forget_the_first(rig: Rig, chat_id: int) -> None:
    """Let the desk forget that it handled the chat's first message and answered it: the next one brings it up again."""
    ((update_id,),) = rig.rows("select min(update_id) from alerting_inboundupdate where chat_id = %s", [chat_id])
    rig.rows("delete from alerting_outboundmessage where key like 'tg:' || %s::bigint || ':%%'", [update_id])
    rig.rows(sql.SQL(AFRESH).format(update_id=update_id))


def write(talk: Conversation, chats: list[int]) -> None:
    """Write everything, chat by chat in turn, at an even pace."""
    begun, count = time.monotonic(), 0
    for _round in range(EACH):
        for chat_id in chats:
            talk.say(chat_id)
            count += 1
            time.sleep(max(0.0, begun + count * WRITING_SECONDS / (CHATS * EACH) - time.monotonic()))
