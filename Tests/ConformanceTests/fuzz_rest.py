"""Requests without end against the REST door, made up by schemathesis from our own description.

    python Tests/ConformanceTests/fuzz_rest.py --seconds 600 --seed 7

Each one that it makes, good or bad, is sent as it is and in broken forms: cut off, with bytes changed,
doubled, nested. An answer must have a status of `docs/protocol.md`, never 500, be as the description
says, and the server must be there afterwards.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import http.client
import json
import random
import sys
import time
import urllib.parse
import warnings

import hypothesis
import requests
import schemathesis
from schemathesis import GenerationMode

import apus_server
from rest import Rest

#: Every status that the REST door answers with, but 500 and 503.
STATUSES = {200, 202, 400, 401, 403, 404, 405, 408, 409, 410, 422, 429, 501, 507}
COLLECTION = "fuzz"
#: One component each, so that many vectors that are made up fit.
BODY = {
    "vectors": {"a": {"size": 1, "distance": "Dot"}, "": {"size": 1, "distance": "Cosine"},
                "m": {"size": 1, "distance": "Euclid", "multivector_config": {
                    "comparator": "max_sim"}}},
    "sparse_vectors": {"s": {"modifier": "idf"}},
}


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """A text as it is, anything else as a line of JSON."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else (
        json.dumps(value).encode() + b"\n")


@dataclasses.dataclass
class Figures:
    """What became of the requests."""

    requests: int = 0
    statuses: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)
    operations: collections.Counter = dataclasses.field(default_factory=collections.Counter)


class Fuzzer:
    def __init__(self, server: apus_server.ApusServer, seed: int) -> None:
        self.server = server
        self.rest = Rest(server.url)
        self.random = random.Random(seed)
        self.figures = Figures()
        document = self.rest("GET", "/openapi.json").json
        self.operations = [
            result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
        self.connection: http.client.HTTPConnection | None = None

    def run(self, is_done) -> Figures:
        """Until `is_done` says so of the figures, or too much has failed."""
        while not is_done(self.figures) and not len(self.figures.failures) > 20:
            self.random.shuffle(self.operations)
            for operation in self.operations:
                if is_done(self.figures):
                    break
                self.restore()
                self.try_out(operation, is_done)
        return self.figures

    def restore(self) -> None:
        """The collection with some points, whatever was done to it."""
        if self.rest("GET", f"/collections/{COLLECTION}/exists").result["exists"]:
            return
        assert self.rest("PUT", f"/collections/{COLLECTION}", BODY).status == 200
        points = [
            {"id": n, "vector": {"a": [n], "": [1.0], "m": [[n], [1]],
                                 "s": {"indices": [n, 7], "values": [1, 2]}},
             "payload": {"n": n, "t": f"word{n % 3}", "b": n % 2 == 0,
                         "g": {"lon": n, "lat": 1}, "l": [n, n + 1]}}
            for n in range(1, 30)]
        self.rest("PUT", f"/collections/{COLLECTION}/points?wait=true", {"points": points})
        for field, kind in (("n", "integer"), ("t", "keyword"), ("g", "geo")):
            self.rest("PUT", f"/collections/{COLLECTION}/index?wait=true", {
                "field_name": field, "field_schema": kind})

    def try_out(self, operation, is_done) -> None:
        mode = self.random.choice([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Exception:
            strategy = operation.as_strategy()

        @hypothesis.seed(self.random.randrange(1 << 32))
        @hypothesis.settings(
            max_examples=20, database=None, deadline=None, phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(strategy)
        def each(case) -> None:
            if not is_done(self.figures):
                self.send(case)

        try:
            each()
        except hypothesis.errors.Unsatisfiable:
            pass

    def send(self, case) -> None:
        if "collection" in (case.path_parameters or {}) and self.random.random() < 0.9:
            case.path_parameters["collection"] = COLLECTION
        # Most versions that it makes up never come.
        if case.operation.path.endswith("/version"):
            case.query = {**(case.query or {}), "wait_seconds": 0}
        if "apus-version-at-least" in (case.headers or {}):
            case.headers["apus-wait-seconds"] = "0"
        if case.operation.path.endswith("/changes"):
            # Nor does the end of a stream that is followed.
            case.query = {**(case.query or {}), "follow": "false"}
        arguments = case.as_transport_kwargs(base_url=self.server.url)
        try:
            prepared = requests.Request(
                arguments["method"], arguments["url"], headers=arguments.get("headers"),
                params=arguments.get("params"), data=arguments.get("data"),
                json=arguments.get("json"), files=arguments.get("files"),
            ).prepare()
        except (ValueError, requests.RequestException):
            return
        body = prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode()
        label = case.operation.label
        self.exchange(label, prepared, body, case)
        for broken in self.broken_forms(body):
            self.exchange(label, prepared, broken, None)

    def broken_forms(self, body: bytes):
        if not body:
            return
        choose = self.random
        where = choose.randrange(len(body))
        yield body[:where]
        changed = bytearray(body)
        for _ in range(choose.randint(1, 3)):
            changed[choose.randrange(len(changed))] = choose.randrange(256)
        yield bytes(changed)
        token = choose.choice([
            b"null", b"-1", b"1e309", b"18446744073709551616", b"[]", b"{}", b'""', b"true", b"0.5",
            b'"\\ud800"', b"\xff", b"[" * 2_000, b'{"a":' * 500])
        yield body[:where] + token + body[where:]
        # One value in the place of another: still JSON, and something else.
        try:
            values = json.loads(body)
        except ValueError:
            return
        yield json.dumps(self.disturbed(values)).encode()

    def disturbed(self, value, depth: int = 0):
        choose = self.random
        if choose.random() < 0.15 + 0.05 * depth:
            return choose.choice([
                None, True, -1, 0, 1.5, 2**63, 2**64, 1e308, "", "x", "\x00", [], {}, [value],
                {"key": "n", "match": {"value": 1}}, COLLECTION, "2020-01-01T00:00:00Z"])
        if isinstance(value, dict):
            return {key: self.disturbed(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list):
            return [self.disturbed(each, depth + 1) for each in value][:50]
        return value

    def exchange(self, label: str, prepared, body: bytes, case) -> None:
        figures = self.figures
        parts = urllib.parse.urlsplit(prepared.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {
            name: value for name, value in prepared.headers.items()
            if name.lower() not in ("content-length", "transfer-encoding")}
        try:
            status, answer, kind, raw = self.ask(prepared.method, target, headers, body)
        except (ValueError, UnicodeError):
            return
        except TimeoutError:
            self.fail("no answer", prepared, target, body)
            return
        except (OSError, http.client.HTTPException) as error:
            if self.server.alive:
                return
            figures.failures.append(f"the server died: {error}\n{self.told(prepared, target, body)}")
            raise
        figures.requests += 1
        figures.statuses[status] += 1
        figures.operations[label] += 1
        if status not in STATUSES:
            self.fail(f"status {status}: {answer[:300]!r}", prepared, target, body)
        elif status >= 400 and kind == "application/json":
            told = json.loads(answer)
            if not isinstance(told.get("status"), dict) or not told["status"].get("error"):
                self.fail(f"no error envelope: {answer[:300]!r}", prepared, target, body)
        elif case is not None and status == 200 and kind == "application/json":
            self.check(case, status, answer, raw, prepared, target, body)

    def check(self, case, status, answer, raw, prepared, target, body) -> None:
        """That the answer is as the description says."""
        wrapped = schemathesis.Response(
            status_code=status, headers={name.lower(): [value] for name, value in raw.items()},
            content=answer, request=prepared, elapsed=0, verify=False)
        try:
            case.operation.validate_response(wrapped)
        except Exception as error:
            self.fail(f"not as described: {str(error)[:800]}", prepared, target, body)

    def fail(self, what: str, prepared, target: str, body: bytes) -> None:
        self.figures.failures.append(f"{what}\n{self.told(prepared, target, body)}")

    @staticmethod
    def told(prepared, target: str, body: bytes) -> str:
        return f"{prepared.method} {target}\n{dict(prepared.headers)}\n{body[:2_000]!r}"

    def ask(self, method: str, target: str, headers: dict, body: bytes):
        for attempt in (0, 1):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.server.http_port, timeout=30)
            try:
                self.connection.request(method, target, body=body or None, headers=headers)
                response = self.connection.getresponse()
                answer = response.read()
                kind = (response.getheader("content-type") or "").split(";")[0]
                return response.status, answer, kind, dict(response.getheaders())
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if attempt:
                    raise
            except BaseException:
                self.connection.close()
                self.connection = None
                raise


def run(server: apus_server.ApusServer, *, is_done, seed: int) -> Figures:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Fuzzer(server, seed).run(is_done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    with apus_server.temporary_server() as server:
        end = time.monotonic() + options.seconds
        figures = run(server, is_done=lambda _: time.monotonic() > end, seed=seed)
    print(f"seed {seed}: {figures.requests} requests to {len(figures.operations)} operations")
    print("statuses:", dict(sorted(figures.statuses.items())))
    for failure in figures.failures:
        print(f"\n{failure}")
    sys.exit(bool(figures.failures))


if __name__ == "__main__":
    main()
