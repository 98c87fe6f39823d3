"""A proxy before a node that loses answers and tells other things than the node, as it is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx


class Server(ThreadingHTTPServer):
    """Whose callers may be killed while they wait for an answer."""

    def handle_error(self, *_args: object) -> None:
        """Nobody has to hear of it."""


class Proxy:
    """
    Passes calls on to a node, one at a time or several in one request.

    `answers` are given instead of the node's, by method. The next `loses[method]` answers are lost: the node got the
    call, the caller hears nothing. `requests` counts what came, whatever was in it.
    """

    def __init__(self, node: str) -> None:
        self.answers: dict[str, Any] = {}
        self.loses: dict[str, int] = {}
        self.requests, self.takes_batches = 0, True
        proxy, client = self, httpx.Client(timeout=10)
        self._client = client

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                """Be silent."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    told = client.post(node, content=body, headers={"content-type": "application/json"}).content
                except httpx.HTTPError:  # the node is not there, and so nothing is answered
                    self.close_connection = True
                    return
                asked = json.loads(body)
                proxy.requests += 1
                if isinstance(asked, list) and not proxy.takes_batches:
                    told = json.dumps(
                        {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}
                    ).encode()
                methods = [one["method"] for one in asked] if isinstance(asked, list) else [asked["method"]]
                if lost := [method for method in methods if proxy.loses.get(method, 0) > 0]:
                    proxy.loses[lost[0]] -= 1
                    self.close_connection = True
                    return
                if proxy.answers.keys() & set(methods):
                    told = proxy.instead(asked, json.loads(told))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def instead(self, asked: Any, told: Any) -> bytes:
        """The node's answer, or its several ones, with what is told instead in its place."""
        pairs = zip(asked, told, strict=True) if isinstance(asked, list) else [(asked, told)]
        found = [self._answer(one, answer) for one, answer in pairs]
        return json.dumps(found if isinstance(asked, list) else found[0]).encode()

    def _answer(self, asked: Any, told: Any) -> Any:
        if asked["method"] not in self.answers:
            return told
        return {"jsonrpc": "2.0", "id": asked["id"], "result": self.answers[asked["method"]]}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()
