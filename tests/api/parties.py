"""Programs of clients and LPs with API keys; each refusal must be one that the call describes."""

import json
import re
import time
from functools import cache
from typing import Any

from django.test import Client

from tests import factories
from tests.concurrency.threads import PATIENCE
from tests.factories import Market
from tests.probes import sql
from tests.remembered import remembered
from tests.users.keys import collected
from trading.api import api
from users.models import User

TRADER_SCOPES = ["rfq.request", "rfq.accept", "settlement.own"]
LP_SCOPES = ["rfq.quote", "settlement.own"]
NOTHING_HELD_UP = """
    select coalesce(max(transaction), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint from rfq_partyevent
"""
EVERYWHERE = {"not_found"}  # an address no call has


@cache
def described() -> dict[str, Any]:
    return json.loads(json.dumps(api.get_openapi_schema()["paths"]))  # type: ignore[no-any-return]


def call_of(method: str, path: str) -> dict[str, Any]:
    """What the description says about the call at this address."""
    for pattern, methods in described().items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", pattern), f"/api/{path}") and method in methods:
            return methods[method]  # type: ignore[no-any-return]
    raise AssertionError(f"{method} {path} is not described")


class Program:
    """Somebody's program with an API key; with a new one of these scopes unless it is given one."""

    def __init__(self, user: User, scopes: list[str], *, text: str = "") -> None:
        self.user = user
        self.text = text or collected(user, scopes=scopes)[1]
        self.client = Client(enforce_csrf_checks=True)

    def get(self, path: str, **query: Any) -> Any:
        return self._send("get", path, self.client.get(f"/api/{path}", query, headers=self._headers()))

    def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:
        headers = self._headers() | ({"Idempotency-Key": key} if key else {})
        answer = self.client.post(f"/api/{path}", body, content_type="application/json", headers=headers)
        return self._send("post", path, answer)

    def delete(self, path: str) -> Any:
        return self._send("delete", path, self.client.delete(f"/api/{path}", headers=self._headers()))

    def ask(self, *, key: str | None = None, **changes: object) -> Any:
        body = {"pair": "USDT/EUR", "side": "buy", "amount": "10000.00", "unit": "EUR", "destination": "balance"}
        own = {"client_rfq_id": factories.unique("own")}
        return self.post("rfqs", body | own | changes, key=key or factories.unique("request-key"))

    def quote(self, ref: str, price: str = "0.9200", *, key: str | None = None, **more: object) -> Any:
        return self.post(f"rfqs/{ref}/quotes", {"price": price} | more, key=key or factories.unique("quote-key"))

    def accept(self, quote: str, *, key: str | None = None) -> Any:
        return self.post(f"quotes/{quote}/acceptance", key=key or factories.unique("accept-key"))

    def events(self, after: str | None = None, **more: Any) -> Any:
        """Read the feed, once nobody on the whole server, another test's database included, can still hold it up."""
        limit = time.monotonic() + PATIENCE
        while not sql(NOTHING_HELD_UP):
            assert time.monotonic() < limit, "some transaction does not end"
            time.sleep(0.01)
        return self.get("events", **({"after": after} if after else {}) | more)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}"}

    def _send(self, method: str, path: str, answer: Any) -> Any:
        described_answers = call_of(method, path)["responses"]
        status = str(answer.status_code)
        assert status in described_answers, (status, answer.content)
        if answer.status_code >= 400:
            assert f"`{answer.json()['code']}`" in described_answers[status]["description"], answer.content
        return answer


@remembered
def with_keys(eur: str) -> tuple[Market, list[str]]:
    """A market; the keys of tara's, leo's and mina's programs."""
    market = factories.market(eur=eur)
    programs = ((market.tara, TRADER_SCOPES), (market.leo, LP_SCOPES), (market.mina, LP_SCOPES))
    return market, [collected(user, scopes=scopes)[1] for user, scopes in programs]


class Room:
    """A market with everybody's programs in it."""

    def __init__(self, *, eur: str = "1000000") -> None:
        self.market, (tara, leo, mina) = with_keys(eur)
        self.tara = Program(self.market.tara, TRADER_SCOPES, text=tara)
        self.leo = Program(self.market.leo, LP_SCOPES, text=leo)
        self.mina = Program(self.market.mina, LP_SCOPES, text=mina)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
