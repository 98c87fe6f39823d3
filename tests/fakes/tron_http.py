"""Nodes of a TRON network over HTTP, as java-tron answers, that lose answers and tell other things as they are told."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from Crypto.Hash import keccak

from tests.fakes.tron import BYTE_PRICE, ENERGY_PRICE, GENESIS, SOLID_AFTER, Block, Network, Sent

SOLID = "walletsolidity"


class TronNode:
    """
    One node.

    `answers` are given instead of its own, by path. The next `loses[path]` answers are lost: it did what it was asked,
    the caller hears nothing. It has not the last `lag` blocks, and knows nothing of the transactions that it `forgets`;
    without `keeps_history` of none, as a node that was started from a snapshot. `wants` is the header that it demands,
    with its value.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.answers: dict[str, dict[str, Any]] = {}
        self.loses: dict[str, int] = {}
        self.lag, self.keeps_history = 0, True
        self.forgets: set[str] = set()
        self.wants: tuple[str, str] | None = None
        self.heard: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                """Be silent."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                path = self.path.strip("/")
                if node.wants and self.headers.get(node.wants[0]) != node.wants[1]:
                    self.send_error(401)
                    return
                with node.network.lock:
                    node.heard.append(path)
                    told = node.answer(path, body)
                if node.loses.get(path, 0) > 0:
                    node.loses[path] -= 1
                    self.close_connection = True
                    return
                content = json.dumps(node.answers.get(path, told)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        """What java-tron would say."""
        place, _, name = path.partition("/")
        newest = self.network.head - self.lag - (SOLID_AFTER - 1 if place == SOLID else 0)
        answers: dict[str, Callable[[], Any]] = {
            "getblock": lambda: self._block(int(body.get("id_or_num", newest)), newest, whole=body["detail"]),
            "gettransactionbyid": lambda: self._transaction(body["value"], newest),
            "gettransactioninfobyid": lambda: self._info(body["value"], newest),
            "gettransactioninfobyblocknum": lambda: self._infos(int(body["num"]), newest),
            "broadcasthex": lambda: self._broadcast(bytes.fromhex(body["transaction"])),
            "triggerconstantcontract": lambda: self._look(body),
            "getcontractinfo": lambda: self._contract(body["value"]),
            "getaccount": lambda: self._account(body["address"]),
            "getaccountresource": lambda: dict(self.network.resources[body["address"]]),
            "getchainparameters": _parameters,
        }
        return answers[name]() if name in answers else {"Error": f"unsupported {path}"}

    def _block(self, number: int, newest: int, *, whole: bool) -> dict[str, Any]:
        if number == 0:
            return {"blockID": GENESIS, "block_header": {"raw_data": {}}}
        block = self.network.block(number)
        if block is None or number > newest:
            return {}
        told: dict[str, Any] = {
            "blockID": block.block_id,
            "block_header": {"raw_data": {"number": block.number, "timestamp": block.timestamp}},
        }
        if whole:
            told["transactions"] = [{"txID": one} for one in (block.stranger, *block.transactions)]
        return told

    def _sent(self, transaction: str, newest: int) -> Sent | None:
        info = self.network.infos.get(transaction)
        if info is None or info["blockNumber"] > newest or not self._knows(transaction):
            return None
        return self.network.sent[transaction]

    def _knows(self, transaction: str) -> bool:
        return self.keeps_history and transaction not in self.forgets

    def _transaction(self, transaction: str, newest: int) -> dict[str, Any]:
        sent = self._sent(transaction, newest)
        return _transaction(sent) if sent else {}

    def _contract(self, address: str) -> dict[str, Any]:
        code = self.network.evm.call("eth_getCode", "0x" + address[2:], "latest")
        return {"runtimecode": code[2:]} if code != "0x" else {}

    def _account(self, address: str) -> dict[str, Any]:
        coins = self.network.coins.get(address)
        return {} if coins is None else {"address": address, "balance": coins}

    def _info(self, transaction: str, newest: int) -> dict[str, Any]:
        if not self._knows(transaction):
            return {}
        if stranger := self._stranger(transaction, newest):
            return {"id": transaction, "blockNumber": stranger.number, "receipt": {"net_usage": 267}}
        return self.network.infos[transaction] if self._sent(transaction, newest) else {}

    def _infos(self, number: int, newest: int) -> list[dict[str, Any]]:
        block = self.network.block(number)
        if block is None or number > newest:
            return []
        return [info for one in (block.stranger, *block.transactions) if (info := self._info(one, newest))]

    def _stranger(self, transaction: str, newest: int) -> Block | None:
        blocks = (block for block in self.network.blocks if block.number <= newest)
        return next((block for block in blocks if block.stranger == transaction), None)

    def _broadcast(self, raw: bytes) -> dict[str, Any]:
        code = self.network.take(raw)
        return {"result": not code, "code": code or "SUCCESS", "message": "no, because" if code else ""}

    def _look(self, body: dict[str, Any]) -> dict[str, Any]:
        selector = keccak.new(digest_bits=256, data=body["function_selector"].encode()).hexdigest()[:8]
        found = self.network.look(body["owner_address"], body["contract_address"], selector + body["parameter"])
        if found is None:
            said = b"REVERT opcode executed".hex()
            told = {"result": {"result": True, "message": said}, "constant_result": [""]}
            return {**told, "transaction": {"ret": [{"ret": "FAILED"}]}}
        answer, energy = found
        told = {"result": {"result": True}, "constant_result": [answer]}
        return {**told, "energy_used": energy, "transaction": {"ret": [{}]}}


def _parameters() -> dict[str, Any]:
    prices = {"getEnergyFee": ENERGY_PRICE, "getTransactionFee": BYTE_PRICE}
    return {"chainParameter": [{"key": key, "value": value} for key, value in prices.items()]}


def _transaction(sent: Sent) -> dict[str, Any]:
    """As `gettransactionbyid` has it."""
    value = {"owner_address": sent.owner, "contract_address": sent.contract, "data": sent.data}
    url = "type.googleapis.com/protocol.TriggerSmartContract"
    contract = {"type": "TriggerSmartContract", "parameter": {"value": value, "type_url": url}}
    raw_data = {
        "contract": [contract],
        "ref_block_bytes": sent.ref_block,
        "ref_block_hash": sent.ref_hash,
        "expiration": sent.expiration,
        "timestamp": sent.timestamp,
        "fee_limit": sent.fee_limit,
    }
    return {"txID": sent.transaction, "raw_data": raw_data}
