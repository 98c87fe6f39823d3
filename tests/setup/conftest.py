import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trading.sandbox.localenv import LOCAL
from trading.sandbox.postgres import Cluster, Role, desk_roles

MakeCluster = Callable[..., Cluster]


@pytest.fixture
def workplace() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach too, which pytest's own are not."""
    LOCAL.mkdir(mode=0o711, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="setup-test-", dir=LOCAL))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def make_cluster(workplace: Path) -> Iterator[MakeCluster]:
    made: list[Cluster] = []

    def make(*roles: Role, throw_away: bool = True) -> Cluster:
        chosen = roles or desk_roles("owner-secret", "app-secret")
        cluster = Cluster(workplace / "postgres", chosen, throw_away=throw_away)
        made.append(cluster)
        return cluster

    yield make
    for cluster in made:
        cluster.stop()
        cluster.end_leftover()
        shutil.rmtree(cluster.home, ignore_errors=True)
