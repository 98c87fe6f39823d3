"""The interface does what its description says, whatever is sent, whoever sends it: no crash, no unknown answer."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from schemathesis import checks

from rfq import operations as rfq_operations
from settlement import operations as money
from settlement.operations import Wish
from tests import factories, jobs, tiers
from tests.api.conftest import staff_and_newcomer
from tests.factories import REASON, Market
from tests.remembered import remembered
from tests.users.keys import collected
from trading.api import api
from trading.lib import clock
from users import operations
from users.models import ApprovalDecision, ApprovalRequest, User

PROMISES = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
PLAIN = {"Accept-Encoding": "identity"}  # the in-process transport unpacks nothing
# How often a role sends the same, and how often it is told that it may not, before the next is tried.
ENOUGH = 2
ROLES = ("trader", "lp", "ops", "approver", "admin", "auditor", "service", "stranger")
CALLS = [(path, method) for path, methods in api.get_openapi_schema()["paths"].items() for method in methods]


@cache
def described() -> Any:
    """The calls as the desk describes them."""
    from trading.wsgi import application  # noqa: PLC0415 - it asks for the static files, which a run collects first

    return schemathesis.openapi.from_wsgi("/api/openapi.json", application)


@dataclass
class Premises:
    """Somebody of every role, a service's key, a market, and a proposal to let somebody in."""

    users: dict[str, User]
    service_key: str
    market: Market
    newcomer: User
    request: ApprovalRequest


@remembered
def premises() -> Premises:
    olga, amir, _bella, newcomer = staff_and_newcomer()
    market = factories.market()
    users = {"ops": olga, "approver": amir, "trader": market.tara, "lp": market.leo}
    users |= {role: factories.user(role) for role in ("admin", "auditor")}
    factories.account(None)
    _key, service_key = collected(factories.user("service"), scopes=["audit.anchor"])
    request = factories.propose("user.approve", newcomer.ref, by=olga, roles=["trader"])
    jobs.clear(queue="messages")
    return Premises(users, service_key, market, newcomer, request)


def credential_of(role: str, desk: Premises) -> dict[str, str]:
    """What somebody of this role sends along."""
    if role == "stranger":
        return {}
    bearer = desk.service_key
    if role != "service":
        bearer = operations.issue_tokens(user=desk.users[role], address=None, now=clock.now()).access
    return {"Authorization": f"Bearer {bearer}"}


def deposit_of(desk: Premises) -> str:
    """A deposit that the client announced."""
    key, tara = factories.unique("deposit"), desk.market.tara
    return money.announce_deposit(currency="EUR", amount=Decimal(5), actor=tara, key=key, now=clock.now()).ref


def withdrawal_of(desk: Premises) -> str:
    """A withdrawal that the client asked for."""
    wish, key = Wish("USDT", Decimal(5), desk.market.address.ref), factories.unique("withdrawal")
    return money.request_withdrawal(wish=wish, actor=desk.market.tara, key=key, now=clock.now()).ref


OF_MONEY: dict[str, Callable[[Premises], str]] = {
    "balances": lambda desk: desk.market.client.ref,
    "deposits": deposit_of,
    "withdrawals": withdrawal_of,
    "addresses": lambda desk: factories.asked_address(desk.market.client).ref,
    "bank-accounts": lambda desk: factories.asked_account(desk.market.client).ref,
}


def real_of(path: str, desk: Premises) -> str:
    """The ref of something real that the call is about; what the market has comes with a trade and live quotes."""
    market = desk.market
    if "approvals" in path:
        return desk.request.ref
    if "users" in path:
        return desk.newcomer.ref
    if path.split("/")[2] in OF_MONEY:
        return OF_MONEY[path.split("/")[2]](desk)
    if path.endswith("/pause"):
        rfq_operations.pause_lp(lp_ref=market.meridian.ref, actor=market.leo, reason=REASON, now=clock.now())
        return ""
    fill, rfq = factories.fill(market), factories.rfq(market)
    quote = factories.quote(rfq, market.leo, ttl_seconds=60)
    factories.quote(rfq, market.mina, "0.93")
    jobs.run_all(queues=["messages"])
    refs = {"rfqs": rfq.ref, "quotes": quote.ref, "fills": fill.ref, "settlements": fill.settlement.ref}
    given = {"ref": fill.settlement.ref, "transaction": "0x" + "ab" * 32}
    refs["checks"] = money.ask_payment(**given, actor=desk.users["ops"], now=clock.now()).ref
    refs["disputes"] = factories.dispute(fill).ref
    return refs.get(path.split("/")[2], "")


@pytest.mark.parametrize(("path", "method"), CALLS, ids=lambda part: part.strip("/"))
@pytest.mark.usefixtures("db")
def test_every_call_answers_as_described(path: str, method: str, settings: Any) -> None:
    settings.API_RATE_TOKEN = settings.API_RATE_CALLER = settings.API_RATE_ADDRESS = 1_000_000
    desk = premises()
    request, market, theirs = desk.request, desk.market, desk.newcomer.counterparty
    assert theirs is not None
    call = described()[path][method.upper()]
    credentials = {role: credential_of(role, desk) for role in ROLES}
    real = real_of(path, desk)
    places = ("", real) if "{ref}" in path else ("",)
    seen: Counter[tuple[str, str, int]] = Counter()
    asked: Counter[tuple[str, str]] = Counter()

    @how(
        max_examples=tiers.examples(3, 40),
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=call.as_strategy())
    def every_role_sends(case: Any) -> None:
        for (role, credential), ref in product(credentials.items(), places):
            if ref:
                case.path_parameters["ref"] = ref
            sent = str((case.path_parameters, case.query, case.headers, case.body))
            asked[role, sent] += 1
            refused, let_in = (sum(seen[role, ref, one] for one in some) for some in ((401, 403), (200, 201, 202)))
            if (refused >= ENOUGH and not let_in) or asked[role, sent] > ENOUGH:
                continue
            answer = case.call_and_validate(headers=PLAIN | credential, checks=PROMISES)
            seen[role, ref, answer.status_code] += 1
            told = answer.content.decode(errors="replace")  # files are no text
            if role in {"trader", "lp", "service", "stranger"}:
                assert theirs.name not in told
                assert request.ref not in told
            if role == "lp":
                assert market.client.name not in told
                assert market.northwind.name not in told

    every_role_sends()

    answers = {status for _role, _ref, status in seen}
    assert "token" in path or not answers <= {401, 403}, "nobody was let in, so nothing was tried"
    assert not ApprovalDecision.objects.filter(request=request).exists()
