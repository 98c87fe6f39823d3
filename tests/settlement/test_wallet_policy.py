"""What the wallets may pay at most is carried by two."""

from typing import Any

import pytest

from settlement import wallet_limits as limits
from settlement.models import WalletPolicy
from settlement.own_acts.wallet_policy import SameWalletLimits
from tests import factories
from tests.factories import Market
from tests.probes import refused
from tests.users.approvals import execute_by_hand
from trading.lib import clock
from trading.lib.errors import NotFound
from users.models import AuditEvent
from users.own_acts.base import BadPayload

FIRST: dict[str, Any] = dict.fromkeys(sorted(limits.FIELDS), "0")
WANTED = FIRST | {"largest_tron": "5", "daily_tron": "7.5"}


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def test_the_schema_brings_the_first_and_two_people_every_later_one(market: Market) -> None:
    assert limits.values_of(limits.current()) == FIRST
    assert limits.of("tron") is None

    factories.wallet_limits("tron", largest="5", daily="7.5")

    assert limits.of("tron") == limits.Limits(5_000_000, 7_500_000)
    assert limits.of("ethereum") is None
    event = AuditEvent.objects.get(name="wallet_policy.changed")
    assert (event.before["largest_tron"], event.after["largest_tron"]) == ("0", "5")
    factories.wallet_limits("tron", largest="0", daily="0")
    assert limits.of("tron") is None


@pytest.mark.parametrize(
    "change",
    [
        {"largest_tron": "8"},
        {"largest_tron": "0"},
        {"largest_tron": 5},
        {"daily_tron": "1e9"},
        {"daily_tron": "7.0000001"},
        {"daily_tron": "1000000000000"},
        {"daily_nowhere": "1"},
    ],
)
def test_details_that_make_no_sense(market: Market, change: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        factories.propose("wallet_policy.change", limits.SUBJECT, **{**WANTED, **change})


def test_what_holds_is_no_change_and_there_is_one_subject(market: Market) -> None:
    with pytest.raises(SameWalletLimits):
        factories.propose("wallet_policy.change", limits.SUBJECT, **FIRST)
    with pytest.raises(NotFound):
        factories.propose("wallet_policy.change", "OTHERS", **WANTED)


def test_nobody_changes_it_alone_nor_to_what_was_not_signed(market: Market) -> None:
    right = {"tron": {"largest": "5", "daily": "7.5"}}
    with refused("MN41"):
        WalletPolicy.objects.create(version=2, limits=right, made_at=clock.now())
    request = factories.propose("wallet_policy.change", limits.SUBJECT, **WANTED)
    with refused("DC45"):
        execute_by_hand(request, factories.founders()[1])
    wrongs: list[dict[str, Any]] = [
        {"limits": {}},
        {"limits": {"tron": {"largest": "6", "daily": "7.5"}}},
        {"version": 3},
    ]
    for wrong in wrongs:
        with refused("MN41"):
            execute_by_hand(request, factories.founders()[1])
            WalletPolicy.objects.create(**{"version": 2, "limits": right, "made_at": clock.now(), **wrong})
