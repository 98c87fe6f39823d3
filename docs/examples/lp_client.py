"""
A small liquidity provider: quotes every request around a mid of its own, follows the desk's events, survives restarts.

    export DESK_URL=https://desk.example DESK_KEY=desk_live_...
    echo '{"USDT/EUR": "0.9200"}' > mids.json
    python lp_client.py --mids mids.json --spread-bps 20 --state state.json

The mids are read again every second, so changing the file replaces the live quotes. What was read of the events is
kept in the state file: after a restart it goes on from there, and hears of the fills it missed. Needs httpx.
"""

import argparse
import json
import os
import signal
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import httpx

TTL, PROMISE, BEAT_EVERY = 30, 15, 5.0  # seconds: a quote's life, a heartbeat's promise, and how often it is renewed
RENEW_BEFORE, TRIES = timedelta(seconds=10), 5


class Desk:
    """The calls. What got no answer, or came too often or at a bad moment, is sent again with the same key."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=5)

    def call(self, method: str, path: str, **parts: Any) -> tuple[int, Any]:
        for wait in range(1, TRIES + 1):
            try:
                answer = self.http.request(method, f"/api/{path}", **parts)
            except httpx.TransportError as error:
                print(f"no answer ({error}); again in {wait} s")
                time.sleep(wait)
                continue
            if answer.status_code in {429, 502, 503, 504} and "no_reference" not in answer.text:
                time.sleep(float(answer.headers.get("Retry-After", wait)))
                continue
            if answer.status_code in {401, 403}:  # nothing that trying again would mend
                sys.exit(f"refused: {answer.text}")
            return answer.status_code, answer.json()
        raise ConnectionError("the desk does not answer")

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query)[1]


class Maker:
    """What is live, and a quote on each of it."""

    def __init__(self, desk: Desk, options: argparse.Namespace) -> None:
        self.desk, self.options = desk, options
        self.ticks = {pair["code"]: Decimal(pair["tick"]) for pair in desk.get("pairs")["items"]}
        self.live: dict[str, dict[str, Any]] = {}
        self.cursor: str | None = json.loads(options.state.read_text()) if options.state.exists() else None
        self.beat_at = 0.0

    def begin(self) -> None:
        """First the events, then the list: what comes after the list comes as an event."""
        self.follow()
        page: dict[str, Any] = {"next": None}
        while page["next"] is not None or "items" not in page:
            page = self.desk.get("rfqs", limit=100, **({"before": page["next"]} if page["next"] else {}))
            self.live.update({rfq["ref"]: rfq for rfq in page["items"]})

    def step(self) -> None:
        if time.monotonic() >= self.beat_at:
            self.desk.call("POST", "heartbeat", json={"ttl_seconds": PROMISE})
            self.beat_at = time.monotonic() + BEAT_EVERY
        self.follow()
        mids = json.loads(self.options.mids.read_text())
        for rfq in list(self.live.values()):
            if rfq["pair"] in mids:
                self.quote(rfq, self.price(rfq, Decimal(mids[rfq["pair"]])))

    def follow(self) -> None:
        more = True
        while more:
            page = self.desk.get("events", limit=500, **({"after": self.cursor} if self.cursor else {}))
            if page.get("code") == "unknown_cursor":  # older than what the desk keeps: begin anew
                self.cursor = None
                continue
            for event in page["items"]:
                self.hear(event["kind"], event["data"])
            more, self.cursor = page["more"], page["next"]
        (fresh := self.options.state.with_suffix(".new")).write_text(json.dumps(self.cursor))
        fresh.replace(self.options.state)  # whole or not at all, whenever the power goes

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "rfq.asked":
            self.live[data["rfq"]] = data | {"quote": None}
        elif kind == "rfq.closed":
            self.live.pop(data["rfq"], None)
            print(f"{data['rfq']} is over: {data['outcome'] or data['status'] or 'not quoted'}")
        elif kind in {"quote.expired", "quote.pulled"}:
            for rfq in self.live.values():
                rfq["quote"] = None if (rfq["quote"] or {}).get("quote") == data["quote"] else rfq["quote"]
        elif kind == "fill.booked":
            print(f"{data['ref']}: {data['lp_side']} {data['base_amount']} USDT at {data['price']}")

    def price(self, rfq: dict[str, Any], mid: Decimal) -> str:
        """Half the spread away from the mid, on a tick, never better than that."""
        sells, half = rfq["lp_side"] == "sell", self.options.spread_bps / 20_000
        tick = self.ticks[rfq["pair"]]
        exact = mid * (1 + half if sells else 1 - half)
        return f"{exact.quantize(tick, ROUND_CEILING if sells else ROUND_FLOOR)}"

    def quote(self, rfq: dict[str, Any], price: str) -> None:
        own, renew_at = rfq["quote"], datetime.now(UTC) + RENEW_BEFORE  # noqa: TID251 - a program of its own
        is_fresh = own and own["status"] == "active" and datetime.fromisoformat(own["valid_until"]) > renew_at
        if (is_fresh and own["price"] == price) or datetime.fromisoformat(rfq["expires_at"]) < renew_at:
            return
        parts = {"json": {"price": price, "ttl_seconds": TTL}, "headers": {"Idempotency-Key": uuid.uuid4().hex}}
        status, made = self.desk.call("POST", f"rfqs/{rfq['ref']}/quotes", **parts)
        if status == httpx.codes.CREATED:
            rfq["quote"] = made
            print(f"{rfq['ref']}: quoted {price}")
        elif made["code"] in {"rfq_over", "rfq_expired", "no_such_rfq"}:
            self.live.pop(rfq["ref"])
        else:
            print(f"{rfq['ref']}: {made['message']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mids", type=Path, required=True)
    parser.add_argument("--spread-bps", type=Decimal, default=Decimal(20))
    parser.add_argument("--state", type=Path, default=Path("state.json"))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a log is read while it is written
    maker = Maker(Desk(os.environ["DESK_URL"], os.environ["DESK_KEY"]), parser.parse_args())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        maker.begin()
        while True:
            maker.step()
            time.sleep(1)
    except KeyboardInterrupt:
        maker.desk.call("DELETE", "heartbeat")  # in good order: the live quotes go at once


if __name__ == "__main__":
    main()
