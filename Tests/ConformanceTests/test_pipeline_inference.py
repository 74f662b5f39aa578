"""The Open Inference Protocol v2 over gRPC: a server of grpcio with MLServer's own messages, which
answers rightly and in every wrong way, and MLServer itself."""

from __future__ import annotations

import concurrent.futures
import json
import struct
import subprocess
import threading

import grpc
import pytest

import components
from pipelines import Pipeline

messages = pytest.importorskip(
    "mlserver.grpc.dataplane_pb2", reason="install mlserver==1.7.1")
services = pytest.importorskip("mlserver.grpc.dataplane_pb2_grpc")

TEXTS = {f"k{n}": f"text {n} " + "a" * n for n in range(40)}


def vector(text: str) -> list[float]:
    return [float(len(text)), float(text.count("a")), 1.0]


def packed(rows: list[list[float]], datatype: str) -> bytes:
    numbers = [number for row in rows for number in row]
    if datatype == "BF16":
        return b"".join(struct.pack("<f", number)[2:] for number in numbers)
    return struct.pack(f"<{len(numbers)}{ {'FP16': 'e', 'FP32': 'f', 'FP64': 'd'}[datatype]}",
                       *numbers)


class Model(services.GRPCInferenceServiceServicer):
    """A model of the name `m`. `answer(number, texts, context)` may give the rows itself."""

    def __init__(self) -> None:
        self.requests: list = []
        self.metadata: list[dict] = []
        self.asked: list[str] = []
        self.answer = lambda number, texts, context: None
        self.ready = lambda number: True
        self.inputs: list = []
        self.outputs: list = []
        self.datatype, self.is_raw = "FP32", True
        self.decoy = True
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        services.add_GRPCInferenceServiceServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def ModelReady(self, request, context):
        self.asked.append("ready")
        if request.name != "m":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name}")
        return messages.ModelReadyResponse(ready=self.ready(self.asked.count("ready") - 1))

    def ModelMetadata(self, request, context):
        self.asked.append("metadata")
        tensor = messages.ModelMetadataResponse.TensorMetadata
        return messages.ModelMetadataResponse(
            name="m", inputs=[tensor(name=n, datatype=d, shape=s) for n, d, s in self.inputs],
            outputs=[tensor(name=n, datatype=d, shape=s) for n, d, s in self.outputs])

    def ModelInfer(self, request, context):
        number = len(self.requests)
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        texts = [text.decode() for text in request.inputs[0].contents.bytes_contents]
        rows = self.answer(number, texts, context)
        if isinstance(rows, messages.ModelInferResponse):
            return rows
        return self.response(rows or [vector(text) for text in texts])

    def response(self, rows: list[list[float]]):
        """The rows as the tensor `vectors`, behind another one, which has another type."""
        tensor = messages.ModelInferResponse.InferOutputTensor
        width = len(rows[0]) if rows else 0
        output = tensor(name="vectors", datatype=self.datatype, shape=[len(rows), width])
        if not self.is_raw:
            numbers = [number for row in rows for number in row]
            getattr(output.contents, f"{self.datatype.lower()}_contents").extend(numbers)
        answer = messages.ModelInferResponse(model_name="m", outputs=[output])
        raw = [packed(rows, self.datatype)] if self.is_raw else []
        if self.decoy:
            answer.outputs.insert(0, tensor(name="counts", datatype="INT32", shape=[1]))
            raw = [struct.pack("<i", 7), *raw] if self.is_raw else []
        answer.raw_output_contents.extend(raw)
        return answer


@pytest.fixture
def model():
    each = Model()
    each.server.start()
    yield each
    each.server.stop(None).wait()


def pipeline(folder, url: str, more: str = ", output: vectors",
             options: str = "retry: {first: 5ms}\n") -> Pipeline:
    with (folder / "docs.jsonl").open("w") as lines:
        for key, text in TEXTS.items():
            lines.write(json.dumps({"id": key, "text": text}) + "\n")
    return Pipeline(folder, (
        "source: {files: {path: docs.jsonl, key: id}}\n"
        f"embed: {{openInference: {{url: '{url}', model: m, dimension: 3{more}}}}}\n"
        "collection: {name: c, data: data, metric: l2}\nbatch: {texts: 8}\n" + options))


def elsewhere(text: str, old: str, new: str) -> str:
    """The same with another model, into another collection: the card of the first has the old one."""
    return text.replace(f"model: {old}", f"model: {new}").replace("{name: c,", "{name: other,")


def assert_vectors(work: Pipeline, without=()) -> None:
    found = {p.payload["_source"]["key"]: p.vector for p in work.points().values()}
    assert found == {key: vector(text) for key, text in TEXTS.items() if key not in without}


@pytest.mark.parametrize("datatype, is_raw", [
    ("FP32", True), ("FP32", False), ("FP16", True), ("BF16", True), ("FP64", True),
    ("FP64", False)])
def test_vectors_belong_to_their_texts(tmp_path, model, datatype, is_raw):
    model.datatype, model.is_raw = datatype, is_raw
    work = pipeline(tmp_path, model.url, ", output: vectors, version: '7', key: 'env:EMBED_KEY'")
    work.environment["EMBED_KEY"] = "hidden"
    work.run()
    assert_vectors(work)
    assert all(len(each.inputs[0].contents.bytes_contents) <= 8 for each in model.requests)
    assert {each["authorization"] for each in model.metadata} == {"Bearer hidden"}
    assert {(each.model_name, each.model_version, each.inputs[0].datatype)
            for each in model.requests} == {("m", "7", "BYTES")}
    assert {out.name for each in model.requests for out in each.outputs} == {"vectors"}
    assert "ready" in model.asked and "metadata" in model.asked
    count = len(model.requests)
    work.run()
    assert len(model.requests) == count, "what is there is not embedded again"


def test_tensors_are_what_the_metadata_says(tmp_path, model):
    model.inputs = [("numbers", "FP32", [-1, 2]), ("sentences", "BYTES", [-1, 1])]
    model.outputs = [("vectors", "FP32", [-1, 3])]
    work = pipeline(tmp_path, model.url, more="")
    work.run()
    assert_vectors(work)
    assert {each.inputs[0].name for each in model.requests} == {"sentences"}
    assert all(list(each.inputs[0].shape) == [len(each.inputs[0].contents.bytes_contents), 1]
               for each in model.requests)


@pytest.mark.parametrize("inputs, outputs, message", [
    ([("a", "FP32", [-1])], [], "no input '' of texts"),
    ([], [("vectors", "FP32", [-1, 4])], "vectors of 4 numbers in 'vectors', expected 3"),
    ([], [("vectors", "INT8", [-1, 3])], "an output 'vectors' of INT8"),
    ([], [("other", "FP32", [-1, 3])], "no output 'vectors'"),
])
def test_metadata_that_contradict_end_the_run_before_a_text_is_sent(
        tmp_path, model, inputs, outputs, message):
    model.inputs, model.outputs = inputs, outputs
    assert message in pipeline(tmp_path, model.url).run(succeeds=False)
    assert not model.requests


def test_a_model_that_starts_is_waited_for_and_one_that_is_not_there_is_named(tmp_path, model):
    model.ready = lambda number: number >= 2
    work = pipeline(tmp_path, model.url, options="retry: {first: 5ms}\nbatch: {parallel: 1}\n")
    work.write(work.path.read_text().partition("\n")[2].replace("batch: {texts: 8}\n", "", 1))
    assert work.run()["progress"]["counters"]["retries"] == 2
    assert_vectors(work)
    work.write(elsewhere(work.path.read_text().partition("\n")[2], "m", "nobody"))
    assert "answered notFound: no model nobody" in work.run("--start-over", succeeds=False)


def test_overload_and_failures_are_waited_for(tmp_path, model):
    def answer(number, texts, context):
        if number == 0:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", "10"),))
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down")
        if number == 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        if number == 3:
            raise ValueError("oops")
        if number == 5:
            return messages.ModelInferResponse(model_name="m")
        return None

    model.answer = answer
    work = pipeline(tmp_path, model.url)
    counters = work.run()["progress"]["counters"]
    assert counters["retries"] == 4 and counters["setAside"] == 0
    assert_vectors(work)


def test_a_text_that_is_refused_is_set_aside_alone(tmp_path, model):
    def answer(number, texts, context):
        if TEXTS["k17"] in texts:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too many tokens")

    model.answer = answer
    work = pipeline(tmp_path, model.url)
    assert work.run()["progress"]["counters"]["setAside"] == 1
    [letter] = work.dead_letters
    assert letter["key"] == "k17" and "too many tokens" in letter["cause"]
    assert letter["stage"] == "embed"
    assert_vectors(work, without={"k17"})


@pytest.mark.parametrize("datatype, is_raw", [("FP32", True), ("FP32", False), ("FP16", True)])
def test_a_vector_that_is_no_number_is_never_stored(tmp_path, model, datatype, is_raw):
    model.datatype, model.is_raw = datatype, is_raw
    model.answer = lambda number, texts, context: [
        [1.0, float("nan"), 2.0] if text == TEXTS["k3"] else vector(text) for text in texts]
    work = pipeline(tmp_path, model.url)
    work.run()
    [letter] = work.dead_letters
    assert letter["key"] == "k3" and "nan at position 1" in letter["cause"]
    assert_vectors(work, without={"k3"})


def broken(model, change):
    """An answer that contradicts itself."""
    def answer(number, texts, context):
        response = model.response([vector(text) for text in texts])
        change(response)
        return response
    return answer


@pytest.mark.parametrize("change, message", [
    (lambda r: r.outputs[1].shape.__setitem__(0, -1), "in a shape of [-1, 3]"),
    (lambda r: r.outputs[1].shape.__setitem__(0, 0), "in a shape of [0, 3]"),
    (lambda r: r.outputs[1].shape.__setitem__(0, 2**62), "in a shape of"),
    (lambda r: r.outputs[1].ClearField("shape"), "in a shape of []"),
    (lambda r: r.raw_output_contents.pop(), "none of whole FP32"),
    (lambda r: r.raw_output_contents.__setitem__(1, b"12345"), "none of whole FP32"),
    (lambda r: setattr(r.outputs[1], "datatype", "BYTES"), "numbers of the type 'BYTES'"),
    (lambda r: setattr(r.outputs[1], "name", "other"), "no output 'vectors'"),
    (lambda r: r.raw_output_contents.__setitem__(1, b""), "0 numbers in a shape of [8, 3]"),
    (lambda r: (r.raw_output_contents.__setitem__(1, b""),
                r.outputs[1].shape.__setitem__(0, 2**62)), "0 numbers in a shape of"),
])
def test_answers_that_contradict_themselves_are_named(tmp_path, model, change, message):
    model.answer = broken(model, change)
    work = pipeline(tmp_path, model.url, options="retry: {first: 1ms, tries: 2}\n")
    assert message in work.run(succeeds=False)
    assert work.points() == {}


@pytest.mark.parametrize("rows, message", [
    (lambda texts: [vector(t)[:2] for t in texts], "gave a vector of 2 numbers, expected 3"),
    (lambda texts: [vector(t) for t in texts][1:], "vectors for"),
    (lambda texts: [vector(t) for t in texts] + [[1.0, 2.0, 3.0]], "vectors for"),
])
def test_a_wrong_shape_ends_the_run_and_loses_nothing(tmp_path, model, rows, message):
    model.answer = lambda number, texts, context: rows(texts)
    work = pipeline(tmp_path, model.url, options="retry: {first: 1ms, tries: 3}\n")
    assert message in work.run(succeeds=False)
    assert work.points() == {}
    model.answer = lambda number, texts, context: None
    work.run()
    assert_vectors(work)


def test_revoked_keys_and_slow_answers_are_named(tmp_path, model):
    model.answer = lambda number, texts, context: context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "invalid api key")
    work = pipeline(tmp_path, model.url, ", output: vectors, timeout: 300ms",
                    options="retry: {first: 1ms, tries: 2}\n")
    assert "answered unauthenticated: invalid api key" in work.run(succeeds=False)
    assert len(model.requests) <= 4, "no call is repeated"
    gate = threading.Event()
    model.answer = lambda number, texts, context: gate.wait(30) and None
    said = work.run(succeeds=False)
    gate.set()
    assert f"{model.url} ModelInfer answered deadlineExceeded" in said
    model.answer = lambda number, texts, context: None
    work.run()
    assert_vectors(work)


def test_a_server_that_is_away_or_misnamed_is_named(tmp_path):
    url = f"grpc://127.0.0.1:{components.free_port()}"
    work = pipeline(tmp_path, url, options="retry: {first: 1ms, tries: 2}\n")
    said = work.run(succeeds=False)
    assert url in said and "unavailable" in said
    for wrong in ("grpc://localhost", "grpc://:80", "grpc://localhost:80/x"):
        assert "must be grpc://HOST:PORT" in pipeline(tmp_path, wrong).run(succeeds=False)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, model):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True)
    port = model.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
        [((tmp_path / "key.pem").read_bytes(), (tmp_path / "cert.pem").read_bytes())]))
    work = pipeline(tmp_path, f"grpcs://127.0.0.1:{port}",
                    options="retry: {first: 1ms, tries: 2}\n")
    assert "unavailable" in work.run(succeeds=False) and not model.requests


def test_mlserver_over_grpc(tmp_path, tmp_path_factory):
    with components.mlserver(tmp_path_factory.mktemp("mlserver")) as (_, url):
        work = pipeline(tmp_path, url)
        text = work.path.read_text().replace("model: m", "model: letters")
        work.path.write_text(text)
        work.run()
        assert_vectors(work)
        work.path.write_text(elsewhere(text, "letters", "nobody"))
        # MLServer says UNKNOWN of what it does not know, so it is asked again before that is told.
        assert "Model nobody" in work.run("--start-over", succeeds=False)
