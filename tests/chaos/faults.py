"""What goes wrong in a run. Which, in which order and how much, is drawn by its seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import OperationalError, connection, connections

from settlement.models import Transfer, TransferAttempt
from tests import environment
from tests.chaos.crew import Crew
from tests.chaos.ground import Ground
from tests.crash.test_connections_lost import cut_connections
from tests.wallets.preloaded import POINTS
from trading.lib import clock
from trading.sandbox import postgres
from trading.sandbox.postgres import Cluster, Role

CONFIRMATIONS = 3
LONGEST_REWIND = 40  # blocks
PORT = 3  # the line of postmaster.pid
_started: list[Cluster] = []  # they end with this process
STILL_SECONDS, LYING_SECONDS = 3.0, 4.0


@dataclass
class Faults:
    """All that can be done to a run; `lasts` says how long the last one is to go on before the ground is mended."""

    ground: Ground
    crew: Crew
    chance: random.Random
    lasts: float = 0.0

    def kill(self, number: int = 1) -> None:
        """Kill so many workers."""
        self.crew.kill(self.chance, number)

    def kill_at(self, point: str) -> None:
        """Put a worker among them that dies at the point."""
        self.crew.send_into(self.chance, point)

    def reorg(self) -> None:
        """Undo what is mined and not final."""
        self.ground.reorg(self.chance.randint(1, CONFIRMATIONS - 1))

    def rewind(self) -> None:
        """Undo what is mined meanwhile."""
        self.ground.rewind(self.chance.randint(1, CONFIRMATIONS - 1))

    def drop_one(self) -> None:
        """Let the node forget one that it may have."""
        out = TransferAttempt.objects.filter(status="broadcast").order_by("pk").values_list("tx_hash", flat=True)
        if hashes := list(out):
            self.ground.drop_one(self.chance.choice(hashes))

    def reorg_deep(self) -> None:
        """Undo what became final last."""
        final = Transfer.objects.filter(status="final").order_by("-block_number").first()
        since = final.block_number if final and final.block_number else 0
        depth = self.ground.node.head() - since + 1 + self.chance.randint(0, CONFIRMATIONS)
        self.ground.reorg(max(depth, CONFIRMATIONS + 1))

    def rewind_deep(self) -> None:
        """Undo what becomes final meanwhile."""
        before = patiently(self._final)
        self.ground.rewind(LONGEST_REWIND, until=lambda: patiently(self._final) > before)

    def _final(self) -> int:
        return Transfer.objects.filter(status="final").count()

    def lie(self, how: Callable[..., None], *, first: bool) -> None:
        """Let one provider tell other things than the node, for a while."""
        how(self.ground, self.ground.first if first else self.ground.second)
        self.lasts = LYING_SECONDS

    def hold_still(self) -> None:
        """No blocks come for a while."""
        self.ground.is_still = True
        self.lasts = STILL_SECONDS


BELOW: dict[str, Callable[[Faults], None]] = {
    **{f"killed at {point}": partial(Faults.kill_at, point=point) for point in POINTS},
    "worker killed": Faults.kill,
    "all workers killed": lambda faults: faults.kill(99),
    "transaction dropped": Faults.drop_one,
    "mempool dropped": lambda faults: faults.ground.drop_all(),
    "node restarted": lambda faults: faults.ground.restart(),
    "reorg below the depth": Faults.reorg,
    "rewound below the depth": Faults.rewind,
    "base fee spike": lambda faults: faults.ground.spike(faults.chance.randint(5, 60)),
    "answers lost": lambda faults: faults.ground.lose_answers(faults.chance),
    "first provider stale": lambda faults: faults.lie(Ground.make_stale, first=True),
    "second provider stale": lambda faults: faults.lie(Ground.make_stale, first=False),
    "first provider lags": lambda faults: faults.lie(Ground.make_forgetful, first=True),
    "second provider lags": lambda faults: faults.lie(Ground.make_forgetful, first=False),
    "no blocks": Faults.hold_still,
    "database restarted": lambda _faults: restart_database(),
    "connections cut": lambda _faults: cut_connections(),
}
# These undo what was final: the wallet is paused by design, and people open it again.
DEEP: dict[str, Callable[[Faults], None]] = {
    "reorg beyond the depth": Faults.reorg_deep,
    "rewound beyond the depth": Faults.rewind_deep,
}
FAULTS = BELOW | DEEP


def restart_database() -> None:
    """
    Stop PostgreSQL, which ends all sessions, and start it again.

    Not crashed: the tests' server is kept for the next run and need not survive that. One that is not this checkout's
    loses all other sessions instead.
    """
    if not environment.IS_PRIVATE:
        cut_connections()
        return
    at = connections["owner"].settings_dict
    for alias in ("default", "owner"):
        connections[alias].close()
    pids = {home: home / "data" / "postmaster.pid" for home in postgres.homes()}
    home = next(
        home for home, pid in pids.items() if pid.exists() and pid.read_text().splitlines()[PORT] == str(at["PORT"])
    )
    server = Cluster(home, (Role(at["USER"], at["PASSWORD"]),), throw_away=True)
    server.end_leftover()
    server.start(int(at["PORT"]))
    _started.append(server)


def patiently[Result](ask: Callable[[], Result]) -> Result:
    """Ask the database, again while it is away."""
    limit = clock.now().timestamp() + 120
    while True:
        try:
            return ask()
        except OperationalError:
            connection.close()
            if clock.now().timestamp() > limit:
                raise
