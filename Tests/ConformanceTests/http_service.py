"""A server of HTTP that a test answers for, where a system takes too long to start or cannot be had."""

from __future__ import annotations

import http.server
import threading
import urllib.parse


class Service(http.server.ThreadingHTTPServer):
    """A server whose answers `answer(method, path, query, body, headers)` gives: status, body,
    headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[str] = []
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class Query(dict):
    """Names and values; `all(name)` are those of a name that is repeated."""

    def __init__(self, text: str) -> None:
        self.pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
        super().__init__(self.pairs)

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.pairs if each == name]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def exchange(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urllib.parse.urlsplit(self.path)
        self.server.calls.append(self.path)
        status, answer, headers = self.server.answer(
            self.command, urllib.parse.unquote(url.path), Query(url.query), body, self.headers)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = exchange

    def log_message(self, *_) -> None:
        pass
