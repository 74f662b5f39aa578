"""Plain HTTP against the server, for what a client library would hide."""

from __future__ import annotations

import dataclasses
import http.client
import json
import urllib.parse
from typing import Any


@dataclasses.dataclass
class Reply:
    """One response: status, lower-cased headers and the raw body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """The `result` of a success envelope; a failure shows the whole reply."""
        assert self.status == 200, f"{self.status} {self.text}"
        envelope = self.json
        assert envelope["status"] == "ok" and isinstance(envelope["time"], (int, float)), self.text
        return envelope["result"]

    @property
    def error(self) -> str:
        """The message of an error envelope."""
        envelope = self.json
        assert isinstance(envelope["time"], (int, float)), self.text
        return envelope["status"]["error"]


class Rest:
    """Requests to one server, each on a connection of its own."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.url = url
        self.headers = headers or {}

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Sends `body` as JSON, or `raw` as it is."""
        parts = urllib.parse.urlsplit(self.url)
        sent = {**self.headers, **(headers or {})}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()
