"""All that ends in one second is looked for once, when that second is over."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from rfq.operations.deadlines import expire_at
from tests import jobs as of_desk
from trading.lib import jobs

SECOND = datetime(2099, 5, 1, 12, 0, 3, tzinfo=UTC)


def ask(*deadlines: datetime) -> None:
    with transaction.atomic(), jobs.batch():
        for deadline in deadlines:
            expire_at(deadline)


def due() -> list[datetime | None]:
    found = ProcrastinateJob.objects.filter(task_name="rfq.sweep").order_by("scheduled_at")
    return list(found.values_list("scheduled_at", flat=True))


def test_deadlines_of_one_second_share_a_job_and_none_comes_before_its_own(db: None) -> None:
    of_desk.clear()
    ask(SECOND, SECOND + timedelta(milliseconds=1))
    ask(SECOND + timedelta(milliseconds=999))
    assert due() == [SECOND + timedelta(seconds=1)]

    ask(SECOND + timedelta(seconds=1))
    assert due() == [SECOND + timedelta(seconds=1), SECOND + timedelta(seconds=2)]
