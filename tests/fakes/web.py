"""An HTTP server on loopback that answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

type Page = bytes | Callable[[BaseHTTPRequestHandler], None]


@dataclass
class FakeWeb:
    """Pages by path, without the query; what else is asked for is not found. `asked` lists the paths."""

    url: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def says(self, path: str, document: Any) -> None:
        """Answer with a JSON document; with a text, just that."""
        self.pages[path] = (document if isinstance(document, str) else json.dumps(document)).encode()


@contextmanager
def serving() -> Iterator[FakeWeb]:
    """A server for the block."""
    web = FakeWeb()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            web.asked.append(self.path)
            page = web.pages.get(path)
            if callable(page):
                page(self)
                return
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(page or b"{}")

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
