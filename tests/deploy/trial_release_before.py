"""
The release before runs on the schema of this one (`make test-before`): a rollback leaves the database as it is.

Which one that is stands in `deploy/release-before`, by its commit; its code is taken from git as it was. It trades a
whole lifecycle through its own operations on a database that this release has migrated and seeded, and says how its
health is. No part of the gate: a clone without history does not have the commit.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from rfq.models import Fill
from settlement import reconciliation
from settlement.models import Settlement
from tests.setup.test_bench import traders
from users.models import AuditEvent

__all__ = ["traders"]
ROOT = Path(settings.BASE_DIR)
# Only what every release has: its public operations.
TRADE = """
import django
django.setup()
from decimal import Decimal
from rfq import operations as rfq
from rfq.operations import RfqRequest
from settlement import operations as settlement
from trading import health
from trading.lib import clock
from users.models import User
tara, leo = (User.objects.select_related("counterparty").get(username=name) for name in ("tara", "leo"))
asked = RfqRequest("USDT/EUR", "buy", Decimal("100.00"), "EUR", "release-before", "balance")
made = rfq.create_rfq(actor=tara, request=asked, now=clock.now())
quote = rfq.submit_quote(rfq_ref=made.ref, price=Decimal("0.9200"), actor=leo, key="before", now=clock.now())
fill = rfq.accept_quote(quote_ref=quote.ref, actor=tara, key="before", now=clock.now())
paid = settlement.pay(settlement_id=fill.settlement_id, signer=None, now=clock.now())
print(paid.status, fill.ref, health._migrations(), health.__file__)
"""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The code of the release before."""
    commit = (ROOT / "deploy" / "release-before").read_text().strip()
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=False, capture_output=True)
    assert packed.returncode == 0, f"this clone does not have {commit}: fetch the whole history"
    subprocess.run(["tar", "-x", "-C", tmp_path], input=packed.stdout, check=True)
    return tmp_path


@pytest.mark.usefixtures("traders")
def test_it_trades_on_the_schema_of_this_release(before: Path) -> None:
    at = connection.get_connection_params()
    url = f"postgresql://{at['user']}:{at['password']}@{at['host']}:{at['port']}/{at['dbname']}"
    places = {"DATABASE_URL": url, "PYTHONPATH": str(before), "DJANGO_SETTINGS_MODULE": "trading.settings"}
    events = AuditEvent.objects.count()

    done = subprocess.run(
        [sys.executable, "-c", TRADE],
        cwd=before,
        env={**os.environ, **places},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    status, fill, health, code = done.stdout.strip().splitlines()[-1].split()
    assert (status, health, Path(code)) == ("settled", "ok", before / "trading" / "health.py")
    assert Settlement.objects.get(trade_ref=fill).status == "settled"
    assert Fill.objects.filter(ref=fill).count() == 1
    assert AuditEvent.objects.count() > events
    assert [str(one) for one in reconciliation.reconcile().differences] == []
