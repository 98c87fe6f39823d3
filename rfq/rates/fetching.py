"""One round: all sources are asked at once, and none keeps the others waiting."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rfq.rates.base import Source, SourceFailed, Tick, one_line

log = logging.getLogger(__name__)
ROUND_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one source in a round; `problem` is empty when it gave all."""

    source: str
    ticks: tuple[Tick, ...]
    problem: str = ""


@dataclass(slots=True)
class _Asked:
    answer: Answer | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Fetcher:
    """
    Asks sources in threads of their own.

    A source that does not come back in time is left alone, and not asked again before it does: a server
    that trickles its answer for hours holds one thread and no more.
    """

    def __init__(self, sources: Callable[[], Sequence[Source]], seconds: float = ROUND_SECONDS) -> None:
        self._make = sources
        self._seconds = seconds
        self._sources: Sequence[Source] | None = None
        self._running: dict[str, _Asked] = {}
        self._lock = threading.Lock()

    def round(self, pair_codes: Sequence[str]) -> list[Answer]:
        """Ask every source for these pairs; one answer per source, in the order of the configuration."""
        with self._lock:
            if self._sources is None:
                self._sources = self._make()
            asked = [(source.name, self._ask(source, pair_codes)) for source in self._sources]
            limit = time.monotonic() + self._seconds
            return [self._outcome(name, one, limit) for name, one in asked]

    def _ask(self, source: Source, pair_codes: Sequence[str]) -> _Asked | None:
        if source.name in self._running:
            return None
        asked = self._running[source.name] = _Asked()
        threading.Thread(target=_run, args=(source, pair_codes, asked), name=source.name, daemon=True).start()
        return asked

    def _outcome(self, name: str, asked: _Asked | None, limit: float) -> Answer:
        waiting = asked or self._running[name]
        waiting.done.wait(max(0.0, limit - time.monotonic()) if asked else 0)
        if waiting.done.is_set():
            del self._running[name]
        if asked is None or waiting.answer is None:
            # What comes late was asked in another round; the next one asks anew.
            return _logged(Answer(name, (), f"does not answer within {self._seconds:g} s"))
        return _logged(waiting.answer)


def _run(source: Source, pair_codes: Sequence[str], asked: _Asked) -> None:
    try:
        asked.answer = Answer(source.name, tuple(source.fetch(pair_codes)))
    except SourceFailed as failed:
        asked.answer = Answer(source.name, tuple(failed.ticks), str(failed))
    except Exception as error:
        log.exception("reference source %s broke", source.name)
        asked.answer = Answer(source.name, (), one_line(f"{type(error).__name__}: {error}"))
    finally:
        asked.done.set()


def _logged(answer: Answer) -> Answer:
    if answer.problem:
        log.warning("reference source %s: %s", answer.source, answer.problem)
    return answer
