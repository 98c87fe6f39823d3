"""The console shows credit lines, limits and fees, and proposes others."""

from typing import Any

import pytest
from django.test import Client

from settlement import withdrawal_limits as limits
from tests import factories
from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from tests.console.test_money import propose, text
from tests.factories import Market
from users.models import ApprovalRequest, Role


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


def test_lines_are_shown_and_another_is_proposed(console: Client, market: Market) -> None:
    factories.credit(market.client, "20000")
    page = text(console.get(f"/counterparties/{market.client.ref}/"))
    assert f'href="/money/{market.client.ref}/"' in page
    assert "20,000" in page

    address = f"/money/{market.client.ref}/"
    assert "credit line 20,000.00 EUR" in text(console.get(address))
    assert 'name="credit"' in text(console.get(f"{address}?act=credit.change"))
    refused = propose(console, market.client.ref, "credit.change", currency="EUR", credit="much")
    propose(console, market.client.ref, "credit.change", currency="EUR", credit="25,000.50")

    assert refused.status_code == 422
    request = ApprovalRequest.objects.get(act="credit.change", status="pending")
    assert request.payload == {"currency": "EUR", "credit": "25000.50"}
    assert request.ref in text(console.get(address))
    factories.decide(request)
    later = code(scene.TOTP_KEY, steps_ahead=1)  # a code works once
    propose(console, market.client.ref, "credit.change", currency="EUR", credit="0.00", otp_token=later)
    assert ApprovalRequest.objects.get(act="credit.change", status="pending").payload["credit"] == "0"


def test_lps_have_no_lines(console: Client, market: Market) -> None:
    assert "Balance and credit" not in text(console.get(f"/counterparties/{market.meridian.ref}/"))
    page = text(console.get(f"/money/{market.meridian.ref}/"))
    assert "ledger.adjust" in page
    assert "credit.change" not in page


def test_page_shows_what_holds_since_when_and_the_threshold_of_deposits(console: Client, market: Market) -> None:
    address = f"/money/{limits.SUBJECT}/"
    assert address in text(console.get("/withdrawals/"))
    page = text(console.get(address))
    for words in ("1000000", "Network fee (USDT) · tron", "UTC · v1", "50000"):
        assert words in page
    admin = verified_client(scene.person("ada", Role.ADMIN))
    wanted: Any = limits.values_of(limits.current()) | {"fee_tron": "1.25"}
    propose(admin, limits.SUBJECT, "withdrawal_policy.change", **wanted)
    request = ApprovalRequest.objects.get(act="withdrawal_policy.change")
    assert request.payload == wanted
    assert request.ref in text(console.get(address))


def test_the_threshold_of_deposits_is_in_the_form_of_its_policy(market: Market) -> None:
    admin = verified_client(scene.person("ada", Role.ADMIN))

    assert 'name="threshold"' in text(admin.get("/policies/deposit.confirm/"))
    assert 'name="threshold"' not in text(admin.get("/policies/flag.on/"))
