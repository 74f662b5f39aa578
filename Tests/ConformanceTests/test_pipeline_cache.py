"""Vectors of texts in a cache: real Redis, real memcached, and everything that is neither."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest

import components
from pipelines import Pipeline
from test_pipeline_embedders import TEXTS, Embeddings, vector


@pytest.fixture
def embeddings():
    server = Embeddings()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with components.redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def memcached(tmp_path_factory):
    with components.memcached(tmp_path_factory.mktemp("memcached")) as port:
        yield port


@pytest.fixture(params=["redis", "memcached"])
def cache(request):
    if request.param == "redis":
        client, port = request.getfixturevalue("redis")
        client.flushall()
        return f"redis://127.0.0.1:{port}/3"
    port = request.getfixturevalue("memcached")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"flush_all\r\n")
        assert connection.recv(100) == b"OK\r\n"
    return f"memcached://127.0.0.1:{port}"


def pipeline(folder, url: str, cache: str, more: str = "") -> Pipeline:
    folder.mkdir(exist_ok=True)
    with (folder / "docs.jsonl").open("w") as lines:
        for key, text in TEXTS.items():
            lines.write(json.dumps({"id": key, "text": text}) + "\n")
    return Pipeline(folder, (
        "source: {files: {path: docs.jsonl, key: id}}\n"
        f"embed: {{openai: {{url: '{url}', model: m, dimension: 3{more}}}}}\n"
        "collection: {name: c, data: data, metric: l2}\n"
        "batch: {texts: 8, records: 10, parallel: 1}\nretry: {first: 5ms}\n"
        f"cache: {cache}\n"))


def assert_vectors(work: Pipeline) -> None:
    found = {p.payload["_source"]["key"]: p.vector for p in work.points().values()}
    assert found == {key: vector(text) for key, text in TEXTS.items()}


def counters(work: Pipeline) -> dict:
    return work.run()["progress"]["counters"]


def test_what_another_pipeline_embedded_is_not_embedded_again(tmp_path, embeddings, cache):
    first = counters(pipeline(tmp_path / "a", embeddings.url, cache))
    assert first["cached"] == first["cacheFailures"] == 0
    calls = len(embeddings.calls)
    assert calls > 0
    work = pipeline(tmp_path / "b", embeddings.url, cache)
    assert counters(work)["cached"] == len(TEXTS)
    assert len(embeddings.calls) == calls
    assert_vectors(work)


def test_another_model_version_or_text_is_embedded(tmp_path, embeddings, cache):
    counters(pipeline(tmp_path / "a", embeddings.url, cache))
    assert counters(pipeline(tmp_path / "b", embeddings.url, cache, ", version: '2'"))[
        "cached"] == 0
    work = pipeline(tmp_path / "c", embeddings.url, cache)
    lines = (work.folder / "docs.jsonl").read_text().replace("text 7 ", "text VII ")
    (work.folder / "docs.jsonl").write_text(lines)
    assert counters(work)["cached"] == len(TEXTS) - 1


def test_whatever_else_is_under_a_key_is_no_vector(tmp_path, embeddings, redis):
    client, port = redis
    client.flushall()
    counters(pipeline(tmp_path / "a", embeddings.url, f"redis://127.0.0.1:{port}"))
    keys = sorted(client.keys("apus:v1:*"))
    assert len(keys) == len(TEXTS)
    values = [client.get(key) for key in keys]
    assert {len(value) for value in values} == {4 + 32 + 3 * 4 + 4}
    wrong = [b"", b"no vector", values[1], values[3][:-1], values[4] + b"x",
             values[5][:40] + bytes([values[5][40] ^ 1]) + values[5][41:]]
    for key, value in zip(keys, wrong, strict=False):
        client.set(key, value)
    work = pipeline(tmp_path / "b", embeddings.url, f"redis://127.0.0.1:{port}")
    # The second value of `wrong` stands where the third belongs, and so on: none is its key's.
    assert counters(work)["cached"] == len(TEXTS) - len(wrong)
    assert_vectors(work)
    # What was wrong has been replaced.
    assert counters(pipeline(tmp_path / "c", embeddings.url, f"redis://127.0.0.1:{port}"))[
        "cached"] == len(TEXTS)


def test_a_key_of_another_type_and_an_expiry(tmp_path, embeddings, redis):
    client, port = redis
    client.flushall()
    cache = f"{{url: 'redis://127.0.0.1:{port}', keep: 1h}}"
    counters(pipeline(tmp_path / "a", embeddings.url, cache))
    keys = client.keys("apus:v1:*")
    assert all(3_000 < client.ttl(key) <= 3_600 for key in keys)
    client.delete(keys[0])
    client.lpush(keys[0], "a list")
    work = pipeline(tmp_path / "b", embeddings.url, cache)
    assert counters(work)["cached"] == len(TEXTS) - 1
    assert_vectors(work)


@contextlib.contextmanager
def listener(answer: bytes | None):
    """A server that answers everything so; None: nothing, and keeps the connection."""
    server = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                if answer is not None:
                    connection.recv(65_536)
                    connection.sendall(answer)
                    connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for connection in held:
        connection.close()


@pytest.mark.parametrize("scheme", ["redis", "memcached"])
@pytest.mark.parametrize("answer", [
    None, b"", b"-ERR no\r\n", b"END\r\n" * 3, b"VALUE x 0 999999999999\r\n", b"\x00" * 5_000,
    b"*1\r\n$3\r\nabc\r\n"])
def test_a_cache_that_is_none_changes_nothing(tmp_path, embeddings, scheme, answer):
    with listener(answer) as port:
        work = pipeline(tmp_path / "a", embeddings.url, f"{scheme}://127.0.0.1:{port}")
        found = counters(work)
    assert found["written"] == len(TEXTS) and found["cached"] == 0
    assert found["cacheFailures"] >= 1 and found["setAside"] == 0
    assert_vectors(work)


@pytest.mark.parametrize("scheme", ["redis", "memcached"])
def test_no_cache_at_all_changes_nothing(tmp_path, embeddings, scheme):
    work = pipeline(
        tmp_path / "a", embeddings.url, f"{scheme}://127.0.0.1:{components.free_port()}")
    assert counters(work)["cacheFailures"] >= 1
    assert_vectors(work)


def test_a_password_of_the_cache_comes_from_elsewhere(tmp_path, embeddings):
    with components.redis(tmp_path, "--requirepass", "hidden") as (_, port):
        cache = f"{{url: 'redis://127.0.0.1:{port}', password: 'env:CACHE_KEY'}}"
        for password, expected in (("hidden", 0), ("hidden", len(TEXTS)), ("wrong", 0)):
            work = pipeline(tmp_path / f"{password}{expected}", embeddings.url, cache)
            work.environment["CACHE_KEY"] = password
            found = counters(work)
            assert found["cached"] == expected
            assert (found["cacheFailures"] > 0) == (password == "wrong")
            assert_vectors(work)
