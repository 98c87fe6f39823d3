"""The interface does what its description says, whatever is sent, whoever sends it: no crash, no unknown answer."""

from itertools import product
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from schemathesis import checks

from tests import factories, jobs
from tests.api.conftest import Desk
from tests.factories import Market
from tests.users.keys import collected
from trading.api import api
from trading.lib import clock
from trading.wsgi import application
from users import operations
from users.models import ApprovalDecision, ApprovalRequest

PROMISES = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
PLAIN = {"Accept-Encoding": "identity"}  # the in-process transport unpacks nothing
ROLES = ("trader", "lp", "ops", "approver", "admin", "auditor", "service", "stranger")
CALLS = [(path, method) for path, methods in api.get_openapi_schema()["paths"].items() for method in methods]


def credential_of(role: str, desk: Desk, market: Market) -> dict[str, str]:
    """What somebody of this role sends along."""
    if role == "stranger":
        return {}
    if role == "service":
        _key, bearer = collected(factories.user("service"), scopes=["audit.anchor"])
    else:
        known = {"ops": desk.olga.user, "approver": desk.amir.user, "trader": market.tara, "lp": market.leo}
        user = known.get(role) or factories.user(role)
        bearer = operations.issue_tokens(user=user, address=None, now=clock.now()).access
    return {"Authorization": f"Bearer {bearer}"}


def real_of(path: str, desk: Desk, request: ApprovalRequest, market: Market) -> str:
    """The ref of something real that the call is about; what the market has comes with a trade and live quotes."""
    if "approvals" in path:
        return request.ref
    if "users" in path:
        return desk.subject.ref
    fill, rfq = factories.fill(market), factories.rfq(market)
    quote = factories.quote(rfq, market.leo, ttl_seconds=60)
    factories.quote(rfq, market.mina, "0.93")
    jobs.run_all(queues=["messages"])
    refs = {"rfqs": rfq.ref, "quotes": quote.ref, "fills": fill.ref, "settlements": fill.settlement.ref}
    refs["disputes"] = factories.dispute(fill).ref
    return refs.get(path.split("/")[2], "")


@pytest.mark.parametrize(("path", "method"), CALLS, ids=lambda part: part.strip("/"))
def test_every_call_answers_as_described(path: str, method: str, desk: Desk, settings: Any) -> None:
    settings.API_RATE_TOKEN = settings.API_RATE_CALLER = settings.API_RATE_ADDRESS = 1_000_000
    request, theirs, market = desk.proposed(), desk.subject.counterparty, factories.market()
    assert theirs is not None
    description = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    call = description[path][method.upper()]
    credentials = {role: credential_of(role, desk, market) for role in ROLES}
    real = real_of(path, desk, request, market)
    seen = set()

    @how(
        max_examples=10,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=call.as_strategy())
    def every_role_sends(case: Any) -> None:
        for (role, credential), ref in product(credentials.items(), ("", real) if "{ref}" in path else ("",)):
            if ref:
                case.path_parameters["ref"] = ref
            answer = case.call_and_validate(headers=PLAIN | credential, checks=PROMISES)
            seen.add(answer.status_code)
            if role in {"trader", "lp", "service", "stranger"}:
                assert theirs.name not in answer.text
                assert request.ref not in answer.text
            if role == "lp":
                assert market.client.name not in answer.text
                assert market.northwind.name not in answer.text

    every_role_sends()

    assert "token" in path or not seen <= {401, 403}, "nobody was let in, so nothing was tried"
    assert not ApprovalDecision.objects.filter(request=request).exists()
