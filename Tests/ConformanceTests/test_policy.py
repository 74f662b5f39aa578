"""An external decision point: Rego rules behind Open Policy Agent's data API.

The rules are evaluated by regopy; the HTTP front in this file is OPA's `POST /v1/data/<path>`.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading

import grpc
import pytest
import regopy
from qdrant_client import models

import apus_server
from conftest import connect
from failures import fails
from identities import until
from rest import Rest

RULES = """
package apus.authz

default decision = {"allow": false}

decision = {"allow": true} {
    input.subject == "api-key"
}

decision = {"allow": true, "payload": {"tenant": "a"}} {
    input.subject == "read-only-api-key"
    input.action == "read"
    input.collection == "docs"
}
"""


class PolicyPoint:
    """Answers as OPA does; `broken` and `slow` make it fail in the ways that services do."""

    def __init__(self) -> None:
        self.questions: list[dict] = []
        self.broken = False
        self.slow = threading.Event()
        self.slow.set()
        point = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                point.slow.wait(60)
                status, answer = point.answer(self.path, body["input"])
                data = json.dumps(answer).encode()
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def answer(self, path: str, question: dict) -> tuple[int, dict]:
        self.questions.append(question)
        if self.broken:
            return 500, {}
        interpreter = regopy.Interpreter()
        interpreter.add_module("apus", RULES)
        interpreter.set_input(question)
        name = "data." + path.removeprefix("/v1/data/").replace("/", ".")
        output = str(interpreter.query(f"x = {name}"))
        if output == "undefined":
            return 200, {}
        return 200, {"result": json.loads(output)["bindings"]["x"]}

    def close(self) -> None:
        self.slow.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def point():
    running = PolicyPoint()
    yield running
    running.close()


def served(point: PolicyPoint, *settings: str):
    pairs = (f"auth.opa.url={point.url}", "auth.opa.document=apus/authz/decision", *settings)
    return apus_server.temporary_server(
        arguments=tuple(part for pair in pairs for part in ("--set", pair)),
        environment={"APUS_API_KEY": "owner", "APUS_AUTH_READ_ONLY_API_KEY": "reader"})


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_rules_allow_refuse_and_restrict(point):
    with served(point) as running:
        owner = connect(running, "rest", api_key="owner", https=False)
        for name in ("docs", "other"):
            owner.create_collection(
                name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
        owner.upsert("docs", [models.PointStruct(
            id=i, vector=[i, 1], payload={"tenant": "a" if i < 3 else "b"})
            for i in range(6)], wait=True)
        assert owner.count("docs").count == 6
        owner.close()
        for protocol in ("rest", "grpc"):
            reader = connect(running, protocol, api_key="reader", https=False)
            assert reader.count("docs").count == 3
            with fails(protocol, 403):
                reader.count("other")
            with fails(protocol, 403):
                reader.list_snapshots("docs")
            reader.close()
        first = point.questions[0]
        assert first["subject"] == "api-key" and first["action"] == "manage"
        assert first["collection"] == "docs" and first["door"] == "rest"
        assert "owner" not in json.dumps(point.questions)


def test_decisions_are_remembered_for_a_while(point):
    with served(point, "auth.opa.cache=3600s") as running:
        rest = Rest(running.url, {"api-key": "owner"})
        for _ in range(5):
            assert rest("GET", "/collections/none").status == 404
        assert len(point.questions) == 1


def test_without_a_decision_everything_is_refused(point):
    with served(point, "auth.opa.cache=0s", "auth.opa.timeout=200ms") as running:
        rest = Rest(running.url, {"api-key": "owner"})
        assert rest("GET", "/collections/none").status == 404
        point.broken = True
        assert rest("GET", "/collections/none").status == 403
        point.broken = False
        assert rest("GET", "/collections/none").status == 404
        point.slow.clear()
        assert rest("GET", "/collections/none").status == 403
        point.slow.set()
        until(lambda: rest("GET", "/collections/none").status == 404)
        assert rest("GET", "/readyz").status == 200


def test_an_undefined_document_refuses(point):
    with served(point, "auth.opa.document=apus/none") as running:
        assert Rest(running.url, {"api-key": "owner"})("GET", "/collections/x").status == 403


def test_nobody_there_refuses():
    with apus_server.temporary_server(
        arguments=("--set", "auth.opa.url=http://127.0.0.1:1")
    ) as running:
        assert Rest(running.url)("GET", "/collections/x").status == 403
        with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
            from qdrant_client.grpc import CollectionsStub, GetCollectionInfoRequest
            with pytest.raises(grpc.RpcError) as caught:
                CollectionsStub(channel).Get(
                    GetCollectionInfoRequest(collection_name="x"), timeout=30)
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
