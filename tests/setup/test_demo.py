"""What a new sandbox shows before anybody has traded."""

from collections import Counter

import pytest

from rfq.models import Dispute, Fill
from settlement.models import Deposit, LpPayment, PayoutAddress, Settlement, Withdrawal
from settlement.reconciliation import rounds
from tests import jobs
from tests.setup.test_seed import sandbox_secrets
from trading.sandbox.demo import leave
from trading.sandbox.seed import seed
from users.models import ApprovalRequest, User

__all__ = ["sandbox_secrets"]

WAITING = (
    Deposit.objects.filter(status="announced"),
    Deposit.objects.filter(client=None),
    Withdrawal.objects.exclude(status__in=["paid", "cancelled"]),
    PayoutAddress.objects.filter(approved_at=None),
    LpPayment.objects.all(),
    Settlement.objects.filter(status="awaiting_approval"),
    Dispute.objects.filter(assigned_to=None),
    Dispute.objects.exclude(assigned_to=None),
    ApprovalRequest.objects.filter(status="pending", act="user.approve"),
    ApprovalRequest.objects.filter(status="pending", act="terms.change"),
    ApprovalRequest.objects.filter(status="declined"),
    User.objects.filter(status="pending", username="nora"),
)


@pytest.fixture
def demo(db: None, sandbox_secrets: None) -> list[str]:
    said: list[str] = []
    seed(lambda _line: None)
    leave(said.append)
    return said


def test_every_room_has_something_that_waits(demo: list[str]) -> None:
    assert len(demo) == 1
    assert [str(queryset.query) for queryset in WAITING if not queryset.all().exists()] == []


def test_it_is_made_once(demo: list[str]) -> None:
    leave(demo.append)

    assert len(demo) == 1
    assert Fill.objects.count() == 4


def test_the_desk_goes_on_from_it(demo: list[str]) -> None:
    jobs.run_all()

    stand = Counter(Settlement.objects.values_list("status", flat=True))
    assert stand == {"settled": 1, "paying": 2, "awaiting_approval": 1}
    assert not rounds.compare_books().differences
