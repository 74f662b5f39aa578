"""`apus import redis`: vector sets of Redis 8, hashes by a pattern, indexes of RediSearch."""

from __future__ import annotations

import json
import signal
import subprocess
import uuid

import numpy as np
import pytest
from qdrant_client import models

import apus_server
import components
from imports import command, environment, imported, refusal

RANDOM = np.random.default_rng(11)
SAME = "sampled points are as the source has them; searches for them have a recall@10 of 1.0"


def fill_vector_set(client, count: int, *options: str):
    rows = RANDOM.normal(size=(count, 6)).astype(np.float32)
    names = [str(n) if n % 3 == 0 else str(uuid.UUID(int=n)) if n % 3 == 1 else f"ü {n}"
             for n in range(count)]
    for n, (name, row) in enumerate(zip(names, rows)):
        attributes = ["SETATTR", json.dumps({"n": n, "tags": ["a", None]})] if n % 4 else []
        client.execute_command("VADD", "docs", "FP32", row.tobytes(), name, *options, *attributes)
    return names, rows


@pytest.fixture(scope="module")
def redis8(tmp_path_factory):
    with components.redis8(tmp_path_factory.mktemp("redis8")) as (client, port):
        yield client, f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def redis7(tmp_path_factory):
    with components.redis(tmp_path_factory.mktemp("redis7"), "--requirepass", "s3cret") as (
            _, port):
        import redis

        with redis.Redis(port=port, password="s3cret") as client:
            yield client, f"redis://127.0.0.1:{port}"


def test_a_vector_set_is_taken_over_and_goes_on_where_it_was_cut_off(tmp_path, redis8):
    client, url = redis8
    client.flushdb()
    names, rows = fill_vector_set(client, 400, "NOQUANT", "M", "24")
    source = ("import", "redis", "--from", url, "--vector-set", "docs", "--batch-size", "37",
              "--data", str(tmp_path / "data"))
    process = subprocess.Popen(
        [str(apus_server.binary()), *source], env=environment(tmp_path),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    components.wait_until(lambda: int(client.info("commandstats").get(
        "cmdstat_VEMB", {}).get("calls", 0)) > 40, "the second page")
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = command(tmp_path, *source)
    assert "has 400 points, as the source has" in result.stdout and SAME in result.stdout
    found, settings = imported(tmp_path / "data", "docs")
    assert settings.config.params.vectors.size == 6
    assert settings.config.params.vectors.distance == models.Distance.COSINE
    assert settings.config.params.vectors.hnsw_config.m == 24
    assert len(found) == 400
    by_n = {payload["n"]: (key, payload, vector) for key, (payload, vector) in found.items()
            if "n" in payload}
    assert len(by_n) == 300
    for n, (key, payload, vector) in by_n.items():
        kept = {} if n % 3 != 2 else {"redis_element": names[n]}
        assert payload == {"n": n, "tags": ["a", None], **kept}
        assert n % 3 == 2 or key == names[n]
        assert np.allclose(vector, rows[n] / np.linalg.norm(rows[n]), atol=1e-5)
    assert "400 points" in command(tmp_path, *source).stdout, "a run that is over may be repeated"


def test_a_quantized_vector_set_comes_with_its_quantization(tmp_path, redis8):
    client, url = redis8
    client.flushdb()
    names, rows = fill_vector_set(client, 60)
    command(tmp_path, "import", "redis", "--from", url, "--vector-set", "docs", "--data",
            str(tmp_path / "data"))
    found, settings = imported(tmp_path / "data", "docs")
    quantization = settings.config.params.vectors.quantization_config
    assert quantization.scalar.type == models.ScalarType.INT8
    vector = found["3"][1]
    assert np.dot(vector, rows[3] / np.linalg.norm(rows[3])) > 0.999, "as precise as it was there"


def test_what_is_no_vector_set_is_named(tmp_path, redis8, redis7):
    client, url = redis8
    client.set("text", "x")
    assert "WRONGTYPE" in refusal(tmp_path, *into(tmp_path, url, "--vector-set", "text"))
    assert "no vector set 'nothing'" in refusal(
        tmp_path, *into(tmp_path, url, "--vector-set", "nothing"))
    _, older = redis7
    assert "unknown command" in refusal(
        tmp_path, *into(tmp_path, older, "--vector-set", "docs", "--key-from", "PASSWORD"),
        more={"PASSWORD": "s3cret"})


def into(folder, url: str, *more: str) -> tuple[str, ...]:
    return ("import", "redis", "--from", url, "--data", str(folder / "data"), *more)


def test_hashes_by_a_pattern_come_with_a_password_from_a_file(tmp_path, redis7):
    client, url = redis7
    client.flushdb()
    rows = RANDOM.normal(size=(500, 5)).astype(np.float32)
    titles = RANDOM.normal(size=(500, 3)).astype(np.float32)
    for n in range(500):
        client.hset(f"doc:{n}", mapping={
            "body": rows[n].tobytes(), "title": titles[n].tobytes(), "name": f"naïve {n}"})
        client.hset(f"other:{n}", mapping={"x": 1})
    (tmp_path / "secret").write_text("s3cret\n")
    arguments = into(tmp_path, url, "--keys", "doc:*", "--vector", "body", "--vector", "title",
                     "--metric", "l2", "--into", "docs", "--batch-size", "64")
    assert "NOAUTH" in refusal(tmp_path, *arguments)
    wrong = refusal(tmp_path, *arguments, "--key-from", "WRONG", more={"WRONG": "hidden-word"})
    assert "WRONGPASS" in wrong and "hidden-word" not in wrong
    result = command(tmp_path, *arguments, "--key-from", f"file:{tmp_path / 'secret'}")
    assert "has 500 points, as the source has" in result.stdout and SAME in result.stdout
    found, settings = imported(tmp_path / "data", "docs")
    assert settings.config.params.vectors["title"].size == 3
    assert settings.config.params.vectors["title"].distance == models.Distance.EUCLID
    assert len(found) == 500
    for payload, vectors in found.values():
        n = int(payload["redis_key"].removeprefix("doc:"))
        assert payload == {"redis_key": f"doc:{n}", "name": f"naïve {n}"}
        assert np.array_equal(np.array(vectors["body"], np.float32), rows[n])
        assert np.array_equal(np.array(vectors["title"], np.float32), titles[n])


@pytest.mark.parametrize("field, value, message", [
    ("body", b"12345", "'body' has 5 bytes"),
    ("body", np.zeros(4, np.float32).tobytes(), "'body' has 16 bytes"),
    ("other", b"\xff\xfe", "'other' is not UTF-8"),
])
def test_a_hash_that_cannot_be_taken_is_named_and_lost_to_no_one(
        tmp_path, redis7, field, value, message):
    client, url = redis7
    client.flushdb()
    for n in range(50):
        client.hset(f"doc:{n}", "body", RANDOM.normal(size=5).astype(np.float32).tobytes())
    arguments = into(tmp_path, url, "--keys", "doc:*", "--vector", "body", "--into", "docs",
                     "--key-from", "PASSWORD")
    old = client.hget("doc:7", field)
    client.hset("doc:7", field, value)
    said = refusal(tmp_path, *arguments, more={"PASSWORD": "s3cret"})
    if field == "body" and len(value) == 16:
        # Without an index nothing says which dimension is right, but that they differ.
        assert "imension" in said
    else:
        assert "doc:7" in said and message in said
    client.hset("doc:7", field, old) if old else client.hdel("doc:7", field)
    assert "50 points" in command(tmp_path, *arguments, more={"PASSWORD": "s3cret"}).stdout


def test_a_server_that_is_away_or_misnamed_is_named(tmp_path):
    port = components.free_port()
    assert f"127.0.0.1:{port}" in refusal(
        tmp_path, *into(tmp_path, f"redis://127.0.0.1:{port}", "--vector-set", "x"))
    for arguments in [("http://localhost", "--vector-set", "x"),
                      ("redis://localhost", "--vector-set", "x", "--index", "y"),
                      ("redis://localhost", "--keys", "x*", "--into", "c"),
                      ("redis://localhost", "--vector-set", "x", "--user", "me")]:
        said = refusal(tmp_path, *into(tmp_path, *arguments))
        assert "--" in said


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with components.redis_stack(tmp_path_factory.mktemp("stack")) as (client, port):
        yield client, f"redis://127.0.0.1:{port}"


def test_an_index_of_hashes_is_taken_over(tmp_path, stack):
    client, url = stack
    client.flushdb()
    client.execute_command(
        "FT.CREATE", "docs", "ON", "HASH", "PREFIX", "2", "a*:", "b:", "SCHEMA", "year", "NUMERIC",
        "tag", "TAG", "text", "TEXT", "small", "VECTOR", "HNSW", "10", "TYPE", "FLOAT64", "DIM", "4",
        "DISTANCE_METRIC", "IP", "M", "20", "EF_CONSTRUCTION", "90", "large", "VECTOR", "FLAT", "6",
        "TYPE", "FLOAT16", "DIM", "6", "DISTANCE_METRIC", "L2")
    small = RANDOM.normal(size=(300, 4))
    large = RANDOM.normal(size=(300, 6)).astype(np.float16)
    for n in range(300):
        client.hset(f"{'a*' if n % 2 else 'b'}:{n}", mapping={
            "year": 1900 + n if n % 3 else n / 2, "tag": "x", "text": f"t {n}", "n": n,
            "small": small[n].tobytes(), "large": large[n].tobytes()})
        client.hset(f"ab:{n}", "year", 1)  # Not below either prefix: the star stands for itself.
    components.wait_until(
        lambda: int(client.ft("docs").info()["num_docs"]) == 300, "index")
    result = command(tmp_path, *into(tmp_path, url, "--index", "docs", "--batch-size", "50"))
    assert "has 300 points, as the source has" in result.stdout and SAME in result.stdout
    found, settings = imported(tmp_path / "data", "docs")
    params = settings.config.params.vectors
    assert (params["small"].distance, params["large"].distance) == (
        models.Distance.DOT, models.Distance.EUCLID)
    assert (params["small"].hnsw_config.m, params["small"].hnsw_config.ef_construct) == (20, 90)
    assert {name: str(field.data_type) for name, field in settings.payload_schema.items()} == {
        "year": "float", "tag": "keyword", "text": "text"}
    for payload, vectors in found.values():
        n = int(payload["n"])
        assert payload == {"redis_key": f"{'a*' if n % 2 else 'b'}:{n}", "n": str(n), "tag": "x",
                           "text": f"t {n}", "year": 1900 + n if n % 3 else n / 2}
        assert np.allclose(vectors["small"], small[n], atol=1e-6)
        assert np.array_equal(np.array(vectors["large"], np.float16), large[n])


def test_an_index_of_json_documents_is_taken_over(tmp_path, stack):
    client, url = stack
    client.flushdb()
    client.execute_command(
        "FT.CREATE", "docs", "ON", "JSON", "PREFIX", "1", "doc:", "SCHEMA", "$.deep.v", "AS", "v",
        "VECTOR", "HNSW", "6", "TYPE", "FLOAT32", "DIM", "3", "DISTANCE_METRIC", "COSINE",
        "$.year", "AS", "year", "NUMERIC")
    rows = RANDOM.normal(size=(120, 3))
    for n in range(120):
        client.execute_command("JSON.SET", f"doc:{n}", "$", json.dumps(
            {"deep": {"v": rows[n].tolist(), "more": [n, None]}, "year": n}))
    components.wait_until(
        lambda: int(client.ft("docs").info()["num_docs"]) == 120, "index")
    result = command(tmp_path, *into(tmp_path, url, "--index", "docs", "--batch-size", "50"))
    assert "has 120 points, as the source has" in result.stdout
    again = command(tmp_path, *into(tmp_path, url, "--keys", "doc:*", "--json", "--vector",
                                    "deep.v", "--into", "copy"))
    assert "has 120 points, as the source has" in again.stdout
    found, settings = imported(tmp_path / "data", "docs")
    assert set(settings.payload_schema) == {"year"}
    for payload, vector in found.values():
        n = payload["year"]
        assert payload == {"redis_key": f"doc:{n}", "year": n, "deep": {"more": [n, None]}}
        assert np.allclose(vector, rows[n] / np.linalg.norm(rows[n]), atol=1e-5)
    assert "Unknown index name" in refusal(tmp_path, *into(tmp_path, url, "--index", "nothing"))
