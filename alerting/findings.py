"""What a monitor is: facts read by a fixed number of queries, and a pure judgement of them by a rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerting.models import AlertRule


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that is not as the rule wants it.

    `fingerprint` tells it from other findings of its type, for as long as it lasts. `level` is how bad it is on the
    type's own scale: when it grows, people are told again. `counterparty_id` is whose business it is, where it is
    somebody's: only those of the desk who serve it are told.
    """

    fingerprint: str
    subject: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    level: int = 1
    counterparty_id: int | None = None


type Facts = Any
type Evaluate = Callable[[datetime, Facts, AlertRule], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Monitor:
    """
    One subject: how its facts are read, and what each of its types of alert makes of them.

    `gather` is the only part that asks the database; it gets the rules, whose thresholds bound what it has to read.
    """

    name: str
    gather: Callable[[datetime, Mapping[str, AlertRule]], Facts]
    types: Mapping[str, Evaluate]
