"""What the interface says about the market's calls: by examples that are true, with every code they refuse with."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import jsonschema_rs
import pytest

from rfq import operations
from rfq.models import Dispute
from settlement import operations as money
from settlement.api_waiting import CheckKind, CheckStatus
from settlement.models import PaymentCheck
from trading import api as whole
from trading.api import api
from trading.lib.errors import DeskError
from users.api_access import authenticate_any
from users.api_calls import ALWAYS

DESCRIPTION: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
TAGS = {"market", "quoting", "settlements", "money"}
CALLS = [
    pytest.param(method, path, call, id=f"{method} {path}")
    for path, methods in DESCRIPTION["paths"].items()
    for method, call in methods.items()
    if TAGS & set(call.get("tags", ()))
]


def conforms(content: dict[str, Any]) -> None:
    """The example is one of what the schema beside it describes."""
    media = content["application/json"]
    schema = {"components": DESCRIPTION["components"], **media["schema"]}
    jsonschema_rs.validator_for(schema).validate(media["example"])


def test_no_two_enumerations_share_a_name() -> None:
    """The description keeps one of each name, whichever came last: any other one is written out as literals."""
    named = {name: schema["enum"] for name, schema in DESCRIPTION["components"]["schemas"].items() if "enum" in schema}

    assert named == {kind.__name__: kind.values for kind in (Dispute.Status, Dispute.Kind, Dispute.Outcome)}
    assert get_args(CheckStatus) == tuple(PaymentCheck.Status.values)
    assert get_args(CheckKind) == tuple(PaymentCheck.Kind.values)


def test_there_are_calls() -> None:
    assert len(CALLS) >= 36


@pytest.mark.parametrize(("method", "path", "call"), CALLS)
def test_examples_are_what_is_answered_and_sent(method: str, path: str, call: dict[str, Any]) -> None:
    for answer in call["responses"].values():
        conforms(answer["content"])
    if "requestBody" in call:
        conforms(call["requestBody"]["content"])


@pytest.mark.parametrize(("method", "path", "call"), CALLS)
def test_every_call_names_what_all_refuse_with(method: str, path: str, call: dict[str, Any]) -> None:
    said = " ".join(answer["description"] for answer in call["responses"].values())

    for refusal in ALWAYS:
        assert f"`{refusal.code}`" in said
    assert "Retry-After" in call["responses"]["429"]["headers"]
    assert call["summary"]
    assert call["description"]


@pytest.mark.parametrize(("method", "path", "call"), CALLS)
def test_what_makes_something_new_takes_a_key(method: str, path: str, call: dict[str, Any]) -> None:
    named = {parameter["name"]: parameter["required"] for parameter in call.get("parameters", [])}

    assert ("201" in call["responses"]) == named.get("Idempotency-Key", False)


def test_the_calls_of_parties_take_keys_and_tokens() -> None:
    routers = [router for _prefix, router in api._routers if TAGS & set(router.tags or ())]
    operations = [
        operation for router in routers for view in router.path_operations.values() for operation in view.operations
    ]

    assert len(operations) == len(CALLS)
    assert all(operation.auth_callbacks == [authenticate_any] for operation in operations)


DOES: dict[tuple[str, str], Callable[..., object]] = {
    ("post", "/api/rfqs"): operations.create_rfq,
    ("post", "/api/rfqs/{ref}/cancellation"): operations.cancel_rfq,
    ("post", "/api/quotes/{ref}/acceptance"): operations.accept_quote,
    ("post", "/api/rfqs/{ref}/quotes"): operations.submit_quote,
    ("delete", "/api/rfqs/{ref}/quotes/live"): operations.pull_quote,
    ("post", "/api/quotes/{ref}/confirmation"): operations.confirm_quote,
    ("post", "/api/rfqs/{ref}/pass"): operations.pass_rfq,
    ("post", "/api/heartbeat"): operations.beat,
    ("delete", "/api/heartbeat"): operations.stop_beating,
    ("post", "/api/pause"): operations.pause_lp,
    ("delete", "/api/pause"): operations.end_own_pause,
    ("post", "/api/deposits"): money.announce_deposit,
    ("post", "/api/deposits/{ref}/cancellation"): money.cancel_deposit,
    ("post", "/api/withdrawals"): money.request_withdrawal,
    ("post", "/api/withdrawals/{ref}/cancellation"): money.cancel_withdrawal,
    ("post", "/api/addresses"): money.ask_address,
    ("post", "/api/addresses/{ref}/ending"): money.end_address,
    ("post", "/api/bank-accounts"): money.ask_bank_account,
    ("post", "/api/bank-accounts/{ref}/ending"): money.end_bank_account,
}


def codes() -> dict[str, set[str]]:
    """Every refusal of the desk by the name of its class."""
    assert whole.urlpatterns  # all of them are imported
    found: dict[str, set[str]] = {}
    kinds: list[type[DeskError]] = [DeskError]
    while kinds:
        kind = kinds.pop()
        found.setdefault(kind.__name__, set()).add(kind.code)
        kinds += kind.__subclasses__()
    return found


def raised_by(operation: Callable[..., object]) -> Iterator[str]:
    """The names its docstring gives."""
    yield from re.findall(r":raises (\w+):", operation.__doc__ or "")


@pytest.mark.parametrize(("method", "path"), DOES, ids=lambda part: part.strip("/"))
def test_a_call_names_what_its_operation_refuses_with(method: str, path: str) -> None:
    call, known = DESCRIPTION["paths"][path][method], codes()
    said = " ".join(answer["description"] for answer in call["responses"].values())

    missing = [name for name in raised_by(DOES[method, path]) if not any(f"`{code}`" in said for code in known[name])]

    assert missing == []
