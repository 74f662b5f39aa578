"""Embedders of other processes: OpenAI's protocol with everything that goes wrong, MLServer."""

from __future__ import annotations

import base64
import http.server
import json
import struct
import threading

import pytest

import apus_server
import components
from http_service import Service
from pipelines import Pipeline

TEXTS = {f"k{n}": f"text {n} " + "a" * n for n in range(40)}


def vector(text: str) -> list[float]:
    return [float(len(text)), float(text.count("a")), 1.0]


class Embeddings(http.server.ThreadingHTTPServer):
    """`/v1/embeddings`. `answer(number, texts)` may give a status and a body of its own."""

    def __init__(self) -> None:
        self.calls: list[dict] = []
        self.headers: list[dict] = []
        self.answer = lambda number, texts: None
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        number = len(self.server.calls)
        self.server.calls.append(request)
        self.server.headers.append(dict(self.headers))
        own = self.server.answer(number, request["input"])
        status, body, more = own if own else (200, self.usual(request), {})
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @staticmethod
    def usual(request: dict, rows=None) -> dict:
        rows = rows or [vector(text) for text in request["input"]]
        if request["encoding_format"] == "base64":
            rows = [base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() for row in rows]
        # In another order than that of the texts, which `index` tells.
        data = [{"object": "embedding", "index": n, "embedding": row}
                for n, row in enumerate(rows)][::-1]
        return {"object": "list", "data": data, "model": request["model"]}

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def embeddings():
    server = Embeddings()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def pipeline(folder, url: str, more: str = "", options: str = "retry: {first: 5ms}\n") -> Pipeline:
    with (folder / "docs.jsonl").open("w") as lines:
        for key, text in TEXTS.items():
            lines.write(json.dumps({"id": key, "text": text}) + "\n")
    return Pipeline(folder, (
        "source: {files: {path: docs.jsonl, key: id}}\n"
        f"embed: {{openai: {{url: '{url}', model: m, dimension: 3{more}}}}}\n"
        "collection: {name: c, data: data, metric: l2}\nbatch: {texts: 8}\n" + options))


def assert_vectors(work: Pipeline, without=()) -> None:
    found = {p.payload["_source"]["key"]: p.vector for p in work.points().values()}
    assert found == {key: vector(text) for key, text in TEXTS.items() if key not in without}


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_vectors_belong_to_their_texts(tmp_path, embeddings, encoding):
    work = pipeline(tmp_path, embeddings.url, f", encoding: {encoding}, key: 'env:EMBED_KEY'")
    work.environment["EMBED_KEY"] = "hidden"
    work.run()
    assert_vectors(work)
    assert all(len(call["input"]) <= 8 for call in embeddings.calls)
    assert {h["authorization"] for h in embeddings.headers} == {"Bearer hidden"}
    calls = len(embeddings.calls)
    work.run()
    assert len(embeddings.calls) == calls, "what is there is not embedded again"


def test_overload_and_failures_are_waited_for(tmp_path, embeddings):
    answers = {0: (429, {"error": "slow down"}, {"retry-after": "0.01"}),
               2: (500, b"oops", {}), 3: (503, b"", {}), 5: (200, b"no JSON", {})}
    embeddings.answer = lambda number, texts: answers.get(number)
    work = pipeline(tmp_path, embeddings.url)
    counters = work.run()["progress"]["counters"]
    assert counters["retries"] == 4 and counters["setAside"] == 0
    assert_vectors(work)


def test_a_text_that_is_refused_is_set_aside_alone(tmp_path, embeddings):
    bad = TEXTS["k17"]
    embeddings.answer = lambda number, texts: (
        (400, {"error": {"message": "too many tokens"}}, {}) if bad in texts else None)
    work = pipeline(tmp_path, embeddings.url)
    assert work.run()["progress"]["counters"]["setAside"] == 1
    [letter] = work.dead_letters
    assert letter["key"] == "k17" and "too many tokens" in letter["cause"]
    assert letter["stage"] == "embed"
    assert_vectors(work, without={"k17"})


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_a_vector_that_is_no_number_is_never_stored(tmp_path, embeddings, encoding):
    def answer(number, texts):
        rows = [vector(text) for text in texts]
        for n, text in enumerate(texts):
            if text == TEXTS["k3"]:
                rows[n][1] = float("nan") if encoding == "base64" else None
        return 200, Handler.usual(embeddings.calls[number], rows), {}

    embeddings.answer = answer
    work = pipeline(tmp_path, embeddings.url, f", encoding: {encoding}")
    work.run()
    [letter] = work.dead_letters
    assert letter["key"] == "k3" and "nan at position 1" in letter["cause"]
    assert_vectors(work, without={"k3"})


@pytest.mark.parametrize("rows, message", [
    (lambda texts: [vector(t)[:2] for t in texts], "gave a vector of 2 numbers, expected 3"),
    (lambda texts: [vector(t) for t in texts][1:], "vectors for"),
    (lambda texts: [vector(t) for t in texts] + [[1.0, 2.0, 3.0]], "vectors for"),
])
def test_a_wrong_shape_ends_the_run_and_loses_nothing(tmp_path, embeddings, rows, message):
    embeddings.answer = lambda number, texts: (
        200, Handler.usual(embeddings.calls[number], rows(texts)), {})
    work = pipeline(tmp_path, embeddings.url, options="retry: {first: 1ms, tries: 3}\n")
    assert message in work.run(succeeds=False)
    assert work.points() == {}
    embeddings.answer = lambda number, texts: None
    work.run()
    assert_vectors(work)


def test_revoked_keys_and_slow_answers_are_named(tmp_path, embeddings):
    embeddings.answer = lambda number, texts: (401, {"error": "invalid api key"}, {})
    work = pipeline(tmp_path, embeddings.url, ", timeout: 200ms",
                    options="retry: {first: 1ms, tries: 2}\n")
    assert "answered 401" in work.run(succeeds=False)
    assert len(embeddings.calls) <= 4, "no call is repeated"
    gate = threading.Event()
    embeddings.answer = lambda number, texts: gate.wait(30) and None
    message = work.run(succeeds=False)
    gate.set()
    assert "/v1/embeddings" in message and "eadline" in message
    embeddings.answer = lambda number, texts: None
    work.run()
    assert_vectors(work)


def test_an_embedder_that_is_away_is_named(tmp_path):
    url = f"http://127.0.0.1:{components.free_port()}/v1"
    work = pipeline(tmp_path, url, options="retry: {first: 1ms, tries: 2}\n")
    assert url in work.run(succeeds=False)


@pytest.mark.parametrize("shape, data", [
    ([2**62, 3], []), ([-1, 3], [1.0, 2.0]), ([], [1.0]), ([2], "x"), ([2.5], [1.0, 2.0])])
def test_a_tensor_that_contradicts_itself_is_named(tmp_path, shape, data):
    class Inference(Service):
        def answer(self, *_):
            tensor = {"name": "v", "datatype": "FP32", "shape": shape, "data": data}
            return 200, json.dumps({"outputs": [tensor]}).encode(), {}

    with Inference() as server:
        work = pipeline(tmp_path, server.url, options="retry: {first: 1ms, tries: 2}\n")
        work.path.write_text(work.path.read_text().replace("{openai:", "{openInference:"))
        assert "gave no answer of the protocol" in work.run(succeeds=False)
        assert work.points() == {}


def test_mlserver_over_the_open_inference_protocol(tmp_path, tmp_path_factory):
    with components.mlserver(tmp_path_factory.mktemp("mlserver")) as (url, _):
        work = pipeline(tmp_path, url)
        text = work.path.read_text().replace("{openai:", "{openInference:").replace(
            "model: m", "model: letters, output: vectors")
        work.path.write_text(text)
        work.run()
        assert_vectors(work)
        work.path.write_text(text.replace("model: letters", "model: nobody"))
        assert "Model mismatch" in work.run("--start-over", succeeds=False)
        cleared = apus_server.run("card", "c", "--data", str(work.data), "--clear")
        assert cleared.returncode == 0, cleared.stderr
        assert "answered 404" in work.run("--start-over", succeeds=False)
