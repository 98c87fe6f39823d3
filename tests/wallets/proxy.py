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
    Passes calls on to a node.

    `answers` are given instead of the node's, by method. The next `loses[method]` answers are lost: the node got the
    call, the caller hears nothing.
    """

    def __init__(self, node: str) -> None:
        self.answers: dict[str, Any] = {}
        self.loses: dict[str, int] = {}
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
                method = json.loads(body)["method"]
                if proxy.loses.get(method, 0) > 0:
                    proxy.loses[method] -= 1
                    self.close_connection = True
                    return
                if method in proxy.answers:
                    told = json.dumps({"jsonrpc": "2.0", "id": 1, "result": proxy.answers[method]}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()
