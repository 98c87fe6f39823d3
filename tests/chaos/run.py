"""One run: payments, workers, fault after fault as the payments go on, people who open what pauses by design."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from procrastinate.contrib.django.models import ProcrastinateJob

from settlement import pauses
from settlement.models import Transfer, Wallet
from tests.chaos import orders, proof
from tests.chaos.crew import Crew
from tests.chaos.faults import DEEP, FAULTS, Faults, patiently
from tests.chaos.ground import Ground
from tests.settlement import chain as people
from tests.settlement.books import assert_books_are_right
from trading.lib import clock, jobs
from trading.lib.errors import Conflict
from trading.sandbox.chain import ChainError

ROUNDS = (
    "settlement.resume_blocked",
    "settlement.pay_out_waiting",
    "settlement.follow_final",
    "settlement.fill_gaps",
    "settlement.wake_wallets",
)
ROUND_SECONDS, TICK_SECONDS = 2.0, 0.1
FAULT_PATIENCE = 20.0  # the next fault comes then, whatever the payments have done meanwhile
# What pauses a wallet after a reorganisation beyond the depth, whichever job sees it first; nothing else may here.
BY_DESIGN = {pauses.DEEP_REORG, pauses.DIFFERENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a run is, and what goes wrong in it, in this order."""

    seed: int
    payments: int
    workers: int
    faults: Sequence[str]
    kind: str = "real"
    patience: float = 900.0  # seconds without a fault, on a busy machine


def drawn(seed: int, *, payments: int, workers: int, faults: int) -> Plan:
    """Faults of all kinds in an order of the seed's, again and again until there are so many."""
    chance, names = random.Random(seed), sorted(FAULTS)
    order: list[str] = []
    while len(order) < faults:
        order += chance.sample(names, len(names))
    return Plan(seed=seed, payments=payments, workers=workers, faults=order[:faults])


class Run:
    """On a ground with funded wallets, and payments that are placed."""

    def __init__(self, plan: Plan, ground: Ground, environment: Mapping[str, str], log: Path) -> None:
        self.plan, self.ground = plan, ground
        self._chance = random.Random(plan.seed)
        self._environment, self._log = environment, log
        self.paused: Counter[str] = Counter()
        self._seen_paused: dict[int, datetime | None] = {}
        self._not_opened = ""
        self.restarted = 0
        self._undone_at = clock.now()
        self._next_round = 0.0

    def flaws(self) -> list[str]:
        """Run to the end; everything that is not as promised then."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        with (
            self._log.open("w") as self._out,
            Crew(self._environment, self._log.with_suffix(".workers.log"), size=self.plan.workers, kind=self.plan.kind)
            as self.crew,
        ):  # fmt: skip
            self.faults = Faults(self.ground, self.crew, self._chance)
            self._say("begun", seed=self.plan.seed, payments=self.plan.payments, workers=self.plan.workers)
            for number, name in enumerate(self.plan.faults):
                self._until_done(number * self.plan.payments // (len(self.plan.faults) + 1))
                self._break(name)
            is_over = self._until(self._is_over, self.plan.patience)
            found = patiently(lambda: proof.flaws(self.ground.node)) + ([] if is_over else ["it did not end"])
            seconds = round(time.monotonic() - begun, 1)
            self._say("ended", seconds=seconds, paused=self.paused, restarted=self.restarted, flaws=found)
        if not found:
            patiently(assert_books_are_right)
        return found

    # Faults

    def _break(self, name: str) -> None:
        done = patiently(self._done)
        try:
            FAULTS[name](self.faults)
        except (ChainError, httpx.HTTPError) as error:
            self._say("fault not possible", fault=name, why=str(error))
        else:
            self._say("fault", fault=name, done=done)
        if name in DEEP:
            self._undone_at = clock.now()
        if self.faults.lasts:
            self._until(lambda: False, self.faults.lasts)
            self.faults.lasts = 0.0
            self.ground.mend()

    # Going on

    def _until_done(self, number: int) -> None:
        self._until(lambda: self._done() >= number, FAULT_PATIENCE)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Keep everything going until it is so, or the time is up; which of both."""
        limit = time.monotonic() + seconds
        while not patiently(condition):
            if time.monotonic() > limit:
                return False
            self.restarted += self.crew.keep_up()
            patiently(self._look_round)
            time.sleep(TICK_SECONDS)
        return True

    def _look_round(self) -> None:
        """The jobs of every minute, every other second; and people look at what is paused."""
        if time.monotonic() < self._next_round:
            return
        self._next_round = time.monotonic() + ROUND_SECONDS
        waiting = set(
            ProcrastinateJob.objects.filter(status="todo", scheduled_at=None).values_list("task_name", flat=True)
        )
        if waiting & {"settlement.pay_out", "settlement.pay_lp"}:  # else they would wait before all that is on its way
            waiting.add("settlement.pay_out_waiting")
        for name in set(ROUNDS) - waiting:
            jobs.defer(name, lock=name, timestamp=0)
        for wallet in Wallet.objects.exclude(paused_at=None):
            self._open(wallet)

    def _open(self, wallet: Wallet) -> None:
        """People let a wallet pay again that stopped by design; one that stopped without cause stays, and is a flaw."""
        why = wallet.pause_reason
        if wallet.paused_at != self._seen_paused.get(wallet.pk):
            self._seen_paused[wallet.pk] = wallet.paused_at
            self.paused[why] += 1
            self._say("paused", wallet=wallet.name, why=why)
        if why not in BY_DESIGN or not set(self.plan.faults) & set(DEEP):
            return
        try:
            people.resume(wallet)
        except (Conflict, AssertionError) as error:
            if (why_not := str(error)) != self._not_opened:
                self._not_opened = why_not
                self._say("not opened yet", wallet=wallet.name, why=why_not)
        else:
            self._say("opened", wallet=wallet.name)

    def _done(self) -> int:
        return Transfer.objects.exclude(final_at=None).count()

    def _waiting(self) -> list[str]:
        return [
            f"{owner.ref} {owner.status} {owner.reason}" for owner in orders.owners() if owner.status not in proof.OVER
        ]

    def _is_over(self) -> bool:
        """Nothing waits, and since the last deep reorganisation everything was looked at again."""
        if self.plan.kind == "naive":  # it never hears of what it paid under another hash
            is_sent = Transfer.objects.exists() and not Transfer.objects.filter(status="signed").exists()
            return is_sent and not self.ground.node.waiting()
        if self._waiting() or Wallet.objects.exclude(paused_at=None).exists():
            return False
        transfers = Transfer.objects.exclude(status="abandoned")
        return not transfers.exclude(status="final", looked_at__gt=self._undone_at).exists()

    def _say(self, what: str, **more: Any) -> None:
        self._out.write(json.dumps({"at": clock.now().isoformat(), "what": what, **more}, default=str) + "\n")
        self._out.flush()
